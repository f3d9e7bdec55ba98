"""What lies inside a MAC, for the chapters that open one: Booth digits, rows, a carry chain, a grouped shift, LUTs by stage."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.patches import Circle, Rectangle

from hw.generate import Mac, with_dependencies
from hw.netlist import Netlist
from hw.synth import UNIT_COST, synthesise
from repro.errors import BadInput
from repro.exhibits import COLOURS, OTHER_COLOURS, Figure, Table, exhibit
from repro.experiments.mac import luts as measured
from repro.experiments.mac_rows import DOT_PRODUCT, TUNED
from repro.formats import Format, Integer, parse

INK = "#222222"


# --- Integers ----------------------------------------------------------------------------------------------------------


def booth_digits(number: int, fmt: Integer) -> list[int]:
    """Radix-4 Booth digits of a number of an integer format, the lowest first: number = sum of digit[i] * 4**i.

    Digit i is -2 * bit 2i+1 + bit 2i + bit 2i-1, the sign repeated above the top bit. Raises BadInput for another kind of
    format and for a number that the format has not.
    """
    if fmt.kind != "integer":
        raise BadInput(f"Booth digits are those of an integer, not of {fmt.name}")
    if not fmt.min <= number <= fmt.max or number != int(number):
        raise BadInput(f"{number} is no number of {fmt.name}: take a whole one from {fmt.min:g} to {fmt.max:g}")
    signed_bits, padded = fmt.bits + (not fmt.signed), int(number) << 1
    triples = [padded >> 2 * i & 7 for i in range((signed_bits + 1) // 2)]
    return [(triple & 1) + (triple >> 1 & 1) - 2 * (triple >> 2) for triple in triples]


@exhibit
def booth_table(number: int, fmt: Integer) -> Table:
    """The digits of one number: three bits each, and what each adds. Errors as for :func:`booth_digits`."""
    digits = booth_digits(number, fmt)
    frame = pd.DataFrame([
        {"row": row, "bits": f"{int(number) << 1 >> 2 * row & 7:03b}", "digit": digit, "weight": 4**row, "adds": digit * 4**row}
        for row, digit in enumerate(digits)])
    return Table(f"{number} in {fmt.name} as Booth digits. Neighbouring rows share a bit; below the lowest bit stands a 0. "
                 f"The last column adds up to {sum(frame['adds'])}.", frame=frame,
                 formats={"digit": "{:+d}", "weight": "{:,}", "adds": "{:+,}"})


@dataclass(frozen=True)
class Row:
    """A chain of int_mac_fused: one LUT for each of `bits` places of the accumulator, from place `low`."""

    low: int
    bits: int


def fused_rows(mac: Mac) -> list[Row]:
    """The rows of an integer MAC whose rows start from the accumulator, and last the chain that adds what they owe.

    For registers at least as wide as a product. Raises BadInput when the MAC is not built by int_mac_fused.
    """
    if mac.module != "int_mac_fused":
        raise BadInput(f"{mac.name} is built by {mac.module}, which has no fused rows: take a tuned MAC of two integers")
    values = mac.parameters
    signed = not values.get("MAGNITUDE", 0)
    wide = values["WA"] + (signed and not values["A_SIGNED"])
    digits = values["WB"] + (signed and not values["B_SIGNED"])
    odd = digits % 2  # then the lowest digit has one bit: 0 or -1, so its row lacks the place for twice a
    rows = [Row(max(2 * i - odd, 0), wide + 1 - (odd and i == 0)) for i in range((digits + 1) // 2)]
    return [*rows, Row(wide - odd, mac.acc_bits - wide + odd)]


def fused_luts(mac: Mac) -> int:
    """LUTs of such an integer MAC by counting places. Errors as for :func:`fused_rows`."""
    return sum(row.bits for row in fused_rows(mac))


@exhibit
def rows_picture(mac: Mac) -> Figure:
    """The rows as boxes above the places of the accumulator, a LUT each. Errors as for :func:`fused_rows`."""
    rows = fused_rows(mac)
    a, b = (mac.b, mac.a) if mac.swapped else (mac.a, mac.b)
    recoded = "b" if a == b else b.name
    figure, axis = plt.subplots(figsize=(7.6, 0.3 * len(rows) + 0.8))
    for level, row in enumerate(rows):
        last = level == len(rows) - 1
        for place in range(row.low, row.low + row.bits):
            axis.add_patch(Rectangle((place - 0.45, -level - 0.42), 0.9, 0.84, edgecolor="white", linewidth=0.5,
                                     facecolor="#b8b8b8" if last else COLOURS["integer"], hatch="///" if last else None))
        named = "what the rows owe" if last else f"digit {level} × {a.name}"
        axis.text(-0.9, -level, f"{row.bits} LUTs   {named}", va="center")
    for row in rows[:-1]:  # where each row's debt of plus or minus one stands
        axis.text(row.low + row.bits - 1, 1 - len(rows), "±1", ha="center", va="center", fontsize=7.5, color=INK,
                  bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"})
    axis.set(xlim=(mac.acc_bits - 0.4, -11), ylim=(0.6 - len(rows), 0.6))
    axis.set_yticks([])
    axis.set_xticks(range(0, mac.acc_bits, 4))
    axis.set_xlabel("bit of the accumulator", x=mac.acc_bits / 2 / (mac.acc_bits + 10.6))
    axis.spines["left"].set_visible(False)
    axis.spines["bottom"].set_bounds(-0.5, mac.acc_bits - 0.5)
    axis.grid(visible=False)
    spoken = "; ".join(f"{row.bits} LUTs from bit {row.low}" for row in rows)
    return Figure(f"{mac.a.name} times {mac.b.name} into {mac.acc_bits} bits: every box is a LUT in front of a carry chain, "
                  f"{fused_luts(mac)} in all. A row adds a digit of {recoded} times {a.name} to what the rows above left in "
                  "the accumulator. Hatched: the chain that settles what the rows owe, plus or minus one each.", figure=figure,
                  alt=f"Rows of boxes, each shifted two places to the left of the one above: {spoken}, the last one hatched.")


@exhibit
def chain() -> Figure:
    """Two bits of a Booth row as an FPGA builds them: a LUT of six inputs in front of a carry chain."""
    figure, axis = plt.subplots(figsize=(7.2, 3.1))
    axis.set(xlim=(-0.6, 8.1), ylim=(-0.95, 2.5), aspect="equal")
    axis.axis("off")
    for bit, name in enumerate(("j", "j+1")):
        _slice(axis, 1.45 * bit, name, "j−1" if bit == 0 else "j")
    axis.plot((5.2, 5.2), (-0.8, -0.6), color=INK)
    axis.text(5.3, -0.86, "carry in: 1 for a negative digit", va="center", fontsize=9)
    axis.text(5.3, 2.42, "carry to the next bit", va="center", fontsize=9)
    return Figure("Two bits of a Booth row. The LUT is a table of 64 bits: it picks 0, a or 2a by three bits of b, inverts it "
                  "for a negative digit, and takes its exclusive or with the accumulator. The grey part is wired into the FPGA "
                  "and costs no LUT: an exclusive or makes the sum, a multiplexer makes the carry.", figure=figure,
                  alt="Two equal stages, one above the other. In each a LUT with six inputs (a bit of the accumulator, two "
                      "neighbouring bits of a, three bits of b) drives an exclusive or with the carry, which gives the sum "
                      "bit, and a multiplexer that passes on either the carry or the accumulator's bit as the next carry.")


def _slice(axis, y: float, bit: str, below: str) -> None:
    """One bit of a chain; y is the height of its middle."""
    wire = {"color": INK, "linewidth": 1.1, "solid_capstyle": "round"}
    axis.add_patch(Rectangle((2.1, y - 0.5), 1.5, 0.8, facecolor="#dcebf7", edgecolor=INK))
    axis.text(2.85, y - 0.1, "LUT6", ha="center", va="center", fontsize=12)
    for height, label in ((0.2, ""), (0.02, f"a[{bit}]"), (-0.16, f"a[{below}]"), (-0.36, "three bits of b")):
        axis.plot((1.6 if label else 1.8, 2.1), (y + height,) * 2, **wire)
        axis.text(1.52, y + height, label, ha="right", va="center", fontsize=9)
    axis.text(1.52, y + 0.45, f"acc[{bit}]", ha="right", va="center", fontsize=9)
    axis.plot((1.8, 1.8), (y + 0.45, y + 0.2), **wire)
    axis.plot((1.6, 4.8, 4.8), (y + 0.45, y + 0.45, y + 0.56), **wire)             # the accumulator's bit to the multiplexer
    axis.plot((3.6, 6.02), (y - 0.1,) * 2, **wire)                                 # the LUT's output
    axis.plot((4.3, 4.3, 4.6), (y - 0.1, y + 0.71, y + 0.71), **wire)
    axis.plot((5.2, 5.2), (y - 0.6, y + 0.56), **wire)                             # the carry
    axis.plot((5.2, 6.2, 6.2), (y - 0.38, y - 0.38, y - 0.28), **wire)
    axis.plot((5.2, 5.2), (y + 0.86, y + 0.95), **wire)
    for x, height in ((1.8, 0.45), (4.3, -0.1), (5.2, -0.38)):
        axis.add_patch(Circle((x, y + height), 0.045, color=INK))
    axis.add_patch(Rectangle((4.6, y + 0.56), 0.8, 0.3, facecolor="#e6e6e6", edgecolor=INK))
    axis.text(4.8, y + 0.7, "0", ha="center", va="center", fontsize=8)
    axis.text(5.2, y + 0.7, "1", ha="center", va="center", fontsize=8)
    axis.add_patch(Circle((6.2, y - 0.1), 0.18, facecolor="#e6e6e6", edgecolor=INK))
    axis.text(6.2, y - 0.11, "⊕", ha="center", va="center", fontsize=11)
    axis.plot((6.38, 6.8), (y - 0.1,) * 2, **wire)
    axis.text(6.88, y - 0.1, f"sum[{bit}]", va="center", fontsize=9)


# --- Minifloats --------------------------------------------------------------------------------------------------------


def reaches(mac: Mac) -> tuple[np.ndarray, np.ndarray]:
    """What a bit of the accumulator must be able to take in: two tables of truth values, a column for each bit.

    First: a line for each bit of the product, shifted at once by up to 2**ea + 2**eb - 4 places. Second: a line for each
    wire of the product that was moved within a group already, as in minifloat_mac_grouped. Raises BadInput when the MAC is
    not built by that module.
    """
    if mac.module != "minifloat_mac_grouped":
        raise BadInput(f"{mac.name} is built by {mac.module}, which has no groups: take a tuned MAC of two minifloats")
    values = mac.parameters
    group, product = 2 ** values["F"], values["MA"] + values["MB"] + 2
    farthest = 2 ** values["EA"] + 2 ** values["EB"] - 4
    places = np.arange(mac.acc_bits)
    at_once = places - np.arange(product)[:, None]
    later = places - np.arange(product + group - 1)[:, None]
    return (at_once >= 0) & (at_once <= farthest), (later % group == 0) & (later >= 0) & (later // group <= farthest // group)


@exhibit
def reach(mac: Mac) -> Figure:
    """Which wires each bit of the accumulator chooses from, shifted at once and in groups. Errors as for :func:`reaches`."""
    tables, group = reaches(mac), 2 ** mac.parameters["F"]
    figure, axes = plt.subplots(2, 1, figsize=(7.6, 4.6), sharex=True, height_ratios=[len(table) for table in tables])
    titles = "Shifted at once: bits of the product", f"Moved by 0 to {group - 1} places first: wires of the moved product"
    for axis, table, title in zip(axes, tables, titles):
        lines, columns = table.nonzero()
        axis.plot(columns, lines, "s", color=COLOURS["minifloat"], markersize=3.6)
        axis.set(ylim=(-0.7, len(table) - 0.3), yticks=range(0, len(table), 2))
        axis.set_title(f"{title}; a bit chooses from up to {table.sum(axis=0).max()}", loc="left")
        axis.grid(visible=False)
    for place in range(0, mac.acc_bits, group):
        axes[1].axvline(place - 0.5, color="#bbbbbb", linewidth=0.7, zorder=0)
    axes[1].set(xlim=(mac.acc_bits - 0.5, -0.7), xlabel="bit of the accumulator")
    most = [int(table.sum(axis=0).max()) for table in tables]
    return Figure(f"{mac.a.name} times {mac.b.name}: a square says that this bit of the accumulator (across) must be able to "
                  f"take this wire (up). Lines in the lower half part the groups of {group} bits. Bits without a square only "
                  "carry.", figure=figure,
                  alt=f"Two patterns over the bits of the accumulator. Above, a full band: up to {most[0]} wires for a bit. "
                      f"Below, thin diagonals that repeat every {group} bits: up to {most[1]} wires for a bit.")


@dataclass(frozen=True)
class Part:
    """A multiplier or a shifter of hw/rtl alone, to be synthesised as a design of its own."""

    module: str
    inputs: tuple[tuple[str, int], ...]
    """(port, bits)"""
    output: tuple[str, int]
    parameters: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        """A Verilog identifier."""
        return "_".join([self.module, *(str(value) for _, value in self.parameters)])

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of hw/rtl that it needs."""
        return with_dependencies(self.module)

    def top(self, name: str | None = None) -> str:
        """Verilog of a module around it, whose output is called acc, as hw.synth expects."""
        port, bits = self.output
        ports = "".join(f"input [{width - 1}:0] {name}, " for name, width in self.inputs) + f"output [{bits - 1}:0] acc"
        wires = "".join(f".{name}({name}), " for name, _ in self.inputs) + f".{port}(acc)"
        frozen = ", ".join(f".{key}({value})" for key, value in self.parameters)
        return f"module {name or self.name}({ports});\n    {self.module} #({frozen}) part ({wires});\nendmodule\n"


