"""Draws boxes and arrows from left to right: columns by distance from the inputs, few crossings, feedback underneath.

The method is Sugiyama's: an arrow that passes a column gets a place in it, columns are sorted by the mean place of their
neighbours, and heights follow by least squares with a least distance. Lengths are in inches.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.patheffects import Normal, Stroke
from matplotlib.path import Path

from hw.blocks import Box, Diagram

OPERATORS = {
    "Times": ("×", "product"), "Plus": ("+", "sum"), "Minus": ("−", "difference"), "Uminus": ("−", "negative"),
    "Sll": ("<<", "left shift"), "Sla": ("<<", "left shift"), "Srl": (">>", "right shift"), "Sra": (">>>", "right shift"),
    "And": ("&", "AND"), "Or": ("|", "OR"), "Xor": ("^", "XOR"), "Xnor": ("~^", "XNOR"), "Uand": ("&x", "AND of all bits"),
    "Uor": ("|x", "OR of all bits"), "Uxor": ("^x", "XOR of all bits"), "Unand": ("~&x", "NAND of all bits"),
    "Unor": ("~|x", "NOR of all bits"), "Uxnor": ("~^x", "XNOR of all bits"), "Cond": ("?:", "choice"),
    "Select": ("[]", "part at a place"), "Case": ("case", "case"), "Eq": ("==", "equality"), "NotEq": ("!=", "inequality"),
    "LessThan": ("<", "comparison"), "GreaterThan": (">", "comparison"), "LessEq": ("<=", "comparison"),
    "GreaterEq": (">=", "comparison"), "Land": ("&&", "AND"), "Lor": ("||", "OR"),
}
"""Pyverilog's name -> the sign in a box (Verilog's, but for the product; |x is the OR of all bits of x) and the word for it."""
JOIN, INVERT = ("{,}", "joined bits"), ("~", "inverse")
"""The same for boxes that do nothing else."""

TINTS = ("#dcebf7", "#fbe0cf", "#d6efe5", "#f3e0ee", "#fdf3cf", "#e6e6e6")
INK, QUIET = "#222222", "#666666"
WIDTH, HEIGHT, PITCH, ROW = 0.98, 0.46, 1.34, 0.64

Place = str | tuple[str, int]
"""What stands in a column: a box by its name, or (source, column) where an arrow passes."""


def symbols(box: Box) -> str:
    """The operators that make a box, as it shows them: as many as there is room for. Inversions are left to its arrows."""
    signs = list(dict.fromkeys(sign for sign, _ in _operators(box)))
    shown = signs[:1]
    while len(shown) < len(signs) and len(" ".join(signs[:len(shown) + 1])) <= 5:
        shown = signs[:len(shown) + 1]
    return " ".join(shown) + "…" * (len(shown) < len(signs))


def _operators(box: Box) -> list[tuple[str, str]]:
    known = [OPERATORS[kind] for kind in box.operators if kind in OPERATORS]
    if not known and box.operators:
        return [JOIN if "Concat" in box.operators else INVERT]
    return known


def label(box: Box) -> str:
    """The name of a box without the instances and blocks that it lies in."""
    return box.name.rpartition(".")[2]


def width(box: Box) -> str:
    """The second line of a box."""
    if box.turns:
        return f"{box.turns} times"
    return f"{box.bits} bit{'s' * (box.bits != 1)}" if box.bits else "block"


def spoken(diagram: Diagram) -> str:
    """A diagram as sentences: every box with its width, its operators and what it reads."""
    parts = []
    for box in diagram.boxes:
        read = [("inverted " if arrow.inverted else "") + arrow.source for arrow in diagram.arrows if arrow.target == box.name]
        words = " and ".join(dict.fromkeys(word for _, word in _operators(box)))
        made = f": {words or 'part'} of {', '.join(read)}" if read else ""
        parts.append(f"{box.name}, {width(box)}{', register' if box.kind == 'register' else ''}{made}")
    return "; ".join(parts) + "."


def stages(diagram: Diagram) -> list[str]:
    """The sections of the source that have boxes, in order of the boxes' columns."""
    columns = _columns(diagram)
    boxes = sorted(diagram.boxes, key=lambda box: columns[box.name])
    last = {box.stage: columns[box.name] for box in boxes if box.stage}
    return sorted(last, key=lambda stage: (last[stage], stage))


