"""Codes and values of the formats: pictures and tables that follow from the descriptions alone; no rows are needed."""

import matplotlib.pyplot as plt
import ml_dtypes
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from repro import accumulators
from repro.errors import BadInput
from repro.exhibits import COLOURS, Figure, Table, exhibit
from repro.experiments.mac_rows import DOT_PRODUCT
from repro.formats import Integer, Minifloat, catalogue, parse

FIELDS = {"sign": ("#333333", "white"), "exponent": ("#009E73", "black"), "mantissa": ("#F0D6E4", "black")}
"""Field of a code -> colour of its cells and of the bits in them; dark, middle and light, so that they differ in grey."""

WILD = {
    "float4_e2m1fn": ("E2M1", "OCP MX"), "float6_e2m3fn": ("E2M3", "OCP MX"), "float6_e3m2fn": ("E3M2", "OCP MX"),
    "float8_e4m3fn": ("E4M3", "OCP FP8"), "float8_e5m2": ("E5M2", "OCP FP8, IEEE"), "float8_e4m3": ("E4M3", "IEEE"),
    "float8_e3m4": ("E3M4", "IEEE"), "float8_e4m3b11fnuz": ("E4M3B11", "FNUZ"), "float8_e4m3fnuz": ("E4M3B8", "FNUZ"),
    "float8_e5m2fnuz": ("E5M2B16", "FNUZ"),
}
"""Types of ml_dtypes -> the format here with the same fields and bias, and the rule for special codes that they follow."""


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
def bit_layout(fmt: Minifloat, code: int) -> Figure:
    """One code with its fields named, read and put together. Raises BadInput when the code does not fit the format."""
    value = float(fmt.decode(code))
    e, m = fmt.exponent_bits, fmt.mantissa_bits
    sign, c, t = code >> (e + m), code >> m & (2**e - 1), code & (2**m - 1)
    figure, axis = plt.subplots(figsize=(0.75 * fmt.bits + 0.4, 2.1))
    _cells(axis, fmt, code, 0, 0, 1, fontsize=17)
    for name, middle, read in (("sign", 0.5, f"s = {sign}"), ("exponent", 1 + e / 2, f"c = {c}"),
                               ("mantissa", 1 + e + m / 2, f"t = {t}"))[:2 + (m > 0)]:
        axis.text(middle, 1.15, name, ha="center", fontsize=12)
        axis.text(middle, -0.42, read, ha="center", fontsize=12)
    lead, power = (1, f"{c} - {fmt.bias}") if c else (0, f"1 - {fmt.bias}")
    formula = rf"$(-1)^{sign}\cdot({lead}+{t}/{2**m})\cdot 2^{{{power}}}={value:g}$"
    axis.text(fmt.bits / 2, -1.15, formula, ha="center", fontsize=14)
    axis.set(xlim=(-0.1, fmt.bits + 0.1), ylim=(-1.35, 1.55))
    axis.axis("off")
    return Figure(f"The fields of {fmt.name}, bias {fmt.bias}, and one code. The stored exponent is c, the stored mantissa t.",
                  figure=figure,
                  alt=f"{fmt.bits} boxes in a row: 1 for the sign, {e} for the exponent, {m} for the mantissa. They hold "
                      f"{_spaced(fmt, code)}, read as sign {sign}, exponent {c}, mantissa {t}; the value is {value:g}.")


@exhibit
def code_picture(fmt: Minifloat) -> Figure:
    """Every code of a small minifloat, negative ones mirrored. Raises BadInput for more than 6 bits: they fill no page well."""
    if not isinstance(fmt, Minifloat) or fmt.bits > 6:
        raise BadInput(f"{fmt.name}: this picture shows minifloats of at most 6 bits; the format explorer shows the others")
    half = 2 ** (fmt.bits - 1)
    values = fmt.decode(np.arange(half))
    figure, axis = plt.subplots(figsize=(7.2, 0.36 * half + 0.9))
    cell, reach = 0.32, 3.0
    edge = reach + 1.1
    for row, value in enumerate(values):
        shade = 0.45 if row < 2**fmt.mantissa_bits else 1.0
        for side, code in ((-1, half + row), (1, row)):
            axis.barh(row, side * reach * value / fmt.max, height=0.62, color=COLOURS["minifloat"], alpha=shade)
            axis.text(side * (reach * value / fmt.max + 0.12), row, f"{side * value:g}".replace("-", "\N{MINUS SIGN}"),
                      va="center", ha="left" if side > 0 else "right", fontsize=11)
            left = edge if side > 0 else -edge - fmt.bits * cell
            _cells(axis, fmt, code, left, row - 0.38, cell, height=0.76, fontsize=11)
    axis.plot([0, 0], [-0.5, half - 0.5], color="#333333", linewidth=0.8)
    axis.set(xlim=(-edge - fmt.bits * cell - 0.1, edge + fmt.bits * cell + 0.1), ylim=(half - 0.4, -1.2))
    axis.text(0, -0.7, "value", ha="center")
    for left in (edge, -edge - fmt.bits * cell):
        axis.text(left + fmt.bits * cell / 2, -0.7, "code", ha="center")
    axis.axis("off")
    listed = "; ".join(f"{_spaced(fmt, code)} is {value:g}" for code, value in enumerate(values))
    return Figure(f"All {2 * half} codes of {fmt.name}: the bits of sign (dark), exponent (middle) and mantissa (light), and "
                  "the value as a bar. Pale bars are subnormals. The sign bit mirrors the picture.", figure=figure,
                  alt=f"Codes and values of {fmt.name}, larger values with longer bars. {listed}. With sign bit 1, the "
                      "negatives of these.")


