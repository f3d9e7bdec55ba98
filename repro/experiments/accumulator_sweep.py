"""What a bit of accumulator costs: LUTs and flip-flops of MACs against the width P.

A2Q trains a network for a narrow accumulator; this measures what the narrower register saves in silicon. Each netlist
is run over every operand pair.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hw import finn
from hw.check import exhaustive
from hw.generate import Mac
from hw.variants import build
from repro import accumulators
from repro.exhibits import COLOURS, LINES, MARKERS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.mac_rows import RTL
from repro.experiments.verdict import Verdict, judge
from repro.formats import parse

DOT_PRODUCT = 4608
"""The longest dot product of ResNet-18, as in the experiment `mac`."""
WIDTHS = {
    "smoke": {"INT4": (6, 8, 12, 20), "E2M1": (6, 14, 21)},
    "laptop": {"INT8": range(8, 33), "INT4": range(4, 33), "E4M3": range(16, 61, 2)},
}
A2Q_WIDTHS = {"INT8": 16, "INT4": 12}
"""The narrowest accumulators for which A2Q's authors ship results: W8A8 (super-resolution) and W4A4 (CIFAR-10)."""
VARIANTS = ("default", "carry-rows", "tuned")
"""Of those that hw.variants names: what Yosys makes of a textbook's Verilog, and the two that shape the multiplier."""
BEST = "tuned"
"""The variant judged by."""
FILLED = {"default": "none", "carry-rows": "bottom", "tuned": "full"}
"""How much of a marker is filled."""


def _grid(scale: str) -> list[dict]:
    return [{"a": name, "b": name, "k": DOT_PRODUCT, "variant": variant, "p": p}
            for name, widths in WIDTHS[scale].items() for variant in VARIANTS for p in widths]


def _compute(points: list[dict], scale: str) -> list[dict]:
    jobs = [(Mac(parse(p["a"]), parse(p["b"]), int(p["k"]), int(p["p"])), p["variant"]) for p in points]
    rows = []
    for point, unit in zip(points, build(jobs)):
        found = exhaustive(unit.netlist, unit.design)
        rows.append({**point, "lut": unit.counts.lut, "ff": unit.counts.ff, "carry4": unit.counts.carry4, "pairs": found.pairs,
                     "steps": found.steps, "mismatches": found.mismatches, "n": found.pairs, "seed": ""})
    return rows


EXPERIMENT = Experiment(
    name="accumulator_sweep",
    title="LUTs and flip-flops of a MAC against the width of its accumulator",
    keys=("a", "b", "k", "variant", "p"),
    metrics=dict.fromkeys(("lut", "ff", "carry4", "pairs", "steps", "mismatches"), 0),
    grid=_grid, compute=_compute, module=__name__, batch=64, files=RTL, recorded=True,
)
"""`mismatches`: clock edges after which the register is not the exact sum modulo 2**P. Below the exact width the worst sums
wrap, which is what a narrow register does and no fault."""


def data_type_bound(name: str) -> int:
    """A2Q's data-type bound for a format times itself, signed inputs as our MACs have, DOT_PRODUCT products (bits)."""
    bits = parse(name).bits
    return accumulators.data_type_bound(DOT_PRODUCT, bits, bits, input_signed=True)


def product_width(name: str) -> int:
    """Bits that hold any one product of a format with itself."""
    return accumulators.exact_width(parse(name), parse(name), 1)


def line(rows: pd.DataFrame, name: str, variant: str) -> pd.DataFrame:
    """The rows of a format under a variant, by width, indexed by p."""
    return rows[(rows["a"] == name) & (rows["variant"] == variant)].sort_values("p").set_index("p")