def draw(diagram: Diagram):
    """A matplotlib figure of a diagram, as wide as its columns need."""
    columns = _columns(diagram)
    back = {(arrow.source, arrow.target) for arrow in diagram.arrows if columns[arrow.source] >= columns[arrow.target]}
    order, hops = _order(diagram, columns)
    heights = _heights(order, hops)
    places = {place: (PITCH * column, heights[place]) for column, row in enumerate(order) for place in row}
    names = stages(diagram)
    top, bottom = max(heights.values()) + HEIGHT / 2 + 0.14, min(heights.values()) - HEIGHT / 2 - 0.14
    lows = {pair: heights[pair[0]] - HEIGHT / 2 - 0.18 if pair[0] == pair[1] else bottom - 0.1 for pair in back}
    bottom = min([bottom, *(low - 0.1 for low in lows.values())])
    left, right = -WIDTH / 2 - 0.1, PITCH * (len(order) - 1) + WIDTH / 2 + 0.3
    figure, axis = plt.subplots(figsize=(right - left, top - bottom + 0.35 * bool(names)), layout="none")
    axis.set_position((0, 0, 1, 1))
    axis.set(xlim=(left, right), ylim=(bottom, top + 0.35 * bool(names)))
    axis.axis("off")
    by_name = {box.name: box for box in diagram.boxes}
    pins = _pins(hops, heights, by_name)
    for arrow in diagram.arrows:
        ends = by_name[arrow.source], by_name[arrow.target]
        if (arrow.source, arrow.target) in back:
            _loop(axis, ends, places, lows[arrow.source, arrow.target])
        else:
            _arrow(axis, ends, places, pins[arrow.source, arrow.target], arrow.inverted)
    for box in diagram.boxes:
        _box(axis, box, places[box.name], names)
    for number, name in enumerate(names):
        x = left + 0.16 + (right - left - 0.3) * number / max(len(names), 4)
        axis.add_patch(FancyBboxPatch((x, top + 0.02), 0.2, 0.16, boxstyle="round,pad=0.02", edgecolor=QUIET, linewidth=0.6,
                                      facecolor=TINTS[number % len(TINTS)]))
        axis.text(x + 0.1, top + 0.1, str(number + 1), ha="center", va="center_baseline", fontsize=8, color=INK)
        axis.text(x + 0.3, top + 0.1, name, va="center_baseline", fontsize=10, color=INK)
    return figure


def _feedback(diagram: Diagram) -> set[tuple[str, str]]:
    """The arrows from a register to what it is made of."""
    readers: dict[str, set[str]] = {}
    for arrow in diagram.arrows:
        readers.setdefault(arrow.source, set()).add(arrow.target)
    registers = {box.name for box in diagram.boxes if box.kind == "register"}
    return {(register, reader) for register in registers for reader in readers.get(register, ())
            if register in _reached(reader, readers)}


def _reached(start: str, readers: dict[str, set[str]]) -> set[str]:
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += readers.get(name, ())
    return seen


def _columns(diagram: Diagram) -> dict[str, int]:
    """Box -> its column: the longest way from an input, feedback left out."""
    back = _feedback(diagram)
    sources: dict[str, list[str]] = {box.name: [] for box in diagram.boxes}
    for arrow in diagram.arrows:
        if (arrow.source, arrow.target) not in back and arrow.source != arrow.target:
            sources[arrow.target].append(arrow.source)
    columns: dict[str, int] = {}

    def column(name: str, path: tuple[str, ...] = ()) -> int:
        if name not in columns:
            behind = [column(source, (*path, name)) for source in sources[name] if source not in path]
            columns[name] = max(behind, default=-1) + 1
        return columns[name]

    for name in sources:
        column(name)
    return columns


