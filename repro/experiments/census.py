"""Operators and registers of the MAC of every format, read from the Verilog by Pyverilog; and the same as a drawing."""

import pandas as pd

from hw.blocks import diagram
from hw.dataflow import Graph, dataflow
from hw.generate import ARCHITECTURES, PLAIN, Mac, rtl
from repro.exhibits import Figure, Table, exhibit
from repro.experiments import block_drawing
from repro.experiments.base import Experiment
from repro.formats import Format, catalogue, parse

DOT_PRODUCT = 4608
"""As in the experiment `mac`."""
CLASSES = {
    "times": ("Times",),
    "plus": ("Plus", "Minus", "Uminus"),
    "shift": ("Sll", "Sla", "Srl", "Sra"),
    "xor": ("Xor", "Xnor"),
    "gates": ("And", "Or", "Unot", "Ulnot", "Land", "Lor"),
    "reduce": ("Uand", "Unand", "Uor", "Unor", "Uxor", "Uxnor"),
    "compare": ("LessThan", "GreaterThan", "LessEq", "GreaterEq", "Eq", "NotEq", "Eql", "NotEql"),
    "choose": ("Cond", "Case", "Select"),
}
"""Metric -> Pyverilog's names of the operators that it counts."""

SIZES = ("wire_bits", "register_bits", "adder_bits", "multiplier_products", "shifter_positions")
SHOWN = ("INT4", "E2M1", "INT6", "E3M2", "INT8", "E3M4", "E4M3", "E5M2")


def measure(graph: Graph) -> dict[str, int]:
    """Operators by class, and sizes in bits, of a module whose parameters have values.

    ``adder_bits``: widths of all additions together. ``multiplier_products``: one-bit products, width times width of each
    multiplication's operands. ``shifter_positions``: shifts that each shift amount can ask for. ``wire_bits``: all signals
    that are neither ports nor registers.
    """
    found = graph.operations
    counts = {name: sum(op.kind in kinds for op in found) for name, kinds in CLASSES.items()}
    return counts | {
        "wire_bits": sum(signal.bits for signal in graph.signals if not signal.register and not signal.direction),
        "register_bits": sum(signal.bits for signal in graph.signals if signal.register),
        "adder_bits": sum(op.bits for op in found if op.kind in CLASSES["plus"]),
        "multiplier_products": sum(op.operands[0] * op.operands[1] for op in found if op.kind in CLASSES["times"]),
        "shifter_positions": sum(2 ** op.operands[1] for op in found if op.kind in CLASSES["shift"]),
    }


def _grid(scale: str) -> list[dict]:
    names = ("INT4", "E2M1") if scale == "smoke" else [fmt.name for fmt in catalogue()]
    return [{"a": name, "b": name, "k": DOT_PRODUCT, "architecture": way} for name in names for way in ARCHITECTURES]


def _compute(points: list[dict], scale: str) -> list[dict]:
    rows = []
    for point in points:
        mac = Mac(parse(point["a"]), parse(point["b"]), int(point["k"]), architecture=point["architecture"])
        rows.append({**point, **measure(graph(mac)), "n": 1, "seed": ""})
    return rows


EXPERIMENT = Experiment(
    name="census", title="Operators and registers of a multiply-accumulate unit, from its Verilog",
    keys=("a", "b", "k", "architecture"), metrics=dict.fromkeys((*CLASSES, *SIZES), 0),
    grid=_grid, compute=_compute, module=__name__, batch=64, files=("hw/rtl/*.v",),
)


def graph(mac: Mac) -> Graph:
    """The dataflow of the module that a MAC freezes."""
    return dataflow(rtl(mac.module), mac.parameters)


@exhibit
def table(rows: pd.DataFrame) -> Table:
    """What the plain Verilog of a handful of formats asks for."""
    shown = rows[(rows["a"] == rows["b"]) & (rows["k"] == DOT_PRODUCT) & (rows["architecture"] == PLAIN)].set_index("a")
    shown = shown.loc[[name for name in SHOWN if name in shown.index]].reset_index()
    names = {"a": "format", "multiplier_products": "one-bit products", "shifter_positions": "shifts",
             "adder_bits": "adders, bits", "register_bits": "registers, bits", "wire_bits": "wires, bits"}
    return Table("What the plain Verilog of a format times itself asks for, before any synthesis: one-bit products of its "
                 "multiplier, shifts that its shift amount can tell apart, widths of its additions together, bits of registers "
                 "and wires. "
                 f"Sums of {DOT_PRODUCT:,} products. Zero shifts: there is no shifter.",
                 rows=rows, frame=shown[list(names)].rename(columns=names),
                 formats=dict.fromkeys(list(names.values())[1:], "{:,.0f}"))


@exhibit
def drawing(a: Format, b: Format, k: int = DOT_PRODUCT, architecture: str = PLAIN) -> Figure:
    """The MAC for k products of formats a and b as boxes and arrows. Errors as for :class:`hw.generate.Mac`."""
    mac = Mac(a, b, k, architecture=architecture)
    swapped = f" ({b.name} enters at port a)" if mac.swapped else ""
    return _figure(graph(mac), f"{a.name} times {b.name}{swapped}, sums of {k:,} products")


@exhibit
def module_drawing(module: str, **parameters: int) -> Figure:
    """Any module of hw/rtl as boxes and arrows; parameters that are not given keep their defaults."""
    found = dataflow(rtl(module), parameters)
    return _figure(found, ", ".join(f"{name} = {value}" for name, value in found.parameters))


def _figure(found: Graph, what: str) -> Figure:
    boxes = diagram(found)
    numbered = block_drawing.stages(boxes)
    keys = ("The sign at the left of a box is the operator that makes it; a wider line carries more bits.",
            any(box.kind == "register" for box in boxes.boxes) and "A double frame is a register; clk and clear are left out.",
            any(arrow.inverted for arrow in boxes.arrows) and "A ring on an arrow inverts.",
            numbered and "Tints and numbers are the sections of the Verilog.")
    return Figure(f"{found.module} for {what}, drawn from its Verilog. {' '.join(filter(None, keys))}",
                  figure=block_drawing.draw(boxes),
                  alt=f"Block diagram of {found.module}, {what}. {block_drawing.spoken(boxes)}")
