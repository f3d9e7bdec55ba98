"""The cost nobody shows: the accumulator converted back, beside the MAC it stands behind. Every netlist is checked.

"Shedding the Bits" counts MACs without it, and says so. A sum of minifloat products is rounded to the minifloat again; a
sum of integer products is scaled and rounded to the integer again.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hw import check, readout
from hw.generate import Mac
from hw.synth import UNIT_COST, YOSYS_DEFAULT, synthesise
from repro.exhibits import COLOURS, OTHER_COLOURS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.mac_rows import order
from repro.experiments.verdict import Verdict, judge
from repro.formats import Format, parse

DOT_PRODUCT = 4608
"""The longest dot product of ResNet-18, as in the experiment `mac`."""
HEADROOM = 6
"""A read-out's largest number is 2**6 times smaller than the largest sum: of the 13 bits by which 4,608 products may grow,
random signs use about half."""
FORMATS = {
    "smoke": ("INT4", "E2M1"),
    "laptop": ("INT8", "E2M5", "E3M4", "E4M3", "E5M2", "INT6", "E2M3", "E3M2", "INT4", "E2M1"),
}
READOUTS = {"integer": ("power of two", "8-bit scale", "16-bit scale"), "minifloat": ("power of two",)}
"""Kind of format -> how its sums are scaled: by a constant power of two, or by a multiplier of so many bits and one."""
MULTIPLIER_BITS = {"8-bit scale": 8, "16-bit scale": 16}
MAC = "none"
"""The read-out's name in the rows of the MAC itself."""
MAPPINGS = (YOSYS_DEFAULT, UNIT_COST)
BEST = UNIT_COST
SHARES = (1, 16, 576, DOT_PRODUCT)
"""MACs that one read-out serves. It takes a cycle a sum, so it can serve as many MACs as a dot product has products."""


def _grid(scale: str) -> list[dict]:
    kinds = 3 if scale == "smoke" else None     # not the widest multiplier, which takes longest
    return [{"fmt": name, "k": DOT_PRODUCT, "readout": kind, "mapping": mapping}
            for mapping in MAPPINGS for name in FORMATS[scale] for kind in (MAC, *READOUTS[parse(name).kind])[:kinds]]


def design(name: str, kind: str, k: int = DOT_PRODUCT) -> Mac | readout.Readout:
    """The MAC of a format times itself (kind "none"), or the read-out behind it that makes the same format again."""
    fmt = parse(name)
    mac = Mac(fmt, fmt, k)
    if kind == MAC:
        return mac
    above = mac.acc_bits - 1 - HEADROOM      # the largest number that comes out lies below 2**above units
    if fmt.kind == "minifloat":
        span = math.frexp(fmt.max)[1] - math.frexp(fmt.min_subnormal)[1] + 1
        return readout.ToMinifloat(mac.acc_bits, fmt, fmt.min_subnormal / 2.0 ** (above - span))
    bits = MULTIPLIER_BITS.get(kind, 0)
    shift = above - (fmt.bits - 1) + bits
    return readout.Requantize(mac.acc_bits, fmt, bits, shift) if bits else readout.ToInteger(mac.acc_bits, fmt, shift)


def _compute(points: list[dict], scale: str) -> list[dict]:
    jobs = [(design(p["fmt"], p["readout"], int(p["k"])), p["mapping"]) for p in points]
    rows = []
    for point, mapped in zip(points, synthesise(jobs)):
        if point["readout"] == MAC:
            found = check.exhaustive(mapped.netlist, mapped.design)
            cases, mismatches = found.steps, found.mismatches + found.overflows
        else:
            found = readout.check(mapped.netlist, mapped.design)
            cases, mismatches = found.cases, found.mismatches
        counts = mapped.counts
        rows.append({**point, "lut": counts.lut, "ff": counts.ff, "carry4": counts.carry4, "depth": counts.depth,
                     "acc_bits": counts.acc_bits, "cases": cases, "mismatches": mismatches, "n": cases, "seed": ""})
    return rows


EXPERIMENT = Experiment(
    name="readout",
    title="LUTs of converting an accumulator back",
    keys=("fmt", "k", "readout", "mapping"),
    metrics=dict.fromkeys(("lut", "ff", "carry4", "depth", "acc_bits", "cases", "mismatches"), 0),
    grid=_grid, compute=_compute, module=__name__, batch=64, files=("hw/rtl/*.v", "hw/techmap/*.v"), recorded=True,
)
"""`cases`: inputs run on the mapped netlist (clock edges, for a MAC); `mismatches`: those with a wrong result."""


def costs(rows: pd.DataFrame, mapping: str = BEST) -> pd.DataFrame:
    """A line for each read-out: columns fmt, kind, bits, readout, mac, extra (LUTs of the MAC and of the read-out), share
    (the read-out in per cent of the MAC)."""
    chosen = rows[rows["mapping"] == mapping]
    macs = chosen[chosen["readout"] == MAC].set_index("fmt")["lut"]
    found = []
    for row in chosen[chosen["readout"] != MAC].itertuples():
        fmt = parse(row.fmt)
        found.append({"fmt": row.fmt, "kind": fmt.kind, "bits": fmt.bits, "readout": row.readout, "mac": macs[row.fmt],
                      "extra": row.lut, "share": 100 * row.lut / macs[row.fmt]})
    found.sort(key=lambda line: (order(line["fmt"]), READOUTS[line["kind"]].index(line["readout"])))
    return pd.DataFrame(found)


