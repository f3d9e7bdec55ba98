"""What a count of LUTs depends on: exhibits on the rows of `mac`, and on counts of another version of Yosys."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hw.netlist import Netlist
from hw.variants import VARIANTS
from repro import paper
from repro.errors import BadInput
from repro.exhibits import COLOURS, OTHER_COLOURS, Figure, Table, exhibit
from repro.experiments.mac import luts, pairings
from repro.experiments.mac_rows import DEFAULT, DOT_PRODUCT, LUT_SIZES, TUNED, order
from repro.formats import parse

STYLES = {"default": ("o", "none"), "carry-rows": ("s", "none"), "remapped": ("^", OTHER_COLOURS[1]),
          "rewritten": ("v", OTHER_COLOURS[2]), "tuned": ("D", OTHER_COLOURS[0])}
"""Variant -> marker and its fill; plain Verilog under Yosys' own mapper is hollow."""


@cache
def mapper_weights() -> dict[str, int]:
    """What Yosys' mapper takes each LUT of a Xilinx device to cost: cell name -> area, read from the installed Yosys.

    Raises BadInput when pyosys is not installed.
    """
    if (spec := find_spec("pyosys")) is None:
        raise BadInput("the mapper's weights come with Yosys and pyosys is not installed: pip install pyosys==0.70")
    library = Path(spec.origin).parent / "share" / "xilinx" / "cells_sim.v"
    found = re.findall(r"abc9_lut=(\d+) \*\)\s*module (LUT\d)", library.read_text(encoding="utf-8"))
    return {cell: int(area) for area, cell in found}


def mask_bits(row: pd.Series) -> int:
    """Bits in all LUT masks of one MAC (a row of `mac`): 2**n in a LUT of n inputs. So many single faults it can have."""
    return int(sum(2**n * row[f"lut{n}"] for n in range(1, 7)))


def sites(rows: pd.DataFrame) -> pd.DataFrame:
    """LUT sites that the tuned MACs can take: one line a format, columns `least`, `most`.

    A site holds one LUT6, or two smaller LUTs with at most five inputs between them. `most`: no two LUTs share a site, which
    is our count. `least`: all of LUT1 to LUT5 and INV in pairs; inputs may forbid that, so no packing is better.
    """
    square = rows[(rows["a"] == rows["b"]) & (rows["k"] == DOT_PRODUCT) & (rows["variant"] == TUNED)].set_index("a")
    small = square[[size for size in LUT_SIZES if size != "lut6"]].sum(axis=1)
    frame = pd.DataFrame({"least": square["lut6"] + np.ceil(small / 2), "most": square["lut"]}).astype(int)
    return frame.loc[sorted(frame.index, key=order)]


def bare_steps(netlist: Netlist) -> int:
    """Steps of carry chains, up to the last that is used in each CARRY4, that no LUT feeds: each takes a LUT site as well."""
    fed = {wire for cell in netlist.cells if cell.kind.startswith(("LUT", "INV")) for wire in cell.outputs}
    read = {wire for cell in netlist.cells for wire in cell.inputs}
    read |= {wire for wires in netlist.ports.values() for wire in wires}
    found = 0
    for cell in (cell for cell in netlist.cells if cell.kind == "CARRY4"):
        used = [i for name in ("O", "CO") for i, wire in enumerate(cell.pins.get(name, ())) if wire in read]
        found += sum(wire not in fed for wire in cell.pins["S"][:max(used, default=-1) + 1])
    return found


@exhibit
def conclusions(rows: pd.DataFrame) -> Figure:
    """LUTs of each minifloat over those of the integer of as many bits, a marker a variant."""
    pairs = pairings(rows)
    labels = [f"{pair['minifloat']} / {pair['integer']}" for _, pair in pairs.iterrows()]
    places = np.arange(len(pairs))[::-1]
    figure, axis = plt.subplots(figsize=(6.8, 3.6))
    axis.axvline(1, color="#333333", linewidth=1)
    for step, variant in enumerate(VARIANTS):
        marker, fill = STYLES[variant]
        edge = OTHER_COLOURS[0] if fill == "none" else fill
        axis.plot(pairs[variant], places + 0.24 - 0.12 * step, marker, color=edge, markerfacecolor=fill, markersize=6,
                  label=variant)
    axis.set_xscale("log", base=2)
    low, high = pairs[list(VARIANTS)].min().min(), pairs[list(VARIANTS)].max().max()
    axis.set_xlim(low / 1.15, high * 1.15)
    ticks = [tick for tick in (0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8) if low / 1.15 <= tick <= high * 1.15]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_yticks(places, labels)
    axis.set(xlabel="LUTs, minifloat / integer", ylim=(-0.6, len(pairs) - 0.4))
    axis.minorticks_off()
    axis.text(0.98, len(pairs) - 0.5, "minifloat cheaper", ha="right", va="bottom", color=COLOURS["minifloat"])
    axis.text(1.02, len(pairs) - 0.5, "integer cheaper", ha="left", va="bottom", color=COLOURS["integer"])
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    spoken = "; ".join(f"{label} {', '.join(f'{pair[variant]:.2f}' for variant in VARIANTS)}"
                       for label, (_, pair) in zip(labels, pairs.iterrows()))
    return Figure("One comparison, five answers: LUTs of a minifloat MAC over those of the integer MAC of as many bits. The "
                  f"arithmetic, the device and the tool are the same ({DOT_PRODUCT:,} products, UltraScale+, Yosys, no DSP); "
                  "how the multiplier is written and mapped is not.", rows=rows, figure=figure,
                  alt=f"Ratios of LUTs, minifloat to integer, for {', '.join(VARIANTS)}: {spoken}.")


