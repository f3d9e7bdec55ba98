"""What a recipe makes of a network, layer by layer, before anything is quantized."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, fx, nn

from repro.errors import BadInput
from repro.formats import Format, Integer
from repro.ptq.batch_norm import merge_batch_norm, obstacles
from repro.ptq.graph import ATTENTION, COMPUTE_LAYERS, Call, batch, observe
from repro.ptq.recipe import Recipe


@dataclass(frozen=True)
class Layer:
    """One line of a plan: a layer or a function that multiplies, or a batch norm that stays."""

    name: str
    kind: str
    """The layer's class, or "function"."""
    calls: int
    """How often the network calls it on one batch."""
    weights: Format | None
    """None where there are no weights, or where they stay in float."""
    activations: Format | None
    """None where the layer stays in float."""
    note: str
    """Why it stays in float, why a norm was not merged, or that a layer is an edge."""
    multiplies: bool = True

    @property
    def in_float(self) -> bool:
        """Whether it multiplies and is not quantized."""
        return self.multiplies and self.activations is None


@dataclass(frozen=True)
class Plan:
    """The lines of a plan in the order of execution; printed, a table."""

    network: str
    layers: tuple[Layer, ...]

    def __str__(self) -> str:
        rows = [("layer", "kind", "calls", "weights", "activations", "")]
        rows += [(layer.name, layer.kind, str(layer.calls), str(layer.weights or "-"), str(layer.activations or ("float" if layer.multiplies else "-")), layer.note)
                 for layer in self.layers]
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)

    def require(self, allow_float: Iterable[str]) -> None:
        """Raises BadInput unless every line that stays in float is named, and every name is of such a line."""
        patterns = (allow_float,) if isinstance(allow_float, str) else tuple(allow_float)
        left = [layer for layer in self.layers if layer.in_float]
        for pattern in patterns:
            if not any(_matches(layer.name, pattern) for layer in left):
                raise BadInput(f"allow_float names {pattern!r}, but nothing of that name stays in float in {self.network}: "
                               f"{', '.join(layer.name for layer in left) or 'nothing'} does")
        refused = [layer for layer in left if not any(_matches(layer.name, pattern) for pattern in patterns)]
        if refused:
            listed = "; ".join(f"{layer.name} ({layer.note})" for layer in refused)
            names = ", ".join(repr(layer.name) for layer in refused)
            raise BadInput(f"{self.network} would multiply in float: {listed}; to allow it give allow_float=({names},)")


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)  # a name may hold brackets


def plan(model: nn.Module, recipe: Recipe, calibration: Tensor | tuple[Tensor, ...]) -> Plan:
    """What :func:`repro.ptq.quantize` would do: ``print(plan(model, recipe, calibration))`` shows it layer by layer.

    Raises BadInput as :func:`repro.ptq.batch_norm.merge_batch_norm` does.
    """
    return plan_graph(merge_batch_norm(model, calibration), recipe, batch(calibration), type(model).__name__)


def plan_graph(graph: fx.GraphModule, recipe: Recipe, inputs: tuple[Tensor, ...], network: str) -> Plan:
    """The plan of a network that is traced and has its batch norm merged."""
    calls = observe(graph, inputs)
    edges, norms, lines = _edges(calls), obstacles(graph, calls), {}
    for call in calls:
        if call.multiplies or call.name in norms:
            lines.setdefault(call.name, []).append(call)
    return Plan(network, tuple(_line(graph, recipe, name, of, name in edges, norms.get(name)) for name, of in lines.items()))


def _line(graph: fx.GraphModule, recipe: Recipe, name: str, calls: list[Call], edge: bool, obstacle: str | None) -> Layer:
    module = graph.get_submodule(calls[0].node.target) if calls[0].node.op == "call_module" else None
    kind = "function" if module is None else type(module).__name__
    if obstacle is not None:
        return Layer(name, kind, len(calls), None, None, f"not merged: {obstacle}", multiplies=False)
    if type(module) not in (*COMPUTE_LAYERS, *ATTENTION):
        what = f"a {kind}" if module else f"the function {getattr(calls[0].node.target, '__name__', calls[0].node.target)}"
        return Layer(name, kind, len(calls), None, None, f"nothing here quantizes {what}")
    if isinstance(module, nn.modules.conv._ConvTransposeNd) and module.groups > 1:
        return Layer(name, kind, len(calls), None, None, "Brevitas has no scale per channel for a transposed convolution in groups")
    weights, activations = recipe.first_and_last if edge else (recipe.weights, recipe.activations)
    if recipe.unsigned_activations and isinstance(activations, Integer) and min(call.low for call in calls) >= 0:
        activations = Integer(activations.bits, signed=False)
    has_weights = isinstance(module, (*COMPUTE_LAYERS, nn.MultiheadAttention))
    return Layer(name, kind, len(calls), weights if has_weights else None, activations, "edge" if edge else "")


def _edges(calls: list[Call]) -> set[str]:
    """Names of the first and the last layers.

    First is every layer that sees a network input through nothing that multiplies, last every layer whose result reaches a
    network output through nothing that multiplies. So all towers and all heads are edges, in whatever order a network is
    written. Sizes and other numbers that are no tensors carry nothing.
    """
    seen = {call.node: call for call in calls}
    sources = {call.node: set(call.sources) for call in calls}
    for call in calls:  # what is written into in place carries on what was written
        if call.changes is not None:
            sources[call.changes] = sources.get(call.changes, set()) | set(call.sources) - {call.changes}
    users: dict[fx.Node, set[fx.Node]] = {}
    for node, of in sources.items():
        for source in of:
            users.setdefault(source, set()).add(node)
    found = set()
    for call in calls:
        if call.node.op not in ("placeholder", "output"):
            continue
        along = users if call.node.op == "placeholder" else sources
        waiting, visited = [call.node], {call.node}
        while waiting:
            for other in along.get(waiting.pop(), set()) - visited:
                visited.add(other)
                if seen[other].multiplies:
                    found.add(seen[other].name)
                elif seen[other].gives_tensor:
                    waiting.append(other)
    return found