def multiplier(bits: int, booth: bool) -> Part:
    """The product of two significands of so many bits, by Booth rows or by tables."""
    signs = (("A_SIGNED", 0), ("B_SIGNED", 0)) if booth else ()
    return Part("booth_product" if booth else "table_product", (("a", bits), ("b", bits)), ("product", 2 * bits),
                (("WA", bits), ("WB", bits), *signs))


def shifter(bits: int, distance_bits: int) -> Part:
    """A left shift of so many bits by 0 to 2**distance_bits - 1 places."""
    return Part("shift_left", (("number", bits), ("distance", distance_bits)), ("shifted", bits + 2**distance_bits - 1),
                (("W", bits), ("S", distance_bits)))


def part_luts(parts: list[Part]) -> dict[Part, int]:
    """LUTs of each part by itself, mapped as the tuned MACs are; one Yosys run of a few seconds. Errors as synthesise."""
    return {found.design: found.counts.lut for found in synthesise([(part, UNIT_COST) for part in dict.fromkeys(parts)])}


def stage_parts(fmt: Format) -> tuple[Part, Part]:
    """The multiplier and the shifter within a group in the MAC of a format with itself. Errors as for :func:`reaches`."""
    mac = Mac(fmt, fmt, DOT_PRODUCT)
    reaches(mac)
    bits = fmt.mantissa_bits + 1
    return multiplier(bits, bool(mac.parameters["BOOTH"])), shifter(2 * bits, mac.parameters["F"])


