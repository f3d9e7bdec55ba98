"""The formats themselves: tables and pictures that follow from the descriptions alone; no rows are needed."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from repro import accumulators
from repro.exhibits import COLOURS, LINES, MARKERS, Figure, Table, exhibit
from repro.experiments.mac import DOT_PRODUCT
from repro.formats import Format, Integer, Minifloat, catalogue, parse


def count() -> int:
    """How many minifloats the catalogue has."""
    return sum(isinstance(fmt, Minifloat) for fmt in catalogue())


def width_e4m3() -> int:
    """Exact accumulator width of E4M3 times E4M3 over DOT_PRODUCT products."""
    return accumulators.exact_width(parse("E4M3"), parse("E4M3"), DOT_PRODUCT)


def width_e5m2() -> int:
    """Exact accumulator width of E5M2 times E5M2 over DOT_PRODUCT products."""
    return accumulators.exact_width(parse("E5M2"), parse("E5M2"), DOT_PRODUCT)


def width_int8() -> int:
    """Exact accumulator width of INT8 times INT8 over DOT_PRODUCT products."""
    return accumulators.exact_width(Integer(8), Integer(8), DOT_PRODUCT)


def bound_784() -> int:
    """A2Q's data-type bound for 784 one-bit inputs and 8-bit weights."""
    return accumulators.data_type_bound(784, 8, 1)


def bound_4608() -> int:
    """A2Q's data-type bound for 4,608 8-bit inputs and 8-bit weights."""
    return accumulators.data_type_bound(4608, 8, 8)


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
        "range, dB": [20 * np.log10(fmt.max / fmt.min_subnormal) for fmt in formats],
        "accumulator, bits": [accumulators.exact_width(fmt, fmt, DOT_PRODUCT) for fmt in formats],
    })
    return Table(f"The 21 minifloats and 6 integers of 3 to 8 bits. Accumulator: exact sum of {DOT_PRODUCT:,} products of the "
                 "format with itself. Range: 20 log10 of the largest over the smallest positive value.", frame=frame,
                 formats={"largest": "{:g}", "smallest > 0": "{:.3g}", "range, dB": "{:.0f}"})


@exhibit
def code_table(fmt: Format) -> Table:
    """Every code of a small format: its bits, fields and value."""
    codes = np.arange(2**fmt.bits)
    frame = pd.DataFrame({"code": [f"{code:0{fmt.bits}b}" for code in codes]})
    if isinstance(fmt, Minifloat):
        e, m = fmt.exponent_bits, fmt.mantissa_bits
        frame["sign"] = [text[0] for text in frame["code"]]
        frame["exponent"] = [text[1:1 + e] for text in frame["code"]]
        frame["mantissa"] = [text[1 + e:] for text in frame["code"]]
        frame["kind"] = ["subnormal" if (code >> m) % 2**e == 0 else "normal" for code in codes]
    frame["value"] = fmt.decode(codes)
    return Table(f"All {2**fmt.bits} codes of {fmt.name}.", frame=frame, formats={"value": "{:g}"})


@exhibit
def number_line(names: tuple[str, ...] = ("INT4", "E2M1", "INT6", "E3M2")) -> Figure:
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
def rounding_error(names: tuple[str, ...] = ("INT6", "E3M2")) -> Figure:
    """The largest relative rounding error near each magnitude."""
    figure, axis = plt.subplots()
    for name in names:
        fmt = parse(name)
        values = fmt.values()[fmt.values() > 0]
        half_gap = np.diff(values) / 2
        axis.plot((values[:-1] + half_gap) / fmt.max, 100 * half_gap / (values[:-1] + half_gap), LINES[fmt.kind],
                  color=COLOURS[fmt.kind], marker=MARKERS[fmt.kind], markersize=4, label=name)
    axis.set(xscale="log", yscale="log", xlabel="value / largest value", ylabel="largest relative error (%)")
    ticks = [1, 2, 5, 10, 20, 50, 100]
    axis.set_yticks(ticks, [str(tick) for tick in ticks])
    axis.set_yticks([], minor=True)
    axis.legend()
    return Figure("Half the gap between neighbouring values, relative to the point between them. An integer's error grows as "
                  "values get smaller; a minifloat's stays level until its subnormals begin.", figure=figure,
                  alt="Relative rounding error against magnitude, both axes logarithmic: a line that rises towards small values "
                      "for the integer, a level saw-tooth for the minifloat that rises only at the smallest values.")
