"""A dataflow graph made small enough to draw: a few boxes, each with the operators that make it.

Wires that only rename or cut another vanish, a loop becomes one box with its number of turns, and the cheapest wires
join their readers until the boxes fit.
"""

import re
from dataclasses import dataclass, replace

from hw.dataflow import Graph

_LOOP = re.compile(r"(.*?\w+)\[(\d+)\]\.")
_INSTANCE = re.compile(r"(.*?[\w\]]+)\.")


@dataclass(frozen=True)
class Box:
    """A signal, or (``turns`` > 0) all that the turns of a loop hold, or (``bits`` 0) an instance or a block of a generate.

    ``kind`` is input, output, register or wire. ``operators``: Pyverilog's names of what makes it, in order of the source.
    """

    name: str
    bits: int
    kind: str
    stage: str = ""
    operators: tuple[str, ...] = ()
    turns: int = 0


@dataclass(frozen=True)
class Arrow:
    """One box read for another; ``inverted`` when every bit is on the way."""

    source: str
    target: str
    inverted: bool = False


@dataclass(frozen=True)
class Diagram:
    """Boxes, in order of the source, and arrows between them."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def diagram(graph: Graph, most: int = 14) -> Diagram:
    """The graph in about `most` boxes, without clock, resets and enables."""
    edges = [(edge.source, edge.target, edge.operators) for edge in graph.edges if "Control" not in edge.operators]
    outputs = {signal.name for signal in graph.signals if signal.direction == "output"}
    while ends := {target for _, target, _ in edges} - {source for source, _, _ in edges} - outputs:
        edges = [edge for edge in edges if edge[1] not in ends]  # what only makes a reset
    used = {name for edge in edges for name in edge[:2]}
    boxes = {}
    for signal in graph.signals:
        if signal.name in used:
            kind = "register" if signal.register else signal.direction or "wire"
            boxes[signal.name] = Box(signal.name, signal.bits, kind, signal.stage)
    small = _Reduction(boxes, edges)
    small.loops()
    small.cycles()
    small.renamings()
    while len(small.boxes) > most and (small.join_instance() or small.join_wire()):
        small.cycles()
        small.renamings()
    return small.result()


class _Reduction:
    """Boxes and edges (source, target, operators) while they are joined."""

    def __init__(self, boxes: dict[str, Box], edges: list[tuple[str, str, tuple[str, ...]]]):
        self.boxes, self.edges = boxes, edges

    def loops(self) -> None:
        """One box for the turns of each loop that has several."""
        turns: dict[str, set[str]] = {}
        for name in self.boxes:
            if match := _LOOP.match(name):
                turns.setdefault(match.group(1), set()).add(match.group(2))
        for label, numbers in turns.items():
            if len(numbers) > 1:
                self._gather(label, [name for name in self.boxes if name.startswith(f"{label}[")], len(numbers))

    def cycles(self) -> None:
        """One box for wires that read one another, as bits of a vector do that leads through the turns of a loop."""
        for name in list(self.boxes):
            around = [other for other in self._behind(name) if name in self._behind(other)] if name in self.boxes else []
            if len(around) > 1:
                label = max(around, key=lambda other: (self.boxes[other].turns, -other.count("."), other == name))
                self._gather(label, around, self.boxes[label].turns, self.boxes[label].bits)

    def _behind(self, start: str) -> list[str]:
        """The wires that a wire leads to, through no register."""
        seen, waiting = {}, [start]
        while waiting:
            name = waiting.pop()
            if name not in seen and self.boxes[name].kind == "wire":
                seen[name] = None
                waiting += [target for source, target, _ in self.edges if source == name]
        return list(seen)

    def join_instance(self) -> bool:
        """One box for the innermost instance or generate block without registers. Says whether there was one."""
        labels = {match.group(1) for name in self.boxes if (match := _INSTANCE.match(name))}
        for label in sorted(labels, key=lambda label: (-label.count("."), label)):
            inside = [name for name in self.boxes if name.startswith(f"{label}.")]
            if len(inside) > 1 and all(self.boxes[name].kind == "wire" for name in inside):
                self._gather(label, inside, 0)
                return True
        return False

    def _gather(self, label: str, inside: list[str], turns: int, bits: int = 0) -> None:
        """Replace boxes by one: it keeps the operators within and the edges to the outside."""
        members = [self.boxes[name] for name in inside]
        within = [step for _, target, steps in self.edges if target in inside for step in steps]
        within += [step for box in members for step in box.operators]
        kind = "register" if any(box.kind == "register" for box in members) else "wire"
        stage = next((box.stage for box in members if box.stage), "")
        joined = Box(label, bits, kind, stage, tuple(dict.fromkeys(within)), turns)
        self.boxes = {(label if name == inside[0] else name): (joined if name == inside[0] else box)
                      for name, box in self.boxes.items() if name == inside[0] or name not in inside}
        place = dict.fromkeys(inside, label)
        moved = [(place.get(source, source), place.get(target, target), () if target in place else steps)
                 for source, target, steps in self.edges]
        self.edges = list(dict.fromkeys(edge for edge in moved if edge[0] != edge[1] or edge[0] != label))

    def renamings(self) -> None:
        """Drop wires that only rename another signal or cut bits from it."""
        while pair := self._renaming():
            kept, dropped = pair
            self._drop(dropped, kept)

    def _renaming(self) -> tuple[str, str] | None:
        for source, target, steps in self.edges:
            first, second = self.boxes[source], self.boxes[target]
            alone = sum(edge[1] == target for edge in self.edges) == 1
            if steps or not alone or source == target:
                continue
            higher = target.count(".") >= source.count(".") or first.kind != "wire"
            if second.kind == "wire" and second.bits == first.bits and higher:
                return source, target
            if first.kind == "wire" and first.bits and second.bits and sum(edge[0] == source for edge in self.edges) == 1:
                return target, source
        return None

    def _drop(self, dropped: str, kept: str) -> None:
        """Let `kept` stand for `dropped` too, which is its only source or a mere copy."""
        edges = []
        for source, target, steps in self.edges:
            if steps or {source, target} != {dropped, kept}:
                edges.append((kept if source == dropped else source, kept if target == dropped else target, steps))
        self.edges = list(dict.fromkeys(edges))
        stage = self.boxes[kept].stage or self.boxes[dropped].stage
        self.boxes[kept] = replace(self.boxes[kept], stage="" if self.boxes[kept].kind == "input" else stage)
        del self.boxes[dropped]

    def join_wire(self) -> bool:
        """Join the narrowest wire that has one reader with it. Says whether there was one."""
        readers: dict[str, list[str]] = {}
        for source, target, _ in self.edges:
            readers.setdefault(source, []).append(target)
        alone = [name for name, box in self.boxes.items()
                 if box.kind == "wire" and box.bits and len(set(readers.get(name, []))) == 1 and readers[name][0] != name]
        if not alone:
            return False
        wire = min(alone, key=lambda name: self.boxes[name].bits)
        reader = readers[wire][0]
        after = next(steps for source, _, steps in self.edges if source == wire)
        self.edges = list(dict.fromkeys(
            (source, reader, after + steps) if target == wire else (source, target, steps)
            for source, target, steps in self.edges if source != wire))
        del self.boxes[wire]
        return True

    def result(self) -> Diagram:
        boxes = []
        for box in self.boxes.values():
            steps = [step for _, target, steps in self.edges if target == box.name for step in steps]
            boxes.append(replace(box, operators=tuple(dict.fromkeys([*box.operators, *steps]))))
        inverted: dict[tuple[str, str], bool] = {}
        for source, target, steps in self.edges:
            if source == target and self.boxes[source].kind != "register":
                continue  # bits of a vector that read others of it
            odd = sum(step in ("Unot", "Ulnot") for step in steps) % 2 == 1
            inverted[source, target] = inverted.get((source, target), True) and odd
        order = {name: place for place, name in enumerate(self.boxes)}
        arrows = sorted(inverted, key=lambda pair: (order[pair[0]], order[pair[1]]))
        return Diagram(tuple(boxes), tuple(Arrow(*pair, inverted[pair]) for pair in arrows))