def _order(diagram: Diagram, columns: dict[str, int]) -> tuple[list[list[Place]], list[tuple[Place, Place]]]:
    """Per column its places from bottom to top, and the hops between neighbouring columns."""
    rows: list[list[Place]] = [[] for _ in range(max(columns.values()) + 1)]
    for box in diagram.boxes:
        rows[columns[box.name]].append(box.name)
    hops: dict[tuple[Place, Place], None] = {}
    for arrow in diagram.arrows:
        if columns[arrow.source] >= columns[arrow.target]:
            continue  # feedback
        previous: Place = arrow.source
        for passed in range(columns[arrow.source] + 1, columns[arrow.target]):
            place = (arrow.source, passed)
            if place not in rows[passed]:
                rows[passed].append(place)
            hops[previous, place] = None
            previous = place
        hops[previous, arrow.target] = None
    rows = [row[::-1] for row in rows]
    best, fewest = rows, _crossings(rows, hops)
    for sweep in range(24):
        rows = _sorted(rows, hops, forwards=sweep % 2 == 0)
        crossed = _crossings(rows, hops)
        if crossed < fewest:
            best, fewest = [list(row) for row in rows], crossed
    return best, list(hops)


def _sorted(rows: list[list[Place]], hops, forwards: bool) -> list[list[Place]]:
    """Each column sorted by the mean place of its neighbours in the column before it (or behind it)."""
    rows = [list(row) for row in rows]
    for column in range(len(rows)) if forwards else reversed(range(len(rows))):
        neighbour = column - 1 if forwards else column + 1
        if 0 <= neighbour < len(rows):
            place = {name: (index + 0.5) / len(rows[neighbour]) for index, name in enumerate(rows[neighbour])}
            own = {name: (index + 0.5) / len(rows[column]) for index, name in enumerate(rows[column])}
            near = {name: [place[other] for hop in hops if name in hop for other in hop if other in place] for name in own}
            mean = {name: np.mean(near[name] or [own[name]]) for name in own}
            rows[column].sort(key=lambda name: (mean[name], own[name]))
    return rows


def _crossings(rows: list[list[Place]], hops) -> int:
    """How many pairs of hops cross."""
    place = {name: (column, index) for column, row in enumerate(rows) for index, name in enumerate(row)}
    lines = [(place[start], place[end]) for start, end in hops]
    return sum(a[0][0] == b[0][0] and (a[0][1] - b[0][1]) * (a[1][1] - b[1][1]) < 0
               for index, a in enumerate(lines) for b in lines[:index])


def _heights(rows: list[list[Place]], hops) -> dict[Place, float]:
    """Heights in inches: each place near the mean of its neighbours, in the order of its column."""
    heights = {name: ROW * (index - (len(row) - 1) / 2) for row in rows for index, name in enumerate(row)}
    neighbours: dict[Place, list[Place]] = {name: [] for name in heights}
    for start, end in hops:
        neighbours[start].append(end)
        neighbours[end].append(start)
    for sweep in range(40):
        for row in rows if sweep % 2 else rows[::-1]:
            wanted = [np.mean([heights[other] for other in neighbours[name]] or [heights[name]]) for name in row]
            gaps = [0.0] + [ROW * (0.5 if isinstance(a, tuple) and isinstance(b, tuple) else 0.75 if isinstance(a, tuple) or
                                   isinstance(b, tuple) else 1.0) for a, b in zip(row, row[1:])]
            heights |= zip(row, _spread(wanted, np.cumsum(gaps)))
    return heights


def _spread(wanted, offsets) -> list[float]:
    """The numbers nearest to those wanted (least squares) that rise at least as the offsets do: pool adjacent violators."""
    pools: list[list[float]] = []
    for number in np.asarray(wanted) - offsets:
        pools.append([number])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    return list(np.concatenate([[np.mean(pool)] * len(pool) for pool in pools]) + offsets)


def _pins(hops, heights: dict[Place, float], boxes) -> dict[tuple[str, str], float]:
    """(source, target) -> how far from the middle of the target its arrow arrives: those from above above."""
    arriving: dict[str, list[Place]] = {}
    for start, end in hops:
        if end in boxes:
            arriving.setdefault(end, []).append(start)
    pins = {}
    for target, starts in arriving.items():
        starts.sort(key=heights.__getitem__)
        step = min(0.13, 0.24 / max(len(starts) - 1, 1))
        for index, start in enumerate(starts):
            source = start[0] if isinstance(start, tuple) else start
            pins[source, target] = step * (index - (len(starts) - 1) / 2)
    return pins


