"""What a network does, call by call: its traced graph, and what was seen when a batch ran through it."""

import copy
import inspect
import math
import re
from dataclasses import dataclass

import brevitas.nn as qnn
import torch
import torch.nn.functional as functional
from brevitas.graph.standardize import DuplicateSharedStatelessModule, RemoveStochasticModules, TorchFunctionalToModule
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from repro.errors import BadInput

COMPUTE_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)
"""Layers with weights that Brevitas quantizes one by one."""
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
ATTENTION = (nn.MultiheadAttention, qnn.ScaledDotProductAttention)
"""Layers that multiply activations with each other, which Brevitas quantizes as a whole."""

_AS_MODULES = (*TorchFunctionalToModule.FN_TO_MODULE_MAP,
               (functional.scaled_dot_product_attention, qnn.ScaledDotProductAttention))
_MULTIPLIES = re.compile(r"conv|attention|transformer|rnn|lstm|gru|trilinear|dist|vecdot|matmul|^linear|mkldnn_linear|(mm|mv|dot)_?$")
"""PyTorch's own operations that are made of multiply-accumulates, whatever called them. Scaling and pooling are not, and a sum of
elementwise products is not seen."""
_EMPTY = re.compile(r"^(zeros|ones|empty|full|new_\w+|rand\w*)(_like)?$")
"""Operations whose result says nothing of the values that came in."""


@dataclass(frozen=True)
class Call:
    """One call in a network, as it went on a batch."""

    node: fx.Node
    name: str
    """Of a module its place in the network; of a function the module that calls it, then the name of the call."""
    multiplies: bool
    """Whether it is made of multiply-accumulates."""
    gives_tensor: bool
    dims: int
    """Axes of the result; 0 when it is no tensor."""
    low: float
    """The smallest value that came in: of the input, or of query, key and value."""
    sources: tuple[fx.Node, ...]
    """Whose values it uses: of a layer its input, or query, key and value, without masks; else all that it was given."""
    changes: fx.Node | None
    """Whose result it writes into, in place."""