def premiums(rows: pd.DataFrame, mapping: str = BEST) -> pd.DataFrame:
    """What a minifloat costs above the integer of as many bits, in per cent.

    Columns minifloat, integer, without (MAC against MAC), alike (both with a read-out by a power of two), one_sided (the
    minifloat with its read-out, the integer without).
    """
    table = costs(rows, mapping)
    plain = table[table["readout"] == "power of two"].set_index("fmt")
    found = []
    for name, line in plain[plain["kind"] == "minifloat"].iterrows():
        integer = f"INT{line['bits']}"
        if integer in plain.index:
            other = plain.loc[integer]
            both = line["mac"] + line["extra"]
            found.append({"minifloat": name, "integer": integer, "without": 100 * (line["mac"] / other["mac"] - 1),
                          "alike": 100 * (both / (other["mac"] + other["extra"]) - 1),
                          "one_sided": 100 * (both / other["mac"] - 1)})
    return pd.DataFrame(found)


@exhibit
def stacked_bars(rows: pd.DataFrame) -> Figure:
    """A MAC and the read-out behind it, one on the other."""
    table = costs(rows)
    figure, axis = plt.subplots(figsize=(7.2, 4.2))
    places = np.arange(len(table))
    colours = [COLOURS[kind] for kind in table["kind"]]
    axis.bar(places, table["mac"], color=colours, edgecolor="white")
    tops = axis.bar(places, table["extra"], bottom=table["mac"], color="white", edgecolor=colours, hatch="////")
    axis.bar_label(tops, [f"+{extra:.0f}" for extra in table["extra"]], fontsize=8)
    for kind in dict.fromkeys(table["kind"]):
        axis.bar(0, 0, color=COLOURS[kind], label=f"{kind} MAC")
    axis.bar(0, 0, color="white", edgecolor=OTHER_COLOURS[0], hatch="////", label="read-out")
    axis.set_xticks(places, [f"{fmt}, {kind}" for fmt, kind in zip(table["fmt"], table["readout"])], rotation=60, ha="right",
                    rotation_mode="anchor", fontsize=8)
    axis.set(ylabel="LUTs")
    axis.margins(y=0.1)
    axis.grid(axis="x", visible=False)
    axis.legend()
    spoken = "; ".join(f"{line.fmt} {line.readout} {line.mac:.0f} and {line.extra:.0f}" for line in table.itertuples())
    return Figure(
        f"LUTs of a MAC for exact sums of {DOT_PRODUCT:,} products (solid) and of the read-out that makes the same format of "
        f"its sum (hatched), under {BEST}. Scale: a constant power of two, or a multiplier that is an input. A minifloat's "
        f"scale is a power of two. The largest number is 2**{HEADROOM} times smaller than the largest sum.",
        rows=rows, figure=figure, alt=f"Stacked bars, LUTs of the MAC and of the read-out: {spoken}.")


@exhibit
def cost_table(rows: pd.DataFrame) -> Table:
    """LUTs a MAC when one read-out serves one MAC, or many."""
    table = costs(rows)
    frame = pd.DataFrame({"format": table["fmt"], "scale": table["readout"], "MAC": table["mac"], "read-out": table["extra"],
                          "read-out / MAC (%)": table["share"]})
    for share in SHARES:
        frame["with one each" if share == 1 else f"one for {share:,}"] = table["mac"] + table["extra"] / share
    formats = {name: "{:,.1f}" if name.startswith("one for") else "{:,.0f}" for name in frame.columns[2:]}
    return Table(f"LUTs a MAC without and with converting back, under {BEST}. A read-out takes one cycle for a sum and a MAC one "
                 f"cycle for a product, so a read-out can serve as many MACs as a dot product has products: up to "
                 f"{DOT_PRODUCT:,} in ResNet-18. What brings their sums to it, a register of each MAC or a multiplexer, is "
                 "not counted.", rows=rows, frame=frame, formats=formats)


@exhibit
def readout_table(rows: pd.DataFrame) -> Table:
    """Cells and depth of every read-out under both mappings, and how many inputs were run."""
    shown = rows[rows["readout"] != MAC]
    names = {"fmt": "format", "readout": "scale", "mapping": "mapping", "acc_bits": "acc, bits", "lut": "LUT", "carry4": "CARRY4",
             "depth": "LUTs in a row", "cases": "inputs run", "mismatches": "wrong"}
    return Table("Read-outs after mapping. Inputs: every midpoint between two numbers of the format, each of these with single bits "
                 "added and taken away, powers of two, the register's ends, and pseudo-random sums of every length; with a "
                 "scale, for powers of two, the largest and some pseudo-random multipliers. All were compared with "
                 "repro.formats on the mapped netlist.",
                 rows=shown, frame=shown[list(names)].rename(columns=names),
                 formats=dict.fromkeys(list(names.values())[3:], "{:,.0f}"))


def damsgaard_with_conversion(rows: pd.DataFrame) -> Verdict:
    """Claim (TCAD 2025, abstract): minifloat MACs cost 20 to 180 % more than same-size integers, 60 to 300 % converting back.

    Theirs are parallel units on another device. Decided under BEST, with the integer read out too (alike): reproduced when
    every minifloat's premium lies in 20..180 without and 60..300 with conversion; partly when converting back raises the
    premium of most of them.
    """
    found = premiums(rows)
    inside = found["without"].between(20, 180).all() and found["alike"].between(60, 300).all()
    dearer = (found["alike"] > found["without"]).mean() > 0.5

    def sentence(column):
        return ", ".join(f"{line.minifloat} {getattr(line, column):+.0f} %" for line in found.itertuples())

    return judge(bool(inside), bool(dearer),
                 f"LUTs above the integer of as many bits: {sentence('without')} for the MACs alone; {sentence('alike')} when both "
                 f"are read out by a power of two; {sentence('one_sided')} when only the minifloat is.")
