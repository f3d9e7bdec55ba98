"""Where the values of a format lie: density, range and error, as pictures that follow from the descriptions alone."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from repro import accumulators
from repro.exhibits import COLOURS, LINES, MARKERS, Figure, Table, exhibit
from repro.experiments.mac_rows import DOT_PRODUCT
from repro.formats import Format, catalogue, parse

EIGHT_BITS = ("INT8", "E2M5", "E3M4", "E4M3", "E5M2")
ORANGES = ("#E07B2E", "#B85000", "#8A3C00", "#522300")
"""Shades for several minifloats in one picture, light to dark with more exponent bits; labels stand beside the lines."""
SHOWN = 20
"""How many powers of two below the largest value the pictures of density and error show."""


def positive(fmt: Format) -> np.ndarray:
    """The positive values, ascending (float64), as fractions of the largest."""
    values = fmt.values()
    return values[values > 0] / fmt.max


def dynamic_range(fmt: Format) -> float:
    """The largest value over the smallest positive one."""
    return fmt.max / fmt.values()[fmt.values() > 0][0]


def per_binade(fmt: Format) -> pd.Series:
    """How many positive values lie in each power of two, [2**k, 2**(k+1)); indexed by binades below the top one, 0 first."""
    values = fmt.values()
    exponent = np.frexp(values[values > 0])[1]
    return pd.Series(exponent.max() - exponent).value_counts().sort_index()


@exhibit
def lines(names: tuple[str, ...] = ("INT4", "E2M1", "INT6", "E3M2")) -> Figure:
    """The values of some formats on one line each, scaled so that their largest values meet."""
    formats = [parse(name) for name in names]
    figure, axis = plt.subplots(figsize=(7.2, 0.55 * len(formats) + 1.0))
    for row, fmt in enumerate(formats):
        values = fmt.values() / fmt.max
        axis.plot(values, np.full(values.shape, -row), linestyle="none", marker="|", markersize=18, color=COLOURS[fmt.kind],
                  markeredgewidth=1.5 if fmt.bits < 6 else 0.9)
    axis.set_yticks(range(0, -len(formats), -1), [fmt.name for fmt in formats])
    axis.set(xlabel="value / largest value", ylim=(-len(formats) + 0.4, 0.6))
    axis.grid(axis="y", visible=False)
    return Figure("Integers spread their values evenly; minifloats crowd them around zero. A tick is a value.", figure=figure,
                  alt="Number lines of " + ", ".join(names) + ". Integer values are evenly spaced; minifloat values are dense "
                      "near zero and sparse towards the ends.")


@exhibit
def density(names: tuple[str, ...] = EIGHT_BITS) -> Figure:
    """Values per power of two, counted down from the largest value."""
    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    for fmt, look in _looks(names):
        counts = per_binade(fmt)
        axis.plot(-counts.index, counts, **look)
        _label(axis, fmt, 0, counts[0])
    axis.set_yscale("log", base=2)
    ticks = 2 ** np.arange(7)
    axis.set_yticks(ticks, ticks)
    axis.set(xlim=(-SHOWN - 0.3, 2.6), ylim=(0.8, 90), xlabel="powers of two below the largest value",
             ylabel="values per power of two")
    axis.set_xticks(range(-SHOWN, 1, 4))
    listed = " ".join(f"{fmt.name}: {per_binade(fmt)[0]} in the top one, {len(per_binade(fmt))} powers of two in all."
                      for fmt in map(parse, names))
    return Figure("How many values lie in each power of two (positive half). Each step down halves an integer's share. A "
                  "minifloat spends the same number on every power of two, until its subnormals begin. "
                  f"What lies below 2^-{SHOWN} of the largest value is left out.", figure=figure,
                  alt="Counts of values per power of two. " + listed)


@exhibit
def errors(names: tuple[str, ...] = EIGHT_BITS) -> Figure:
    """The largest absolute and the largest relative rounding error at each magnitude, side by side."""
    figure, (absolute, relative) = plt.subplots(1, 2, figsize=(7.6, 3.9), sharex=True)
    for fmt, look in _looks(names):
        look = {key: value for key, value in look.items() if key != "marker"}
        values = np.concatenate([[0.0], positive(fmt)])
        half_gap = np.diff(values) / 2
        middle = values[:-1] + half_gap
        # A step from value to value; the first reaches down to zero, which a logarithmic axis cannot show.
        edges = np.maximum(values, min(2.0 ** (-SHOWN - 1), values[1] / 2))
        absolute.plot(np.repeat(edges, 2)[1:-1], np.repeat(half_gap, 2), **look)
        relative.plot(middle, half_gap / middle, **look)
        for axis in (absolute, relative):
            end = half_gap[-1] / (1 if axis is absolute else middle[-1])
            axis.plot([1], [end], MARKERS[fmt.kind], color=look["color"], markersize=4, clip_on=False)
            _label(axis, fmt, 1.6, end)
    for axis in (absolute, relative):
        axis.set_xscale("log", base=2)
        axis.set_yscale("log", base=2)
        axis.set(xlim=(2.0**-SHOWN, 2.0**5), xlabel="value / largest value")
        axis.set_xticks(2.0 ** np.arange(-SHOWN, 1, 5), [rf"$2^{{{k}}}$" if k else "1" for k in range(-SHOWN, 1, 5)])
    absolute.set(title="absolute error / largest value", ylim=(2.0**-25, 0.25))
    relative.set(title="relative error (%)", ylim=(1 / 512, 1.5))
    relative.set_yticks([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1], ["0.5", "1", "2", "5", "10", "20", "50", "100"])
    relative.set_yticks([], minor=True)
    return Figure("The largest rounding error at each magnitude: half the gap between neighbouring values, and the same "
                  "relative to the point between them. All axes are logarithmic.", figure=figure,
                  alt="Two panels against magnitude for " + ", ".join(names) + ". Left, absolute error: flat for the integer; "
                      "a staircase that rises with magnitude for minifloats, lowest near zero with many exponent bits. Right, "
                      "relative error: for the integer it rises steadily towards small magnitudes; for minifloats it is level, "
                      "at a height that halves with each mantissa bit, and rises only in the subnormals.")


@exhibit
def wall() -> Figure:
    """Every format of the catalogue on one page: even steps on the left, powers of two on the right."""
    formats = catalogue()
    figure, (even, powers) = plt.subplots(1, 2, figsize=(7.6, 9.8), sharey=True, width_ratios=(1, 1.15))
    rows = [i + 0.6 * (fmt.bits - formats[0].bits) for i, fmt in enumerate(formats)]
    for row, fmt in zip(rows, formats):
        values, colour, width = positive(fmt), COLOURS[fmt.kind], {3: 1.8, 4: 1.5, 5: 1.2, 6: 1.0, 7: 0.7, 8: 0.45}[fmt.bits]
        _ticks(even, np.concatenate([[0.0], values]), row, color=colour, linewidth=width)
        powers.barh(row, -np.log2(values[0]), left=np.log2(values[0]), height=0.66, color=colour, alpha=0.2, linewidth=0)
        _ticks(powers, np.log2(values), row, color=colour, linewidth=width)
        powers.text(3, row, f"{20 * np.log10(dynamic_range(fmt)):.0f} dB", va="center", fontsize=9)
    names = [fmt.name for fmt in formats]
    even.set_yticks(rows, names, family="monospace")
    for label, fmt in zip(even.get_yticklabels(), formats):
        label.set(color=COLOURS[fmt.kind], fontweight="bold" if fmt.kind == "integer" else "normal")
    for bits in sorted({fmt.bits for fmt in formats}):
        group = [row for row, fmt in zip(rows, formats) if fmt.bits == bits]
        even.text(-0.24, np.mean(group), f"{bits} bits", rotation=90, ha="center", va="center", clip_on=False)
    even.set(ylim=(rows[-1] + 0.7, -0.7), xlim=(-0.01, 1.01), title="in even steps", xlabel="value / largest value")
    powers.set(xlim=(-65, 11), title="in powers of two, and the dynamic range", xlabel="value / largest value")
    powers.set_xticks(range(-64, 1, 16), [rf"$2^{{{k}}}$" if k else "1" for k in range(-64, 1, 16)])
    for axis in (even, powers):
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
    listed = ", ".join(f"{fmt.name} {20 * np.log10(dynamic_range(fmt)):.0f} dB" for fmt in formats)
    return Figure(f"The {len(formats)} formats of 3 to 8 bits, positive halves, each scaled to its largest value. A tick is a "
                  "value; integers are bold and blue. Left: density. Right: range; zero lies infinitely far to the left.",
                  figure=figure,
                  alt="Number lines of all formats. In even steps, integers and formats with one exponent bit are uniform, and "
                      "more exponent bits crowd the values at zero. In powers of two, more exponent bits give longer lines: "
                      f"{listed}.")


@exhibit
def catalogue_table() -> Table:
    """All formats of 3 to 8 bits with their extremes and accumulator widths."""
    formats = catalogue()
    frame = pd.DataFrame({
        "format": [fmt.name for fmt in formats],
        "bits": [fmt.bits for fmt in formats],
        "values": [len(fmt.values()) for fmt in formats],
        "largest": [fmt.max for fmt in formats],
        "smallest > 0": [fmt.min_subnormal for fmt in formats],
        "range, powers of two": [np.log2(dynamic_range(fmt)) for fmt in formats],
        "range, dB": [20 * np.log10(dynamic_range(fmt)) for fmt in formats],
        "accumulator, bits": [accumulators.exact_width(fmt, fmt, DOT_PRODUCT) for fmt in formats],
    })
    minifloats = sum(fmt.kind == "minifloat" for fmt in formats)
    return Table(f"The {minifloats} minifloats and {len(formats) - minifloats} integers of 3 to 8 bits. Range: the largest "
                 f"over the smallest positive value. Accumulator: exact sum of {DOT_PRODUCT:,} products of the format with "
                 "itself.", frame=frame, formats={"largest": "{:g}", "smallest > 0": "{:.3g}", "range, dB": "{:.0f}",
                                                  "range, powers of two": "{:.1f}"})


def _looks(names: tuple[str, ...]):
    """Each format with its line: house colours, and a shade of orange for each minifloat."""
    shades = iter(ORANGES)
    for fmt in map(parse, names):
        colour = next(shades) if fmt.kind == "minifloat" else COLOURS[fmt.kind]
        yield fmt, {"color": colour, "linestyle": LINES[fmt.kind], "marker": MARKERS[fmt.kind], "markersize": 4}


def _label(axis, fmt: Format, x: float, y: float) -> None:
    axis.annotate(fmt.name, (x, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=9)


def _ticks(axis, places: np.ndarray, row: float, **look) -> None:
    """A short upright line at each place, all in one path: a picture of thousands stays small."""
    nothing = np.full(places.shape, np.nan)
    axis.plot(np.stack([places, places, nothing], axis=1).ravel(),
              np.tile([row - 0.33, row + 0.33, np.nan], len(places)), solid_capstyle="butt", **look)