@exhibit
def packing(rows: pd.DataFrame) -> Figure:
    """LUT sites of the tuned MACs, from the least that any packing could reach to our count."""
    frame = sites(rows)
    kinds = [parse(name).kind for name in frame.index]
    figure, axis = plt.subplots(figsize=(6.8, 3.4))
    colours = [COLOURS[kind] for kind in kinds]
    axis.bar(frame.index, frame["least"], width=0.7, color=colours, edgecolor="white")
    axis.bar(frame.index, frame["most"] - frame["least"], bottom=frame["least"], width=0.7, color="white", edgecolor=colours,
             hatch="////", linewidth=0)
    for place, (least, most) in enumerate(zip(frame["least"], frame["most"])):
        axis.text(place, least / 2, least, ha="center", va="center", color="white", fontsize=8)
        axis.text(place, most, most, ha="center", va="bottom", fontsize=8)
    axis.bar(0, 0, color="#777777", label="sites at the very least")
    axis.bar(0, 0, color="white", edgecolor="#777777", hatch="////", linewidth=0, label="one site a LUT (our count)")
    for kind in dict.fromkeys(kinds):
        axis.bar(0, 0, color=COLOURS[kind], label=kind)
    axis.set(ylabel="LUT sites of one MAC")
    axis.margins(y=0.1)
    axis.grid(axis="x", visible=False)
    axis.legend(ncols=2, fontsize=9)
    spoken = "; ".join(f"{name} {line['least']} to {line['most']}" for name, line in frame.iterrows())
    return Figure("What packing can change, tuned MACs. A site holds one LUT6 or two smaller LUTs that have at most five "
                  "inputs together. Full bars: every LUT below six inputs has found a partner, which no packer can better. "
                  "Hatched: none has. Steps of a carry chain that no LUT feeds take sites of their own, not shown.",
                  rows=rows, figure=figure, alt=f"Bars of LUT sites, least to most: {spoken}.")


@exhibit
def movers(rows: pd.DataFrame) -> Table:
    """LUTs saved by the mapper alone, by the Verilog alone, and by both, in per cent of the default."""
    table = luts(rows)
    frame = pd.DataFrame({"format": table.index, "default, LUTs": table[DEFAULT]})
    for title, variant in (("mapper alone, %", "remapped"), ("Verilog alone, %", "rewritten"), ("both, %", TUNED)):
        frame[title] = 100 * (table[variant] / table[DEFAULT] - 1)
    numbers = {"default, LUTs": "{:.0f}"} | dict.fromkeys(frame.columns[2:], "{:+.0f}")
    return Table("What moves the count of a MAC: the mapper's idea of cost, how the Verilog is written, and both.",
                 rows=rows, frame=frame, formats=numbers)


@exhibit
def versions() -> Table:
    """LUTs of two MACs under two versions of Yosys."""
    entries = paper.read("yosys_versions.yml")
    lines = []
    for entry in entries:
        line = {"Yosys": entry["version"], "mapper": entry["mapper"]}
        for title, way in (("*", "star"), ("rows", "rows")):
            integer, minifloat = (entry[name][way] or np.nan for name in ("INT8", "E4M3"))
            line |= {f"INT8, {title}": integer, f"E4M3, {title}": minifloat, f"E4M3 / INT8, {title}": minifloat / integer}
        lines.append(line)
    frame = pd.DataFrame(lines)
    numbers = {column: "{:.2f}" if "/" in column else "{:.0f}" for column in frame.columns[2:]}
    return Table("The same Verilog under two versions of Yosys, measured for this project with the "
                 "prototype of this library. *: as that Yosys multiplies. Rows: one carry chain a bit of the multiplier. "
                 "A dash: not measured.", frame=frame, formats=numbers)
