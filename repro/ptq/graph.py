"""What a network does, call by call: its traced graph, and what was seen when a batch ran through it."""

import copy
import inspect
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
ATTENTION = (nn.MultiheadAttention, qnn.ScaledDotProductAttention)
"""Layers that multiply activations with each other, which Brevitas quantizes as a whole."""

_AS_MODULES = (*TorchFunctionalToModule.FN_TO_MODULE_MAP,
               (functional.scaled_dot_product_attention, qnn.ScaledDotProductAttention))
_MULTIPLIES = re.compile(r"convolution|attention|transformer|rnn|lstm|gru|trilinear|(mm|mv|dot)$")
"""PyTorch's own operations that are made of multiply-accumulates, whatever called them. Scaling and pooling are not."""


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


def batch(calibration: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The inputs of a network, one tensor each. Raises BadInput when one is empty or holds NaN or infinity."""
    inputs = (calibration,) if isinstance(calibration, Tensor) else tuple(calibration)
    for tensor in inputs:
        if tensor.numel() == 0:
            raise BadInput(f"the calibration batch is empty (shape {tuple(tensor.shape)}): give at least one input")
        if not tensor.isfinite().all():
            raise BadInput("the calibration batch holds NaN or infinity: remove those inputs, they would become scales")
    return inputs


def trace(model: nn.Module) -> fx.GraphModule:
    """The graph of a copy of the network in eval mode; functions that have a module become one, dropout goes.

    Weights behind a parametrization (weight norm) are settled, and a subclass that computes what its PyTorch layer does
    counts as that layer. Raises BadInput for a network that is quantized already or that torch.fx cannot trace, and for a layer
    with hooks, which a quantized layer would not have.
    """
    kind = type(model).__name__
    for name, module in model.named_modules():
        if type(module).__module__.startswith(("brevitas.", "repro.fakequant.")):
            raise BadInput(f"{kind} is quantized already ({name or 'the network'} is a {type(module).__name__}): give the float network")
        if isinstance(module, COMPUTE_LAYERS) and (module._forward_hooks or module._forward_pre_hooks):
            raise BadInput(f"{name or kind} has forward hooks, which a quantized layer would lose: remove them first (of the older "
                           "weight norm: torch.nn.utils.remove_weight_norm)")
    model = eval_copy(model)
    for module in model.modules():
        if isinstance(module, COMPUTE_LAYERS):
            _simplify(module)
    if isinstance(model, (*COMPUTE_LAYERS, nn.MultiheadAttention)):  # torch.fx looks into the root, however small
        model = nn.Sequential(model)
    try:
        graph = fx.symbolic_trace(model)
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
    observer.run(*inputs)
    return observer.calls


@torch.no_grad()
def outputs(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """The floating-point tensors that a network gives, in order, however they are packed.

    Raises BadInput when it does not run on the inputs, or gives none, or NaN or infinity.
    """
    kind = type(model).__name__
    shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
    try:
        leaves = tree_leaves(model(*inputs))
    except Exception as error:
        raise BadInput(f"{kind} does not run on the calibration batch of shape {shapes} ({_line(error)}): "
                       "give what its forward takes, several inputs as a tuple") from error
    found = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    if not found or not all(tensor.isfinite().all() for tensor in found):
        raise BadInput(f"{kind} gives {'NaN or infinity' if found else 'no floating-point tensor'} on the calibration batch: "
                       "nothing to compare the quantized network with")
    return found


def difference(model: nn.Module, reference: list[Tensor], inputs: tuple[Tensor, ...]) -> float:
    """How far a network's outputs are from the reference: the largest ``|y - r| / |r|`` (Euclidean norms) of an output.

    Infinite when their number or shapes differ.
    """
    found = outputs(model, inputs)
    if [y.shape for y in found] != [r.shape for r in reference]:
        return float("inf")
    tiny = torch.finfo(torch.float32).tiny
    return max((((y - r).norm() / r.norm().clamp_min(tiny)).item() for y, r in zip(found, reference)), default=0.0)


def _simplify(layer: nn.Module) -> None:
    """Make a layer, in place, the plain PyTorch layer that it amounts to."""
    if parametrize.is_parametrized(layer):  # remove_parametrizations would change the class that the original shares with its copy
        settled = {name: getattr(layer, name).detach() for name in layer.parametrizations}
        layer.__class__ = parametrize.type_before_parametrizations(layer)
        del layer.parametrizations
        for name, value in settled.items():
            setattr(layer, name, nn.Parameter(value))
    plain = next(kind for kind in COMPUTE_LAYERS if isinstance(layer, kind))
    if all(getattr(type(layer), method, None) is getattr(plain, method, None) for method in ("forward", "_conv_forward")):
        layer.__class__ = plain


class _Observer(fx.Interpreter):
    def __init__(self, graph: fx.GraphModule):
        super().__init__(graph)
        self.calls: list[Call] = []

    def run_node(self, node: fx.Node):
        with _Operations() as operations:
            result = super().run_node(node)
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        multiplies = any(map(_MULTIPLIES.search, operations.names))
        self.calls.append(Call(
            node=node, name=_name(node), multiplies=multiplies, gives_tensor=bool(tensors),
            dims=result.dim() if isinstance(result, Tensor) else 0,
            low=min((x.min().item() for x in self._inputs(node)), default=0.0) if multiplies else 0.0))
        return result

    def _inputs(self, node: fx.Node) -> list[Tensor]:
        """What a layer multiplies: its first argument, of attention the first three."""
        if node.op != "call_module":
            return []
        module = self.module.get_submodule(node.target)
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        given = list(inspect.signature(module.forward).bind(*args, **kwargs).arguments.values())
        return [x for x in given[:3 if isinstance(module, ATTENTION) else 1] if isinstance(x, Tensor) and x.numel()]


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