def slopes(rows: pd.DataFrame) -> pd.DataFrame:
    """LUTs and flip-flops a bit of accumulator, by least squares: a line for each format, variant and part.

    Parts: the widths that hold any single product, and those below. Columns a, variant, part, low, high (widths), lut, ff.
    """
    found = []
    for name in dict.fromkeys(rows["a"]):
        for variant in _variants(rows):
            all_widths, width = line(rows, name, variant), product_width(name)
            wide = all_widths.index >= width
            parts = {"holds a product": all_widths[wide], "too narrow for one": all_widths[~wide]}
            found += [{"a": name, "variant": variant, "part": part, "low": chosen.index.min(), "high": chosen.index.max(),
                       **{cell: np.polyfit(chosen.index, chosen[cell], 1)[0] for cell in ("lut", "ff")}}
                      for part, chosen in parts.items() if len(chosen) > 1]
    return pd.DataFrame(found)


def savings(rows: pd.DataFrame) -> pd.DataFrame:
    """What A2Q's width saves against the data-type bound: a line for each of A2Q_WIDTHS and variant.

    Columns a, variant, bound, p (widths), norm (the largest L1 norm of a channel at p), lut_bound, lut, lut_saved,
    ff_saved, share (of the LUTs, per cent).
    """
    found = []
    for name, p in A2Q_WIDTHS.items():
        bound, bits = data_type_bound(name), parse(name).bits
        for variant in _variants(rows):
            widths = line(rows, name, variant)
            if {p, bound} <= set(widths.index):
                wide, narrow = widths.loc[bound], widths.loc[p]
                found.append({"a": name, "variant": variant, "bound": bound, "p": p,
                              "norm": int(accumulators.max_l1_norm(p, bits, input_signed=True)),
                              "lut_bound": wide["lut"], "lut": narrow["lut"], "lut_saved": wide["lut"] - narrow["lut"],
                              "ff_saved": wide["ff"] - narrow["ff"], "share": 100 * (1 - narrow["lut"] / wide["lut"])})
    return pd.DataFrame(found)


def _variants(rows: pd.DataFrame) -> list[str]:
    return [variant for variant in VARIANTS if (rows["variant"] == variant).any()]


@exhibit
def lut_figure(rows: pd.DataFrame) -> Figure:
    """LUTs against accumulator width, a panel for each format; FINN's closed form and A2Q's widths beside the integers."""
    names = list(dict.fromkeys(rows["a"]))
    figure, axes = plt.subplots(1, len(names), figsize=(3 * len(names), 3.9), sharey=True, squeeze=False)
    spoken = []
    for name, axis in zip(names, axes[0]):
        kind = parse(name).kind
        for variant, style in zip(reversed(_variants(rows)), (LINES[kind], ":", "-.")):
            drawn, best = line(rows, name, variant)["lut"], variant == BEST
            axis.plot(drawn.index, drawn, color=COLOURS[kind], marker=MARKERS[kind], linestyle=style, label=variant,
                      markersize=4, fillstyle=FILLED[variant], linewidth=1.6 if best else 0.8)
            spoken.append(f"{name} under {variant} from {drawn.iloc[0]} at {drawn.index[0]} bits to {drawn.iloc[-1]} at "
                          f"{drawn.index[-1]}")
        if kind == "integer":
            _draw_theory(axis, name, sorted(rows.loc[rows["a"] == name, "p"].unique()))
        axis.set(xlabel="accumulator width P (bits)", title=name)
        axis.legend(loc="upper left", fontsize=8)
    axes[0][0].set(ylabel="LUTs of one MAC", ylim=(0, 1.45 * rows["lut"].max()))
    trees = ", ".join(f"{finn.adder_tree(1, bits, bits)} for {bits} bits" for bits in
                      (parse(name).bits for name in names if parse(name).kind == "integer"))
    return Figure(
        "LUTs of a MAC against the width of its accumulator, by variant. Grey: FINN's closed form for multiplier and "
        f"accumulator (its whole model adds an adder tree, {trees}, then a factor of {finn.OVERHEAD} and {finn.FIXED} LUTs a "
        "unit). Vertical lines: A2Q's narrowest published width, and the data-type bound for "
        f"{DOT_PRODUCT:,} products of signed operands. Every netlist was run over every operand pair.",
        rows=rows, figure=figure,
        alt=f"LUTs against accumulator width, rising lines: {'; '.join(spoken)}. FINN's grey lines rise by one LUT a bit.")


