"""A quantized network made ready for inference: what never changes again is computed once."""

import copy
import inspect
import operator
from collections import Counter

import brevitas.nn as qnn
import torch
from brevitas.nn.mixin import QuantWeightMixin
from torch import Tensor, fx, nn

from repro.errors import BadInput
from repro.fakequant.module import FakeQuantize
from repro.ptq.graph import COMPUTE_LAYERS

INFINITY = float("inf")
_IN_PLACE = {"setitem", *({f"i{name}" for name in dir(operator)} & set(dir(operator)))}
"""Python's own: iadd for +=, and its like."""


@torch.no_grad()
def freeze(model: nn.Module) -> nn.Module:
    """A copy of a network from `quantize` (with the fused kernel), in eval mode, with the same outputs in less time.

    A quantized network computes its scales and rounds its weights anew in every forward pass, which training needs and
    inference does not. Here each quantized layer becomes a plain one with quantized weights behind a `FakeQuantize`, and a ReLU
    or ReLU6 that only feeds such layers becomes part of their clamp. The given network is left as it is, to train or quantize
    further. Raises BadInput for any other network.
    """
    # A layer whose weight the network also reads stays as it is: what is read there is the float weight.
    read = {node.target.rpartition(".")[0] for node in model.graph.nodes if node.op == "get_attr"} if hasattr(model, "graph") else set()
    quantized = [name for name, module in model.named_modules() if isinstance(module, (QuantWeightMixin, qnn.QuantIdentity))
                 and name not in read]
    if not isinstance(model, fx.GraphModule) or not quantized:
        raise BadInput("only a network from repro.ptq.quantize can be frozen, and only once")
    model = copy.deepcopy(model).eval()
    clamps = _merge_activations(model, read)
    for name in quantized:
        layer = model.get_submodule(name)
        parent, _, child = name.rpartition(".")
        if isinstance(layer, qnn.QuantIdentity):  # between the products of an attention
            if layer.act_quant.is_quant_enabled:
                setattr(model.get_submodule(parent), child, _settled(layer.act_quant))
            continue
        inputs = _settled(layer.input_quant, clamps.get(name, (-INFINITY, INFINITY)))
        setattr(model.get_submodule(parent), child, _Frozen(inputs, _plain(layer)))
    return model


class _Frozen(nn.Sequential):
    """A quantizer, and the layer behind it, which takes what further arguments there are (a transposed convolution has one)."""

    def forward(self, input: Tensor, *args, **kwargs) -> Tensor:
        quantizer, layer = self
        return layer(quantizer(input), *args, **kwargs)


def _settled(proxy: nn.Module, clamp: tuple[float, float] = (-INFINITY, INFINITY)) -> FakeQuantize:
    """What an activation quantizer does, its scale settled."""
    quantizer = proxy.fused_activation_quant_proxy.tensor_quant
    rounding = getattr(quantizer, "int_quant", quantizer)
    if not hasattr(rounding, "format"):
        raise BadInput("only networks with our kernel can be frozen: quantize with kernel=\"fused\"")
    return FakeQuantize(rounding.format, proxy.scale(), *clamp)


def _plain(layer: nn.Module) -> nn.Module:
    """The float layer that computes what a quantized one does, with its quantized weights."""
    kind = next(kind for kind in COMPUTE_LAYERS if isinstance(layer, kind))
    arguments = inspect.signature(kind).parameters.keys() - {"bias", "device", "dtype"}
    plain = kind(**{name: getattr(layer, name) for name in arguments if hasattr(layer, name)}, bias=layer.bias is not None,
                 device=layer.weight.device, dtype=layer.weight.dtype)
    plain.weight = nn.Parameter(layer.quant_weight().value.clone())  # in its own memory format
    if layer.bias is not None:
        plain.bias.copy_(layer.bias)
    # PyTorch takes another path, and another order of sums, for weights with a gradient and inputs that are not contiguous.
    return plain.requires_grad_(False).eval()


def _merge_activations(model: nn.Module, read: set[str]) -> dict[str, tuple[float, float]]:
    """Take out each ReLU and ReLU6 that only feeds quantized layers; the clamp that each of these layers is then to do."""
    clamps = {}
    modules = dict(model.named_modules())
    calls = Counter(node.target for node in model.graph.nodes if node.op == "call_module")
    written = any(map(_writes, model.graph.nodes)) or any(getattr(module, "inplace", False) for module in modules.values())
    for node in list(model.graph.nodes):
        module = modules.get(node.target) if node.op == "call_module" else None
        if not isinstance(module, (nn.ReLU, nn.ReLU6)):
            continue
        (source,) = node.all_input_nodes
        layers = _fed_layers(node, modules)
        # In place, it changes what others see of its input, and others in place change its input: keep it unless a layer's output
        # is its own.
        own = source.op == "call_module" and len(source.users) == 1 and isinstance(modules[source.target], QuantWeightMixin)
        if layers and all(calls[layer] == 1 and layer not in read for layer in layers) and (own or not written):
            clamps |= dict.fromkeys(layers, (0.0, 6.0 if isinstance(module, nn.ReLU6) else INFINITY))
            node.replace_all_uses_with(source)
            model.graph.erase_node(node)
    model.delete_all_unused_submodules()
    model.recompile()
    return clamps


def _writes(node: fx.Node) -> bool:
    """Whether a call works in place, by its name: relu_, iadd, setitem."""
    name = getattr(node.target, "__name__", str(node.target))
    in_place = name.endswith("_") and not name.endswith("__") or name in _IN_PLACE
    return node.op in ("call_method", "call_function") and in_place


def _fed_layers(node: fx.Node, modules: dict[str, nn.Module]) -> set[str | None]:
    """Names of the quantized layers that a node feeds, through zero padding, which clamping leaves zero; None for others."""
    found = set()
    for user in node.users:
        module = modules.get(user.target) if user.op == "call_module" else None
        if isinstance(module, (nn.ZeroPad2d, nn.Identity)):
            found |= _fed_layers(user, modules)
        else:
            found.add(user.target if isinstance(module, QuantWeightMixin) else None)
    return found
