"""A quantized network made ready for inference: what never changes again is computed once."""

import copy
from collections import Counter

import torch
from brevitas.nn.mixin import QuantWeightMixin
from torch import fx, nn

from repro.fakequant.tensor_quantizers import FrozenQuant


@torch.no_grad()
def freeze(model: fx.GraphModule) -> fx.GraphModule:
    """A copy of a network from `quantize` (with the fused kernel), in eval mode, with the same outputs in less time.

    A quantized network computes its scales and rounds its weights anew in every forward pass, which training needs and
    inference does not. Here the weights hold their quantized values and activations a settled scale, and a ReLU or ReLU6
    that only feeds quantizers becomes part of their clamp. The given network is left as it is, to train or quantize further.
    Raises BadInput for a network with another kernel.
    """
    model = copy.deepcopy(model).eval()
    modules = dict(model.named_modules())
    clamps = _merge_activations(model, modules)
    for name, layer in modules.items():
        if isinstance(layer, QuantWeightMixin):
            quantized = layer.quant_weight().value
            layer.weight_quant.disable_quant = True
            layer.weight.copy_(quantized)
            proxy = layer.input_quant.fused_activation_quant_proxy
            proxy.tensor_quant = FrozenQuant(proxy.tensor_quant, clamps.get(name))
    return model


def _merge_activations(model: fx.GraphModule, modules: dict[str, nn.Module]) -> dict[str, tuple[float, float]]:
    """Take out each ReLU and ReLU6 that only feeds quantized layers; the clamp that each of these layers is then to do."""
    clamps = {}
    calls = Counter(node.target for node in model.graph.nodes if node.op == "call_module")
    for node in list(model.graph.nodes):
        module = modules.get(node.target) if node.op == "call_module" else None
        if isinstance(module, (nn.ReLU, nn.ReLU6)):
            layers = _fed_layers(node, modules)
            if layers and all(calls[layer] == 1 for layer in layers):
                clamps |= dict.fromkeys(layers, (0.0, 6.0 if isinstance(module, nn.ReLU6) else float("inf")))
                node.replace_all_uses_with(node.args[0])
                model.graph.erase_node(node)
    model.delete_all_unused_submodules()
    model.recompile()
    return clamps


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
