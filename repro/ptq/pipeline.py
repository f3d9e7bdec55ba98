"""From a recipe and a float network to a quantized one, with Brevitas.

Steps: trace with torch.fx and merge batch norm; plan, layer by layer; replace layers by Brevitas' layers; set the activation scales
on calibration inputs.
"""

from collections.abc import Iterable
from dataclasses import replace

import brevitas.nn as qnn
import torch
from brevitas.graph.calibrate import calibration_mode, quantization_status_manager
from brevitas.graph.quantize import layerwise_quantize
from brevitas.proxy.runtime_quant import ActQuantProxyFromInjectorBase
from torch import Tensor, fx, nn

from repro.errors import BadInput
from repro.fakequant import activation_injector, weight_injector
from repro.formats import Integer
from repro.ptq.batch_norm import TOLERANCE, merge_batch_norm
from repro.ptq.graph import COMPUTE_LAYERS, batch, difference, outputs
from repro.ptq.planning import Layer, plan_graph
from repro.ptq.recipe import Recipe


def compute_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The layers with weights that multiply (convolutions and linear layers, float or Brevitas), by name, as the module tree has them."""
    return {name: module for name, module in model.named_modules() if isinstance(module, COMPUTE_LAYERS)}


@torch.no_grad()
def quantize(model: nn.Module, recipe: Recipe, calibration: Tensor | tuple[Tensor, ...], kernel: str = "fused",
             allow_float: Iterable[str] = ()) -> nn.Module:
    """The network quantized by the recipe, in eval mode; the given network is left as it is.

    `calibration`: a float32 batch of network inputs, in one piece, that sets the activation scales; for several inputs a tuple. An
    activation's scale covers every call of its layer. `kernel`: whose arithmetic rounds behind Brevitas' proxies, "fused"
    (ours) or "brevitas"; the outputs are the same. `allow_float`: names, or patterns such as "blocks.*.matmul", of what may
    go on multiplying in float; :func:`repro.ptq.plan` shows the names.

    Raises BadInput when anything else would multiply in float; when the batch is empty or holds NaN or infinity, or a weight
    does; when the network has nothing to quantize or cannot be traced; and when, with its quantizers off, the new network does
    not give the outputs of the float one.
    """
    kind, inputs = type(model).__name__, batch(calibration)
    graph = merge_batch_norm(model, inputs)
    reference = outputs(graph, inputs)
    chosen = plan_graph(graph, recipe, inputs, kind)
    lines = {line.name: line for line in chosen.layers if line.multiplies}
    if all(line.in_float for line in lines.values()):
        raise BadInput(f"{kind} has no convolution or linear layer to quantize")
    chosen.require(allow_float)
    network = layerwise_quantize(graph, _layer_map(graph, lines, recipe, kernel), [name for name, line in lines.items() if line.in_float])
    _calibrate(network, inputs, reference, kind)
    outputs(network, inputs)  # raises where one of Brevitas' layers cannot run what its float layer can
    type(network).__reduce__ = _refuse_pickle  # torch.fx gives every network a class of its own
    return network.eval()


def _refuse_pickle(network: nn.Module):
    raise BadInput("a quantized network cannot be pickled, for Brevitas makes its classes as it goes: quantize by the same recipe and "
                   "load its state_dict, or freeze it first")


def _layer_map(graph: fx.GraphModule, lines: dict[str, Layer], recipe: Recipe, kernel: str) -> dict:
    """Float layer class -> (Brevitas' class, its arguments); Brevitas calls a lambda with the layer and its name."""
    def weights(name: str) -> type:
        return weight_injector(lines[name].weights, kernel=kernel)

    def activations(name: str, **changes) -> type:
        fmt = lines[name].activations
        return activation_injector(replace(fmt, **changes) if changes and isinstance(fmt, Integer) else fmt, kernel=kernel)

    softmax = {"signed": False} if recipe.unsigned_activations else {}  # attention's weights are never negative
    inner = {
        "attn_output_weights_quant": lambda module, name: activations(name, **softmax),
        "softmax_input_quant": None,
    }
    layer = {
        "weight_quant": lambda module, name: weights(name),
        "input_quant": lambda module, name: activations(name),
        "return_quant_tensor": False,
    }
    attention = inner | {part: lambda module, name: activations(name, signed=True) for part in
                         ("q_scaled_quant", "k_transposed_quant", "v_quant", "out_proj_input_quant")} | {
        "in_proj_input_quant": lambda module, name: activations(name),
        "in_proj_weight_quant": lambda module, name: weights(name),
        "out_proj_weight_quant": lambda module, name: weights(name),
        "in_proj_bias_quant": None, "out_proj_bias_quant": None, "return_quant_tensor": False,
        "bias": lambda module: module.in_proj_bias is not None,
        "add_bias_kv": lambda module: module.bias_k is not None,
        "packed_in_proj": lambda module, name: _self_attention(graph, name),
    }
    product = inner | {part: lambda module, name: activations(name) for part in ("q_scaled_quant", "k_transposed_quant", "v_quant")}
    quantized = {kind: (getattr(qnn, f"Quant{kind.__name__}"), layer) for kind in COMPUTE_LAYERS}
    return quantized | {nn.MultiheadAttention: (qnn.QuantMultiheadAttention, attention),
                        qnn.ScaledDotProductAttention: (qnn.QuantScaledDotProductAttention, product)}


def _self_attention(graph: fx.GraphModule, name: str) -> bool:
    """Whether query, key and value are one tensor in every call."""
    calls = [node for node in graph.graph.nodes if node.op == "call_module" and node.target == name]
    return all(len({*node.args[:3], *(node.kwargs.get(part) for part in ("query", "key", "value") if part in node.kwargs)}) == 1
               for node in calls)


def _calibrate(network: nn.Module, inputs: tuple[Tensor, ...], reference: list[Tensor], kind: str) -> None:
    """Set every activation scale from the largest magnitude over all calls of its layer.

    Brevitas averages what it sees in the calls of one quantizer. So the network runs with its quantizers off, and each is then
    shown once the extremes of all that came to it. The same run shows whether the network is still the float one.
    """
    proxies = [module for module in network.modules() if isinstance(module, ActQuantProxyFromInjectorBase) and module.is_quant_enabled]
    extremes = {}

    def look(proxy, args):
        if args[0].numel() == 0:
            return
        low, high = extremes.get(proxy, (args[0].min(), args[0].max()))
        extremes[proxy] = torch.minimum(low, args[0].min()), torch.maximum(high, args[0].max())

    hooks = [proxy.register_forward_pre_hook(look) for proxy in proxies]
    with quantization_status_manager(network, disable_act_quant=True, disable_weight_quant=True, disable_bias_quant=True):
        moved = difference(network, reference, inputs)
    for hook in hooks:
        hook.remove()
    if moved > TOLERANCE:
        raise BadInput(f"Brevitas' layers move an output of {kind} by {moved:.1%} with their quantizers off: one of them does not do "
                       "what the float layer does; `print(repro.ptq.plan(...))` lists them")
    with calibration_mode(network):
        for proxy, ends in extremes.items():
            proxy(torch.stack(ends))
