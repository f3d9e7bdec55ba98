"""Batch norm merged into the layer before it, where that changes nothing."""

import torch
from brevitas.graph.utils import del_module, get_output_channel_dim
from brevitas.nn.utils import merge_bn
from torch import Tensor, fx, nn

from repro.errors import BadInput
from repro.ptq.graph import COMPUTE_LAYERS, NORMS, Call, batch, difference, eval_copy, observe, outputs, trace

TOLERANCE = 1e-3
"""By how much, relative to its size, an output may move when a network is only rewritten. Float32 rounding moves it by about
1e-6, eight bits move it by about 1e-2."""


def merge_batch_norm(model: nn.Module, calibration: Tensor | tuple[Tensor, ...]) -> fx.GraphModule:
    """A traced copy of the network, in eval mode, with batch norm merged into the convolution or linear layer before it.

    `calibration`: a batch of the network's input, of several inputs a tuple; both networks run on it and are compared. A
    batch norm stays where :func:`obstacles` says why. ReLU6 stays ReLU6: as ReLU, Brevitas' default, EfficientNet-Lite0 falls
    from 88 % to 60 %. Raises BadInput as :func:`repro.ptq.graph.trace` and :func:`repro.ptq.graph.batch` do, and when an output
    moves by more than a thousandth.
    """
    inputs = batch(calibration)
    graph = trace(model, len(inputs))
    reference = outputs(eval_copy(model), inputs)
    calls = observe(graph, inputs)
    while free := [call for call in calls if _is_norm(graph, call) and not _obstacle(graph, call, calls)]:
        norm = free[0].node
        layer, = norm.all_input_nodes
        _merge(graph.get_submodule(layer.target), graph.get_submodule(norm.target))
        norm.replace_all_uses_with(layer)
        graph.graph.erase_node(norm)
        del_module(graph, norm.target)
        calls = [call for call in calls if call.node is not norm]
    graph.recompile()
    if (moved := difference(graph, reference, inputs)) > TOLERANCE:
        raise BadInput(f"tracing {type(model).__name__} and merging its batch norm moves an output by {moved:.1%}: "
                       "its forward does something that torch.fx does not see, a branch on the data perhaps")
    return graph


def obstacles(graph: fx.GraphModule, calls: list[Call]) -> dict[str, str]:
    """Name of each batch norm that a graph has -> why it cannot be merged, in words."""
    return {call.name: _obstacle(graph, call, calls) for call in calls if _is_norm(graph, call)}


def _is_norm(graph: fx.GraphModule, call: Call) -> bool:
    return call.node.op == "call_module" and isinstance(graph.get_submodule(call.node.target), NORMS)


def _obstacle(graph: fx.GraphModule, call: Call, calls: list[Call]) -> str:
    """Empty when nothing is in the way."""
    before = next(iter(call.node.all_input_nodes), None)
    if before is None or before.op != "call_module" or not isinstance(graph.get_submodule(before.target), COMPUTE_LAYERS):
        return "no convolution or linear layer in front of it"
    layer, norm = graph.get_submodule(before.target), graph.get_submodule(call.node.target)
    times = {name: sum(other.node.target == name and other.node.op == "call_module" for other in calls)
             for name in (before.target, call.node.target)}
    for name, number in times.items():
        if number > 1:
            return f"{name} is called {number} times"
    if len(before.users) > 1:
        return f"the result of {before.target} goes elsewhere too"
    if read := [node.target for node in graph.graph.nodes if node.op == "get_attr"
                and node.target.rpartition(".")[0] in (before.target, call.node.target)]:
        return f"{read[0]} is read elsewhere"
    if norm.running_mean is None:
        return "it has no running statistics"
    if isinstance(layer, nn.modules.conv._ConvTransposeNd) and layer.groups > 1:
        return f"{before.target} is a transposed convolution in groups"
    dims = next(other.dims for other in calls if other.node is before)
    if dims != (2 if isinstance(layer, nn.Linear) else len(layer.kernel_size) + 2):
        return f"it works along another axis than the channels of {before.target}"
    return ""


def _merge(layer: nn.Module, norm: nn.Module) -> None:
    for name in ("weight", "bias"):
        if getattr(layer, name) is not None:  # a copy of its own: another layer may share the tensor
            setattr(layer, name, nn.Parameter(getattr(layer, name).detach().clone()))
    if norm.weight is None:  # affine=False
        norm.weight, norm.bias = nn.Parameter(torch.ones_like(norm.running_var)), nn.Parameter(torch.zeros_like(norm.running_var))
    merge_bn(layer, norm, get_output_channel_dim(layer))