def _box(axis, box: Box, at: tuple[float, float], names: list[str]) -> None:
    x, y = at
    number = names.index(box.stage) if box.stage else None
    face = "white" if number is None else TINTS[number % len(TINTS)]
    style = {"boxstyle": "round,pad=0,rounding_size=0.06", "edgecolor": INK, "facecolor": face}
    axis.add_patch(FancyBboxPatch((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, linewidth=0.8, zorder=3, **style))
    if box.kind == "register":
        style["facecolor"] = "none"
        axis.add_patch(FancyBboxPatch((x - WIDTH / 2 + 0.035, y - HEIGHT / 2 + 0.035), WIDTH - 0.07, HEIGHT - 0.07,
                                      linewidth=0.8, zorder=4, **style))
    sign, name = symbols(box), label(box)
    inner = _reach(box)
    middle = x + inner / 2
    size = min(10.0, 10.0 * (WIDTH - inner - 0.08) / (0.077 * len(name)))
    axis.text(middle, y + 0.085, name, ha="center", va="center_baseline", fontsize=size, color=INK, zorder=5)
    axis.text(middle, y - 0.1, width(box), ha="center", va="center_baseline", fontsize=9, color=QUIET, zorder=5)
    if number is not None:
        axis.text(x + WIDTH / 2 - 0.07, y - HEIGHT / 2 + 0.07, str(number + 1), ha="right", va="baseline", fontsize=7.5,
                  color=INK, zorder=5)
    if sign:
        frame = {"boxstyle": "round,pad=0.22", "facecolor": "white", "edgecolor": INK, "linewidth": 0.8}
        axis.text(x - WIDTH / 2, y, sign, ha="center", va="center_baseline", fontsize=9, color=INK, zorder=6,
                  family="monospace", bbox=frame)


def _reach(box: Box) -> float:
    """How far a box's operators stand out to its left."""
    sign = symbols(box)
    return 0.034 + 0.038 * len(sign) if sign else 0.0


def _pen(bits: int) -> float:
    """Wider lines for wider signals."""
    return 0.8 + 0.22 * np.log2(max(bits, 1))


def _arrow(axis, ends: tuple[Box, Box], places, pin: float, inverted: bool) -> None:
    """A curve from the right of one box, through the places it has on the way, to the left of the other."""
    source, target = ends
    x, y = places[source.name]
    points, codes = [(x + WIDTH / 2, y)], [Path.MOVETO]
    end, height = places[target.name][0], places[target.name][1] + pin
    for column in range(round(x / PITCH) + 1, round(end / PITCH)):
        passed = places[source.name, column]
        _bend(points, codes, (passed[0] - WIDTH / 2, passed[1]))
        points.append((passed[0] + WIDTH / 2, passed[1]))
        codes.append(Path.LINETO)
    left = end - WIDTH / 2 - _reach(target)
    _bend(points, codes, (left - 0.085 * inverted, height))
    _stroke(axis, Path(points, codes), source)
    if inverted:
        axis.plot(left - 0.045, height, "o", markersize=5, markerfacecolor="white", markeredgecolor=INK, markeredgewidth=0.9,
                  zorder=6)


def _bend(points: list, codes: list, to: tuple[float, float]) -> None:
    """Add a curve that starts and ends level."""
    middle = (points[-1][0] + to[0]) / 2
    points += [(middle, points[-1][1]), (middle, to[1]), to]
    codes += [Path.CURVE4] * 3


def _loop(axis, ends: tuple[Box, Box], places, low: float) -> None:
    """A register's own value on its way back, underneath."""
    source, target = ends
    (x, y), (end, height) = places[source.name], places[target.name]
    right, left = x + WIDTH / 2, end - WIDTH / 2 - _reach(target)
    height -= 0.13
    points = [(right, y), (right + 0.24, y), (right + 0.24, low), (right, low), (left, low), (left - 0.2, low),
              (left - 0.2, height), (left, height)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3]
    _stroke(axis, Path(points, codes), source)


def _stroke(axis, path: Path, source: Box) -> None:
    pen = _pen(source.bits)
    axis.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>,head_length=4,head_width=2", linewidth=pen, color="#555555",
                                   shrinkA=0, shrinkB=0, capstyle="butt", zorder=2,
                                   path_effects=[Stroke(linewidth=pen + 2, foreground="white"), Normal()]))
