"""What a multiply-accumulate unit costs in LUTs, built in five ways, each netlist checked over every operand pair.

The main formats only, so that a book build can compute them; `mac_luts` has every pair of formats.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hw.generate import Mac
from hw.variants import VARIANTS, build
from repro import accumulators, paper
from repro.exhibits import COLOURS, LINES, MARKERS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.mac_rows import DEFAULT, DOT_PRODUCT, METRICS, RTL, TUNED, order, row
from repro.experiments.verdict import Verdict, judge
from repro.formats import Minifloat, catalogue, parse

FORMATS = {
    "smoke": ("INT4", "E2M1"),
    "laptop": ("INT8", "E4M3", "E5M2", "E3M4", "INT6", "E3M2", "E2M3", "INT4", "E2M1", "INT3"),
}
SLIGHTLY = 0.2
"""What counts as a slightly smaller footprint here: the minifloat takes at most a fifth more LUTs. The paper gives no number
that could be read."""


def _grid(scale: str) -> list[dict]:
    return [{"a": name, "b": name, "k": DOT_PRODUCT, "variant": variant} for name in FORMATS[scale] for variant in VARIANTS]


def _compute(points: list[dict], scale: str) -> list[dict]:
    mapped = build([(Mac(parse(p["a"]), parse(p["b"]), int(p["k"])), p["variant"]) for p in points])
    return [row(point, unit.design, unit.counts, unit.netlist) for point, unit in zip(points, mapped)]


EXPERIMENT = Experiment(
    name="mac",
    title="LUTs of a multiply-accumulate unit",
    keys=("a", "b", "k", "variant"),
    metrics=METRICS,
    grid=_grid, compute=_compute, module=__name__, batch=64, files=RTL,
)


def luts(rows: pd.DataFrame) -> pd.DataFrame:
    """LUTs of a format times itself: one line a format (narrowest first, integers first), one column a variant."""
    square = rows[(rows["a"] == rows["b"]) & (rows["k"] == DOT_PRODUCT)]
    table = square.pivot(index="a", columns="variant", values="lut")
    return table.loc[sorted(table.index, key=order), [name for name in VARIANTS if name in table]]


def lut_int8(rows: pd.DataFrame) -> float:
    """LUTs of INT8 times INT8, tuned."""
    return float(luts(rows).loc["INT8", TUNED])


def lut_e4m3(rows: pd.DataFrame) -> float:
    """LUTs of E4M3 times E4M3, tuned."""
    return float(luts(rows).loc["E4M3", TUNED])


def pairings(rows: pd.DataFrame) -> pd.DataFrame:
    """Each minifloat beside the integer of as many bits: columns bits, integer, minifloat, and per variant the quotient
    of their LUTs (minifloat / integer)."""
    table = luts(rows)
    found = []
    for name in table.index:
        fmt = parse(name)
        integer = f"INT{fmt.bits}"
        if fmt.kind == "minifloat" and integer in table.index:
            found.append({"bits": fmt.bits, "integer": integer, "minifloat": name, **(table.loc[name] / table.loc[integer])})
    return pd.DataFrame(found)


@exhibit
def lut_bars(rows: pd.DataFrame) -> Figure:
    """LUTs by format, default and tuned side by side."""
    table = luts(rows)
    figure, axis = plt.subplots(figsize=(6.8, 3.8))
    kinds = [parse(name).kind for name in table.index]
    places = np.arange(len(table))
    for offset, variant, hatch in ((-0.2, DEFAULT, "////"), (0.2, TUNED, "")):
        bars = axis.bar(places + offset, table[variant], width=0.38, hatch=hatch, edgecolor="white",
                        color=[COLOURS[kind] for kind in kinds])
        axis.bar_label(bars, fontsize=7)
        axis.bar(0, 0, color="#777777", hatch=hatch, edgecolor="white", label=variant)
    for kind in dict.fromkeys(kinds):
        axis.bar(0, 0, color=COLOURS[kind], label=kind)
    axis.set_xticks(places, table.index)
    axis.set(ylabel="LUTs of one MAC")
    axis.margins(y=0.1)
    axis.grid(axis="x", visible=False)
    axis.legend(ncols=2)
    spoken = "; ".join(f"{name} {line[DEFAULT]:.0f} and {line[TUNED]:.0f}" for name, line in table.iterrows())
    return Figure(f"LUTs of one multiply-accumulate unit, exact sums of {DOT_PRODUCT:,} products, no DSP. Hatched: the textbook's "
                  "Verilog, mapped by Yosys as it comes. Plain: both kinds written for six-input LUTs, and each LUT counted as one by the mapper. "
                  "UltraScale+ by Yosys, before placement; the paper's are for a VCK190, after implementation.",
                  rows=rows, figure=figure, alt=f"Bars of LUTs by format, {DEFAULT} and {TUNED}: {spoken}.")


@exhibit
def variants_table(rows: pd.DataFrame) -> Table:
    """LUTs of every format in every variant, and what the project's prototype had reached."""
    table = luts(rows)
    table.columns.name = None
    known = paper.read("prototype_luts.yml")
    frame = table.assign(prototype=[known.get(name, np.nan) for name in table.index])
    frame["tuned / prototype"] = frame[TUNED] / frame["prototype"]
    frame = frame.rename_axis("format").reset_index()
    return Table("LUTs of a MAC in five ways. default: plain Verilog, Yosys as it comes. carry-rows: the same with one carry chain per "
                 "multiplier bit. remapped: the same Verilog, with a mapper that counts every LUT as one. rewritten: our Verilog for "
                 "six-input LUTs, Yosys as it comes. tuned: both. prototype: the counts that this library set out to beat by a "
                 "tenth (measured for this project).", rows=rows, frame=frame,
                 formats=dict.fromkeys([*table.columns, "prototype"], "{:.0f}") | {"tuned / prototype": "{:.2f}"})


