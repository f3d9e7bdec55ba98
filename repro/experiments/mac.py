"""What a multiply-accumulate unit costs in LUTs, under two mappings, each netlist checked over every operand pair."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hw.check import exhaustive
from hw.generate import Mac
from hw.synth import CARRY_ROWS, MAPPINGS, YOSYS_DEFAULT, synthesise
from repro import accumulators
from repro.exhibits import COLOURS, LINES, MARKERS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.verdict import Verdict, judge
from repro.formats import Minifloat, catalogue, parse

DOT_PRODUCT = 4608
"""The longest dot product of ResNet-18, 512 channels of 3 x 3 (the n of "Shedding the Bits")."""

FORMATS = {
    "smoke": ("INT4", "E2M1"),
    "laptop": ("INT8", "E4M3", "INT6", "E3M2", "INT4", "E2M1"),
}
LUT_SIZES = ("lut1", "lut2", "lut3", "lut4", "lut5", "lut6", "inv")
SLIGHTLY = 0.2
"""What counts as a slightly smaller footprint here: the minifloat takes at most a fifth more LUTs. The paper gives no number
that could be read."""


def _grid(scale: str) -> list[dict]:
    return [{"a": name, "b": name, "k": DOT_PRODUCT, "mapping": mapping} for name in FORMATS[scale] for mapping in MAPPINGS]


def _compute(points: list[dict], scale: str) -> list[dict]:
    jobs = [(Mac(parse(p["a"]), parse(p["b"]), int(p["k"])), p["mapping"]) for p in points]
    rows = []
    for point, mapped in zip(points, synthesise(jobs)):
        found, counts = exhaustive(mapped.netlist, mapped.mac), mapped.counts
        sizes = {name.lower(): number for name, number in counts.luts_by_size}
        rows.append({**point, "lut": counts.lut, "ff": counts.ff, "carry4": counts.carry4, "acc_bits": counts.acc_bits, **sizes,
                     "pairs": found.pairs, "steps": found.steps, "mismatches": found.mismatches + found.overflows,
                     "n": found.pairs, "seed": ""})
    return rows


EXPERIMENT = Experiment(
    name="mac",
    title="LUTs of a multiply-accumulate unit",
    keys=("a", "b", "k", "mapping"),
    metrics=dict.fromkeys(("lut", "ff", "carry4", "acc_bits", *LUT_SIZES, "pairs", "steps", "mismatches"), 0),
    grid=_grid, compute=_compute, module=__name__, batch=64, files=("hw/rtl/*.v", "hw/techmap/*.v"),
)
"""`pairs`: operand pairs run on the mapped netlist; `steps`: clock edges compared; `mismatches`: edges that went wrong."""


def luts(rows: pd.DataFrame) -> pd.DataFrame:
    """LUTs of a format times itself: one line a format (narrowest first, integers first), one column a mapping."""
    square = rows[(rows["a"] == rows["b"]) & (rows["k"] == DOT_PRODUCT)]
    table = square.pivot(index="a", columns="mapping", values="lut")
    return table.loc[sorted(table.index, key=_order), [m for m in MAPPINGS if m in table]]


def _order(name: str) -> tuple:
    fmt = parse(name)
    return fmt.bits, fmt.kind != "integer", getattr(fmt, "exponent_bits", 0)


def lut_int8(rows: pd.DataFrame) -> float:
    """LUTs of INT8 times INT8 under carry-rows."""
    return float(luts(rows).loc["INT8", CARRY_ROWS])


def lut_e4m3(rows: pd.DataFrame) -> float:
    """LUTs of E4M3 times E4M3 under carry-rows."""
    return float(luts(rows).loc["E4M3", CARRY_ROWS])


def pairings(rows: pd.DataFrame) -> pd.DataFrame:
    """Each minifloat beside the integer of as many bits: columns bits, integer, minifloat, and per mapping the quotient
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
    """LUTs by format, both mappings side by side."""
    table = luts(rows)
    figure, axis = plt.subplots(figsize=(6.8, 3.8))
    kinds = [parse(name).kind for name in table.index]
    places = np.arange(len(table))
    for offset, mapping, hatch in ((-0.2, YOSYS_DEFAULT, "////"), (0.2, CARRY_ROWS, "")):
        bars = axis.bar(places + offset, table[mapping], width=0.38, hatch=hatch, edgecolor="white",
                        color=[COLOURS[kind] for kind in kinds])
        axis.bar_label(bars, fontsize=8)
        axis.bar(0, 0, color="#777777", hatch=hatch, edgecolor="white", label=mapping)
    for kind in dict.fromkeys(kinds):
        axis.bar(0, 0, color=COLOURS[kind], label=kind)
    axis.set_xticks(places, table.index)
    axis.set(ylabel="LUTs of one MAC")
    axis.margins(y=0.1)
    axis.grid(axis="x", visible=False)
    axis.legend(ncols=2)
    spoken = "; ".join(f"{name} {line[YOSYS_DEFAULT]:.0f} and {line[CARRY_ROWS]:.0f}" for name, line in table.iterrows())
    return Figure(f"LUTs of one multiply-accumulate unit, exact sums of {DOT_PRODUCT:,} products, no DSP. Hatched: Yosys "
                  "chooses the multiplier. Plain: one carry chain per multiplier bit. UltraScale+ by Yosys, before placement; the paper's are for "
                  "a VCK190, after implementation.", rows=rows, figure=figure,
                  alt=f"Bars of LUTs by format under {YOSYS_DEFAULT} and {CARRY_ROWS}: {spoken}.")


@exhibit
def counts_table(rows: pd.DataFrame) -> Table:
    """Cells of every MAC, and how much of it was checked."""
    rows = rows.drop_duplicates(["a", "b", "k", "mapping"])
    places = [(*_order(a), MAPPINGS.index(mapping)) for a, mapping in zip(rows["a"], rows["mapping"])]
    shown = rows.iloc[sorted(range(len(rows)), key=places.__getitem__)]
    names = {"a": "format", "mapping": "mapping", "acc_bits": "acc, bits", "lut": "LUT", "ff": "FF", "carry4": "CARRY4",
             "pairs": "pairs run", "mismatches": "mismatches"}
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

    Decided under carry-rows, in LUTs, at equal bits: reproduced when no minifloat is smaller than its integer or larger by
    more than SLIGHTLY; partly when at least one is larger.
    """
    pairs = pairings(rows)
    ratios = pairs[CARRY_ROWS]

    def sentence(mapping):
        parts = (f"{p['minifloat']} {100 * (p[mapping] - 1):+.0f} % against {p['integer']}" for _, p in pairs.iterrows())
        return f"LUTs under {mapping}: {', '.join(parts)}"

    return judge(bool(ratios.between(1, 1 + SLIGHTLY).all()), bool((ratios > 1).any()),
                 f"{sentence(CARRY_ROWS)}. {sentence(YOSYS_DEFAULT)}.")


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
