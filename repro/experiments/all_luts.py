"""What the page "LUTs of all formats" (book/all-luts.md) shows: the rows of `mac_luts` for the browser, and what they teach."""

import json
from dataclasses import dataclass, field

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, to_hex

from repro.exhibits import COLOURS, LINES, MARKERS, Exhibit, Figure, Table, exhibit
from repro.experiments.mac_rows import DOT_PRODUCT, LUT_SIZES, TUNED, order
from repro.experiments.mac_luts import LENGTHS
from repro.formats import parse

START = {"a": "E4M3", "b": "E4M3", "k": DOT_PRODUCT, "variant": TUNED}
"""The pair shown first: the book's running example."""
COLUMNS = ("a", "b", "k", "variant", "lut", "ff", "carry4", "depth", "acc_bits", *LUT_SIZES, "pairs", "mismatches")
"""What the page gets of a row."""
STOPS = 17
"""Colours of a scale that the page gets; it interpolates between them."""


@dataclass(frozen=True)
class PageData(Exhibit):
    """Rows for the scripts of the page; in a notebook it shows as a caption and carries the rows along as JSON."""

    data: dict = field(kw_only=True, repr=False, compare=False)

    def _body(self) -> str:
        text = json.dumps(self.data, separators=(",", ":")).replace("<", "\\u003c")  # or "</script>" could end it
        return f'<script type="application/json" id="luts-data">{text}</script>'


@exhibit
def page_data(rows: pd.DataFrame) -> PageData:
    """Rows of `mac_luts` (or of `mac`: pairs without a row stay empty), and the formats and colours to show them with."""
    names = sorted(set(rows["a"]) | set(rows["b"]), key=order)
    ratios = LinearSegmentedColormap.from_list("ratios", [COLOURS["minifloat"], "#f7f7f7", COLOURS["integer"]])
    data = {
        "formats": [{"name": name, "kind": parse(name).kind, "bits": parse(name).bits} for name in names],
        "columns": COLUMNS,
        "rows": rows[list(COLUMNS)].to_numpy(dtype=object).tolist(),
        "start": START,
        "colours": {"counts": _stops(matplotlib.colormaps["cividis_r"]), "ratios": _stops(ratios)},
    }
    pairs = len(rows[["a", "b"]].drop_duplicates())
    caption = f"The rows behind the picture and the table: {len(rows):,} MACs of {pairs} pairs of formats."
    return PageData(caption, rows=rows, data=data)


def _stops(colours) -> list[str]:
    return [to_hex(colour) for colour in colours(np.linspace(0, 1, STOPS))]


def _properties(rows: pd.DataFrame, side: str, of) -> pd.Series:
    """A property of the format on one side of every pair."""
    return rows[side].map({name: of(parse(name)) for name in set(rows[side])})


def _minifloats(rows: pd.DataFrame) -> pd.Series:
    return _properties(rows, "a", lambda fmt: fmt.kind == "minifloat").astype(bool)


def _at_length(rows: pd.DataFrame, variant: str) -> pd.DataFrame:
    return rows[(rows["k"] == DOT_PRODUCT) & (rows["variant"] == variant)]


def against_integers(rows: pd.DataFrame) -> pd.DataFrame:
    """Every pair of minifloats beside the pair of integers of as many bits: the minifloats' rows with the further columns
    bits_a, bits_b, exponent_bits (of the one with more), integer_lut and ratio (LUTs of minifloats / LUTs of integers)."""
    sides = {f"bits_{side}": _properties(rows, side, lambda fmt: fmt.bits) for side in "ab"}
    minifloat, where = _minifloats(rows), [*sides, "k", "variant"]
    integers = rows.assign(**sides)[~minifloat].rename(columns={"lut": "integer_lut"})
    found = rows.assign(**sides)[minifloat].merge(integers[[*where, "integer_lut"]], on=where, validate="many_to_one")
    exponents = [_properties(found, side, lambda fmt: fmt.exponent_bits) for side in "ab"]
    return found.assign(exponent_bits=np.maximum(*exponents), ratio=found["lut"] / found["integer_lut"])


@exhibit
def ratio_table(rows: pd.DataFrame) -> Table:
    """LUTs of pairs of minifloats over the integers', by variant and exponent bits, at the longest dot product."""
    beside = against_integers(rows[rows["k"] == DOT_PRODUCT])
    groups = beside.groupby(["variant", "exponent_bits"], as_index=False)["ratio"]
    frame = groups.agg(pairs="size", cheaper=lambda ratio: (ratio < 1).sum(), least="min", median="median", largest="max")
    frame = frame.rename(columns={"exponent_bits": "exponent bits", "cheaper": "of them cheaper"})
    return Table("LUTs of two minifloats divided by the LUTs of two integers of as many bits, for exact sums of "
                 f"{DOT_PRODUCT:,} products. Exponent bits: of the format that has more.", rows=rows, frame=frame,
                 formats=dict.fromkeys(("least", "median", "largest"), "{:.2f}"))