def _draw_theory(axis, name: str, widths: list[int]) -> None:
    """FINN's closed form for one integer format, and where A2Q and the data-type bound stand."""
    bits = parse(name).bits
    axis.plot(widths, [finn.mac(bits, bits, int(p)) for p in widths], color=COLOURS["float"], linestyle="-", linewidth=0.9,
              label="FINN's closed form")
    if name in A2Q_WIDTHS:
        for place, word in ((A2Q_WIDTHS[name], "A2Q"), (data_type_bound(name), "bound")):
            axis.axvline(place, ymax=0.69, color="#777777", linewidth=0.8, linestyle="-." if word == "bound" else "-")
            axis.annotate(word, (place, 0.7), xycoords=("data", "axes fraction"), ha="center", fontsize=8, color="#555555")


@exhibit
def slope_table(rows: pd.DataFrame) -> Table:
    """What a bit of accumulator costs, where it holds a product and where it does not."""
    found = slopes(rows)
    frame = pd.DataFrame({"format": found["a"], "variant": found["variant"], "register": found["part"],
                          "P": [f"{low} to {high}" for low, high in zip(found["low"], found["high"])],
                          "LUT a bit": found["lut"], "FF a bit": found["ff"]})
    return Table("What a bit of accumulator costs, by least squares over the widths named. A bit is one flip-flop. It is one "
                 "LUT where only the last carry chain grows with it: behind a multiplier of fixed size, and after the tuned "
                 "integers' rows, which start from the accumulator but are no wider than an operand. In the variant default "
                 "Yosys merges an integer's multiplier and adder into one sum of many rows, each as wide as the accumulator. "
                 "In a register too narrow for a product, a bit less shortens several rows of an integer's multiplier.",
                 rows=rows, frame=frame, formats={"LUT a bit": "{:.2f}", "FF a bit": "{:.2f}"})


@exhibit
def savings_table(rows: pd.DataFrame) -> Table:
    """A MAC at A2Q's width beside one at the data-type bound."""
    names = {"a": "format", "variant": "variant", "bound": "bound, bits", "lut_bound": "LUT at the bound", "p": "A2Q, bits",
             "norm": "largest L1 norm", "lut": "LUT at A2Q's width", "lut_saved": "LUT saved", "ff_saved": "FF saved",
             "share": "LUT saved (%)"}
    formats = dict.fromkeys(list(names.values())[2:], "{:,.0f}")
    return Table("What A2Q's narrow accumulator saves in one MAC against the data-type bound for "
                 f"{DOT_PRODUCT:,} products of signed operands. Largest L1 norm: what the magnitudes of a channel's integer "
                 "weights may add up to for A2Q's width to be safe.",
                 rows=rows, frame=savings(rows).reindex(columns=list(names)).rename(columns=names), formats=formats)


def a_bit_is_a_lut(rows: pd.DataFrame) -> Verdict:
    """FINN's model: an accumulator costs one LUT a bit (A2Q's savings are counted with it).

    Reproduced when in the best variant every format's slope is within 0.1 of one LUT and one flip-flop where the
    register holds a product; partly when at least one format's is.
    """
    found = slopes(rows)
    wide = found[found["part"] == "holds a product"]
    best = wide[wide["variant"] == BEST]
    close = best["lut"].sub(1).abs().le(0.1) & best["ff"].sub(1).abs().le(0.1)

    def sentence(variant):
        return ", ".join(f"{row.a} {row.lut:.2f}" for row in wide[wide["variant"] == variant].itertuples())

    sentences = "; ".join(f"{sentence(variant)} under {variant}" for variant in _variants(rows))
    return judge(len(best) > 0 and bool(close.all()), bool(close.any()),
                 f"LUTs a bit where the register holds a product: {sentences}.")