@exhibit
def near_zero(fmt: Minifloat) -> Figure:
    """The values around zero, with subnormals and with those flushed to zero."""
    values = fmt.values()[np.abs(fmt.values()) <= 4 * fmt.min_normal]
    normal = values[(values == 0) | (np.abs(values) >= fmt.min_normal)]
    figure, axis = plt.subplots(figsize=(7.2, 1.7))
    for row, kept in enumerate((values, normal)):
        axis.plot(kept, np.full(kept.shape, -row), linestyle="none", marker="|", markersize=18, markeredgewidth=1.6,
                  color=COLOURS["minifloat"])
    axis.axvspan(-fmt.min_normal, fmt.min_normal, color="#dddddd", zorder=0)
    axis.set_yticks([0, -1], ["with subnormals", "flushed to zero"])
    axis.set(xlabel="value", ylim=(-1.6, 0.6))
    axis.grid(visible=False)
    return Figure(f"{fmt.name} around zero. Subnormals fill the grey gap below the smallest normal value, {fmt.min_normal:g}, "
                  f"with steps of {fmt.min_subnormal:g}. Without them everything in the gap is zero.", figure=figure,
                  alt=f"Two number lines of {fmt.name}. With subnormals the steps around zero are even; without them there is "
                      f"an empty gap on both sides of zero, from -{fmt.min_normal:g} to {fmt.min_normal:g}.")


@exhibit
def wild_table() -> Table:
    """The types of ml_dtypes beside the formats here: special codes, largest values, and the codes that agree."""
    frame = pd.DataFrame([{"type": name, "rules": rule, **_compare(name, parse(fmt))} for name, (fmt, rule) in WILD.items()])
    return Table("Types of the machine-learning library ml_dtypes beside our formats of the same fields and bias (Bz: bias z). "
                 "An equal code stands for the same number in both; a special one is infinity or NaN there. IEEE: an exponent "
                 "field of all ones is special. OCP's E4M3: only the last code of either sign. FNUZ: only the code of -0.",
                 frame=frame, formats={"largest there": "{:g}", "largest here": "{:g}"})


def _compare(name: str, fmt: Minifloat) -> dict:
    """Every code of a type of ml_dtypes against the format's."""
    codes = np.arange(2**fmt.bits)
    library = codes.astype(np.uint8).view(getattr(ml_dtypes, name)).astype(np.float64)
    number = np.isfinite(library)
    return {"format here": fmt.name, "codes": len(codes), "equal": int((library == fmt.decode(codes)).sum()),
            "special": int((~number).sum()), "largest there": library[number].max(), "largest here": fmt.max}


def _spaced(fmt: Minifloat, code: int) -> str:
    """The bits of a code, fields apart: 0 0110 101."""
    text = f"{code:0{fmt.bits}b}"
    return " ".join(filter(None, (text[0], text[1:1 + fmt.exponent_bits], text[1 + fmt.exponent_bits:])))


def _cells(axis, fmt: Minifloat, code: int, left: float, bottom: float, width: float, height: float = 1.0,
           fontsize: int = 11) -> None:
    """The bits of a code as a row of boxes in the colours of their fields."""
    fields = ["sign", *["exponent"] * fmt.exponent_bits, *["mantissa"] * fmt.mantissa_bits]
    for place, (field, bit) in enumerate(zip(fields, f"{code:0{fmt.bits}b}")):
        fill, ink = FIELDS[field]
        axis.add_patch(Rectangle((left + place * width, bottom), width, height, facecolor=fill, edgecolor="white", linewidth=1))
        axis.text(left + (place + 0.5) * width, bottom + height / 2, bit, ha="center", va="center_baseline", color=ink,
                  fontsize=fontsize, family="monospace")