def places(rows: pd.DataFrame) -> pd.Series:
    """How many places the exponents of each pair of minifloats can shift a product by: both ranges of exponents, added."""
    return sum(_properties(rows, side, lambda fmt: 2**fmt.exponent_bits - 2) for side in "ab")


def significand_bits(rows: pd.DataFrame) -> pd.Series:
    """Size of each pair's multiplier: width of one significand, its leading one included, times width of the other."""
    return np.prod([_properties(rows, side, lambda fmt: fmt.mantissa_bits + 1) for side in "ab"], axis=0)


def fit(rows: pd.DataFrame) -> dict[str, float]:
    """Least squares over all tuned pairs of minifloats at the longest dot product: LUTs = constant + place * places
    + significand * significand_bits; and `explained`, the share of the variance that this explains."""
    mine = _at_length(rows[_minifloats(rows)], TUNED)
    terms = np.column_stack([np.ones(len(mine)), places(mine), significand_bits(mine)])
    lut = mine["lut"].to_numpy(dtype=np.float64)
    found = np.linalg.lstsq(terms, lut, rcond=None)[0]
    explained = 1 - np.var(lut - terms @ found) / np.var(lut)
    return dict(zip(("constant", "place", "significand", "explained"), map(float, (*found, explained)), strict=True))


@exhibit
def exponent_figure(rows: pd.DataFrame) -> Figure:
    """LUTs of every tuned pair of minifloats against the places that it shifts by; two integers beside."""
    mine = _at_length(rows[_minifloats(rows)], TUNED)
    at, lut = places(mine), mine["lut"]
    medians = lut.groupby(at).median()
    figure, axis = plt.subplots()
    colour = COLOURS["minifloat"]
    axis.plot(at, lut, MARKERS["minifloat"], color=colour, alpha=0.35, linestyle="none", label="a pair of minifloats")
    axis.plot(medians.index, medians, color=colour, linestyle=LINES["minifloat"], label="median")
    tuned = _at_length(rows, TUNED)
    integers = tuned[tuned["a"] == tuned["b"]].set_index("a")["lut"][["INT4", "INT8"]]
    for name, level in integers.items():
        axis.axhline(level, color=COLOURS["integer"], linestyle=LINES["integer"])
        axis.annotate(f"{name} × {name}", (at.max(), level), xytext=(0, 3), textcoords="offset points", ha="right",
                      color=COLOURS["integer"])
    axis.set(xlabel="places that the exponents can shift by", ylabel="LUTs of one MAC", ylim=(0, None))
    axis.legend()
    return Figure(f"LUTs of the {len(mine)} pairs of minifloats, tuned, exact sums of {DOT_PRODUCT:,} products, against the "
                  "sum of both ranges of exponents.", rows=rows, figure=figure,
                  alt=f"LUTs rise nearly in a straight line, from a median of {medians.iloc[0]:.0f} without any shift to "
                      f"{medians.iloc[-1]:.0f} with {medians.index[-1]} places; level lines show INT4 at "
                      f"{integers['INT4']:.0f} and INT8 at {integers['INT8']:.0f}.")


def per_doubling(rows: pd.DataFrame) -> pd.DataFrame:
    """What each doubling of the dot product costs between the shortest and the longest: a, b, variant, formats (their kind),
    lut and ff."""
    ends = min(LENGTHS), max(LENGTHS)
    table = rows.pivot(index=["a", "b", "variant"], columns="k", values=["lut", "ff"])
    cost = {metric: (table[metric, ends[1]] - table[metric, ends[0]]) / np.log2(ends[1] / ends[0]) for metric in ("lut", "ff")}
    found = pd.DataFrame(cost).reset_index()
    return found.assign(formats=[f"{kind}s" for kind in _properties(found, "a", lambda fmt: fmt.kind)])


@exhibit
def doubling_table(rows: pd.DataFrame) -> Table:
    """LUTs and flip-flops that a dot product of twice the length costs, by kind and variant."""
    groups = per_doubling(rows).groupby(["formats", "variant"], as_index=False)
    frame = groups.agg(pairs=("lut", "size"), least=("lut", "min"), median=("lut", "median"), largest=("lut", "max"),
                       ff=("ff", "median"))
    names = {"least": "LUTs, least", "median": "median", "largest": "largest", "ff": "flip-flops, median"}
    return Table(f"Cost of each doubling of the dot product, between {min(LENGTHS)} and {max(LENGTHS):,} products.", rows=rows,
                 frame=frame.rename(columns=names), formats=dict.fromkeys(names.values(), "{:.2f}"))


def cheapest_partner(rows: pd.DataFrame, name: str, bits: int) -> str:
    """The minifloat of so many bits with which a minifloat's tuned MAC takes the fewest LUTs at the longest dot product."""
    mine = _at_length(rows[(rows["a"] == name) & _minifloats(rows)], TUNED)
    mine = mine[_properties(mine, "b", lambda fmt: fmt.bits) == bits]
    return mine.loc[mine["lut"].idxmin(), "b"]


def largest_ratio(rows: pd.DataFrame) -> float:
    """The most that a tuned pair of minifloats costs, as a multiple of the integers of as many bits."""
    return float(against_integers(_at_length(rows, TUNED))["ratio"].max())