def accumulator_luts(netlist: Netlist) -> int:
    """LUTs that stand right in front of the carry chain whose sums the accumulator takes."""
    taken = {cell.pins["D"][0] for cell in netlist.registers if cell.pins["Q"][0] in netlist.ports["acc"]}
    chained = {select for cell in netlist.cells if cell.kind == "CARRY4"
               for select, total in zip(cell.pins["S"], cell.pins.get("O", ())) if total in taken}
    return sum(cell.kind.startswith("LUT") and cell.pins["O"][0] in chained for cell in netlist.cells)


@exhibit
def stage_bars(rows: pd.DataFrame, names: list[str], parts: dict[Part, int]) -> Figure:
    """LUTs of MACs of formats with themselves, by stage. `rows` of the experiment `mac`; `parts` from :func:`part_luts`."""
    wholes = measured(rows)[TUNED]
    stages = {"accumulate": [Mac(parse(name), parse(name), DOT_PRODUCT).acc_bits for name in names],
              "multiply, alone": [parts[stage_parts(parse(name))[0]] for name in names],
              "shift in a group, alone": [parts[stage_parts(parse(name))[1]] for name in names]}
    figure, axis = plt.subplots(figsize=(6.8, 3.8))
    bottom, looks = np.zeros(len(names)), ((COLOURS["minifloat"], ""), (OTHER_COLOURS[3], "///"), ("#bbbbbb", "..."))
    for (stage, values), (colour, hatch) in zip(stages.items(), looks):
        bars = axis.bar(names, values, bottom=bottom, label=stage, color=colour, hatch=hatch, edgecolor="white", width=0.6)
        axis.bar_label(bars, label_type="center", fontsize=8, bbox={"boxstyle": "round,pad=0.1", "facecolor": "white",
                                                                     "edgecolor": "none"})
        bottom += values
    axis.plot(names, wholes[names], "_", color=INK, markersize=34, markeredgewidth=2, label="the whole MAC")
    for place, name in enumerate(names):
        axis.text(place + 0.36, wholes[name], f"{wholes[name]:.0f}", fontsize=9, va="center")
    axis.set(ylabel="LUTs", xlim=(-0.5, len(names) - 0.3))
    axis.grid(axis="x", visible=False)
    axis.legend(loc="upper left", markerscale=0.5)
    spoken = "; ".join(f"{name} {', '.join(str(values[i]) for values in stages.values())} of {wholes[name]:.0f}"
                       for i, name in enumerate(names))
    return Figure("LUTs of a tuned minifloat MAC by stage. A bit of accumulator is one LUT, the choice of a group included as "
                  "far as it fits. Multiplier and shifter were mapped alone. What is left up to the dash is the decoding, the "
                  "sum of the exponents and the rest of the choice; where stages share LUTs, the whole is smaller than its "
                  "parts.",
                  rows=rows[(rows["variant"] == TUNED) & rows["a"].isin(names)], figure=figure,
                  alt=f"Stacked bars, accumulate, multiply and shift: {spoken}.")