@exhibit
def counts_table(rows: pd.DataFrame) -> Table:
    """Cells of every MAC, default and tuned, and how much of it was checked."""
    rows = rows[rows["variant"].isin((DEFAULT, TUNED))].drop_duplicates(["a", "b", "k", "variant"])
    places = [(*order(a), variant) for a, variant in zip(rows["a"], rows["variant"])]
    shown = rows.iloc[sorted(range(len(rows)), key=places.__getitem__)]
    names = {"a": "format", "variant": "variant", "acc_bits": "acc, bits", "lut": "LUT", "ff": "FF", "carry4": "CARRY4",
             "depth": "LUT levels", "pairs": "pairs run", "mismatches": "mismatches"}
    numbers = dict.fromkeys(list(names.values())[2:], "{:,.0f}")
    return Table("Cells after mapping to a Xilinx UltraScale+ device without DSPs. LUT: LUT1 to LUT6 and inverters; two CARRY4 "
                 "make one CARRY8 of UltraScale+. The paper's counts are for a VCK190, after implementation. Every operand "
                 "pair was run on the mapped netlist.", rows=rows, frame=shown[list(names)].rename(columns=names), formats=numbers)


@exhibit
def widths() -> Figure:
    """Exact accumulator width against exponent bits, for each width of format."""
    figure, axis = plt.subplots()
    for bits in (8, 6, 4):
        formats = [fmt for fmt in catalogue(bits, bits) if fmt.kind == "minifloat"]
        axis.plot([fmt.exponent_bits for fmt in formats], [_width(fmt) for fmt in formats], MARKERS["minifloat"],
                  linestyle=LINES["minifloat"], color=COLOURS["minifloat"], label="minifloats" if bits == 8 else None)
        last = formats[-1]
        axis.annotate(f"{bits} bits", (last.exponent_bits, _width(last)), xytext=(6, 4), textcoords="offset points",
                      color=COLOURS["minifloat"])
    axis.axhline(_width(parse("INT8")), color=COLOURS["integer"], linestyle=LINES["integer"], label="INT8")
    axis.set(xlabel="exponent bits", ylabel="accumulator (bits)", ylim=(0, None))
    axis.legend()
    return Figure(f"Width of an exact accumulator for {DOT_PRODUCT:,} products. Each further exponent bit adds about twice as many "
                  "bits as the one before.", figure=figure,
                  alt="Accumulator width against exponent bits: the curves of 4-, 6- and 8-bit minifloats lie a few bits apart and bend "
                      f"upwards ever more steeply, from {_width(parse('E1M6'))} bits at E1M6 to {_width(parse('E6M1'))} at E6M1; "
                      f"INT8 is a level line at {_width(parse('INT8'))}.")


def _width(fmt) -> int:
    return accumulators.exact_width(fmt, fmt, DOT_PRODUCT)


def minifloat_costs_more(rows: pd.DataFrame) -> Verdict:
    """Claim: at a given precision an integer MAC has a slightly smaller hardware footprint than a minifloat MAC.

    Decided with both kinds tuned, in LUTs, at equal bits: reproduced when no minifloat is smaller than its integer or larger by
    more than SLIGHTLY; partly when at least one is larger.
    """
    pairs = pairings(rows)
    ratios = pairs[TUNED]

    def sentence(variant):
        parts = (f"{p['minifloat']} {100 * (p[variant] - 1):+.0f} % against {p['integer']}" for _, p in pairs.iterrows())
        return f"LUTs, {variant}: {', '.join(parts)}"

    return judge(bool(ratios.between(1, 1 + SLIGHTLY).all()), bool((ratios > 1).any()),
                 f"{sentence(TUNED)}. {sentence(DEFAULT)}.")


def width_grows_exponentially(rows: pd.DataFrame) -> Verdict:
    """Claim: the exact accumulator of a minifloat MAC grows exponentially with the exponent bits.

    At one mantissa bit, where the catalogue has most exponents, each step must be twice the step before; and the rows'
    registers must have exactly those widths.
    """
    formats = [Minifloat(e, 1) for e in range(1, 7)]
    steps = np.diff([_width(fmt) for fmt in formats])
    doubling = bool((steps[1:] == 2 * steps[:-1]).all())
    built = all(row["acc_bits"] == row["ff"] == accumulators.exact_width(parse(row["a"]), parse(row["b"]), int(row["k"]))
                for _, row in rows.iterrows())
    text = " to ".join(f"{fmt.name} {_width(fmt)}" for fmt in (formats[0], formats[-1]))
    return judge(doubling and built, doubling,
                 f"Exact widths for {DOT_PRODUCT:,} products from {text} bits: steps of {', '.join(map(str, steps))}.")