def batch(calibration: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The inputs of a network, one tensor each. Raises BadInput unless each is a tensor with something in it, and finite."""
    inputs = (calibration,) if isinstance(calibration, Tensor) else calibration
    if not isinstance(inputs, (tuple, list)) or not inputs or not all(isinstance(tensor, Tensor) for tensor in inputs):
        raise BadInput("calibration is a tensor, or a tuple with one for each input: wrap a network that takes anything else")
    inputs = tuple(inputs)
    for tensor in inputs:
        if tensor.numel() == 0:
            raise BadInput(f"the calibration batch is empty (shape {tuple(tensor.shape)}): give at least one input")
        if not tensor.isfinite().all():
            raise BadInput("the calibration batch holds NaN or infinity: remove those inputs, they would become scales")
    return inputs


def trace(model: nn.Module, inputs: int = 1) -> fx.GraphModule:
    """The graph of a copy of the network in eval mode, for so many inputs; functions that have a module become one, dropout goes.

    Weights behind a parametrization (weight norm) are settled, and a subclass that computes what its PyTorch layer does
    counts as that layer. Raises BadInput for a network that is quantized already or that torch.fx cannot trace, for a weight that
    is not finite or not there yet, and for hooks, which a quantized layer would not have.
    """
    kind = type(model).__name__
    for name, module in model.named_modules():
        if type(module).__module__.startswith(("brevitas.", "repro.fakequant.")):
            raise BadInput(f"{kind} is quantized already ({name or 'the network'} is a {type(module).__name__}): give the float network")
        if isinstance(module, nn.modules.lazy.LazyModuleMixin) and module.has_uninitialized_params():
            raise BadInput(f"{name or kind} has no weights yet: run the network once first")
        if (module._forward_hooks or module._forward_pre_hooks) and not any(True for _ in module.children()):
            raise BadInput(f"{name or kind} has forward hooks, which a quantized layer would lose: remove them first (of the older "
                           "weight norm: torch.nn.utils.remove_weight_norm, of pruning: torch.nn.utils.prune.remove)")
        if isinstance(module, COMPUTE_LAYERS) and not module.weight.isfinite().all():
            raise BadInput(f"the weights of {name or kind} hold NaN or infinity: load the network again")
    model = eval_copy(model)
    for module in model.modules():
        if isinstance(module, (*COMPUTE_LAYERS, *NORMS, nn.MultiheadAttention)):
            _simplify(module)
    if isinstance(model, (*COMPUTE_LAYERS, nn.MultiheadAttention)):  # torch.fx looks into the root, however small
        model = nn.Sequential(model)
    # What has a default and is not among the inputs keeps it: `mask=None` and flags are settled.
    parameters = list(inspect.signature(model.forward).parameters.values())[inputs:]
    settled = {parameter.name: parameter.default for parameter in parameters if parameter.default is not parameter.empty}
    try:
        graph = fx.symbolic_trace(model, settled)
    except Exception as error:  # whatever a forward method does with a stand-in for a tensor
        raise BadInput(f"torch.fx cannot trace {kind} ({_line(error)}): write its forward without branches and "
                       "loops that depend on the data") from error
    for step in (TorchFunctionalToModule(_AS_MODULES), DuplicateSharedStatelessModule(), RemoveStochasticModules()):
        graph = step.apply(graph)
    return graph.eval()


def eval_copy(model: nn.Module) -> nn.Module:
    """A copy in eval mode. Raises BadInput for a network that cannot be copied."""
    try:
        return copy.deepcopy(model).eval()
    except Exception as error:
        raise BadInput(f"{type(model).__name__} cannot be copied ({_line(error)}): detach the tensors that it keeps") from error


@torch.no_grad()
def observe(graph: fx.GraphModule, inputs: tuple[Tensor, ...]) -> list[Call]:
    """Every call in the order of execution, as it goes on these inputs. A module that is called twice has two."""
    observer = _Observer(graph)
    try:
        with torch.inference_mode(False), torch.no_grad():  # inference mode would hide what operations are made of
            observer.run(*(x.clone() for x in inputs))
    except Exception as error:
        raise BadInput(f"the graph of the network does not run on the calibration batch ({_line(error)}): "
                       "its forward does something that torch.fx does not see") from error
    return observer.calls


@torch.no_grad()
def outputs(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """The floating-point tensors that a network gives, in order, however they are packed.

    Raises BadInput when it does not run on the inputs, or gives none, or NaN or infinity.
    """
    kind = type(model).__name__
    shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
    try:
        leaves = tree_leaves(model(*(x.clone() for x in inputs)))  # a network may write into its input
    except Exception as error:
        raise BadInput(f"{kind} does not run on the calibration batch of shape {shapes} ({_line(error)}): "
                       "give what its forward takes, several inputs as a tuple") from error
    found = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    if not found or not all(tensor.isfinite().all() for tensor in found):
        raise BadInput(f"{kind} gives {'NaN or infinity' if found else 'no floating-point tensor'} on the calibration batch: "
                       "nothing to compare the quantized network with")
    return found


def difference(model: nn.Module, reference: list[Tensor], inputs: tuple[Tensor, ...]) -> float:
    """How far a network's outputs are from the reference: the largest ``|y - r| / |r - mean(r)|`` (Euclidean norms) of an output.

    What float32 rounds off, a millionth of ``|r|``, does not count. Infinite when their number or shapes differ. Raises BadInput
    as :func:`outputs` does.
    """
    found = outputs(model, inputs)
    if [y.shape for y in found] != [r.shape for r in reference]:
        return float("inf")
    tiny = torch.finfo(torch.float32).tiny
    return max((((y - r).norm() - 1e-6 * r.norm()).clamp_min(0) / (r - r.mean()).norm().clamp_min(tiny)).item()
               for y, r in zip(found, reference))


def _simplify(layer: nn.Module) -> None:
    """Make a layer, in place, the plain PyTorch layer that it amounts to."""
    if parametrize.is_parametrized(layer):  # remove_parametrizations would change the class that the original shares with its copy
        settled = {name: getattr(layer, name).detach() for name in layer.parametrizations}
        layer.__class__ = parametrize.type_before_parametrizations(layer)
        del layer.parametrizations
        for name, value in settled.items():
            setattr(layer, name, nn.Parameter(value))
    plain = next(kind for kind in (*COMPUTE_LAYERS, *NORMS, nn.MultiheadAttention) if isinstance(layer, kind))
    # Whatever else a subclass defines, a weight that is a property for example, its forward might use.
    own = {name for kind in type(layer).__mro__[:type(layer).__mro__.index(plain)] for name in vars(kind)}
    if own <= {"__init__", "__module__", "__doc__", "__qualname__", "__static_attributes__", "__firstlineno__", "__annotations__",
               "extra_repr"}:
        layer.__class__ = plain


class _Observer(fx.Interpreter):
    def __init__(self, graph: fx.GraphModule):
        super().__init__(graph)
        self.calls: list[Call] = []

    def run_node(self, node: fx.Node):
        sources = self._sources(node)
        came = {source: self.env[source] for source in sources if isinstance(self.env.get(source), Tensor)}
        versions = {source: tensor._version for source, tensor in came.items()}
        low = 0.0
        if node.op == "call_module" and isinstance(self.module.get_submodule(node.target), (*COMPUTE_LAYERS, *ATTENTION)):
            factor = node.kwargs.get("scale")  # of an attention; below zero it turns the signs around
            low = min((x.min().item() for x in came.values() if x.numel()), default=0.0) if not factor or factor > 0 else -math.inf
        with _Operations() as operations:
            result = super().run_node(node)
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.calls.append(Call(
            node=node, name=_name(node), multiplies=any(map(_MULTIPLIES.search, operations.names)), gives_tensor=bool(tensors),
            dims=result.dim() if isinstance(result, Tensor) else 0, low=low, sources=sources,
            changes=next((source for source, before in versions.items() if came[source]._version != before), None)))
        return result

    def _sources(self, node: fx.Node) -> tuple[fx.Node, ...]:
        if node.op != "call_module":
            made_anew = _EMPTY.match(getattr(node.target, "__name__", str(node.target)))
            return () if made_anew else tuple(node.all_input_nodes)
        module = self.module.get_submodule(node.target)
        given = list(inspect.signature(module.forward).bind(*node.args, **node.kwargs).arguments.values())
        chosen = given[:3] if isinstance(module, ATTENTION) else given[:1]
        return tuple(value for value in chosen if isinstance(value, fx.Node))


class _Operations(TorchDispatchMode):
    """Names of PyTorch's operations that run inside the block."""

    def __init__(self):
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.add(operation.name().partition("::")[2].partition(".")[0])
        return operation(*args, **(kwargs or {}))


def _name(node: fx.Node) -> str:
    if node.op == "call_module":
        return node.target
    scope = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return ".".join(filter(None, [*scope[-1:], node.name]))


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
