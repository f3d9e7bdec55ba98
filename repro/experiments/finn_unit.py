"""FINN's estimate of a whole matrix-vector unit, term by term, for a wide and a narrow accumulator: closed forms only."""

import matplotlib.pyplot as plt
import pandas as pd

from hw import finn
from repro.exhibits import COLOURS, OTHER_COLOURS, Figure, exhibit

WIDE = 32
"""The accumulator that A2Q's savings are told against."""
_LOOKS = {
    "multipliers": (COLOURS["integer"], ""), "adder tree": ("#8fbfe0", ""), "accumulator": (OTHER_COLOURS[0], ""),
    "threshold memory": (OTHER_COLOURS[3], "////"), "comparators": (OTHER_COLOURS[2], "...."), "fixed": ("#bbbbbb", ""),
}


def terms(acc_bits: int, bits: int, output_bits: int | None = None, pe: int = 16, simd: int = 16,
          channels: int = 64) -> pd.Series:
    """LUTs of the unit by term (hw.finn's overhead included), weights outside LUT memory; `bits` wide operands.

    `output_bits`: of the activation that thresholds make, None for a unit that hands its sums on. `channels`: outputs
    that a lane takes in turn. Raises BadInput as hw.finn does.
    """
    lane = {"multipliers": finn.multipliers(simd, bits, bits), "adder tree": finn.adder_tree(simd, bits, bits),
            "accumulator": finn.accumulator(acc_bits)}
    if output_bits is not None:
        lane |= {"threshold memory": finn.thresholds(output_bits, acc_bits, channels),
                 "comparators": finn.comparators(output_bits, acc_bits)}
    return pd.Series({name: finn.OVERHEAD * pe * luts for name, luts in lane.items()} | {"fixed": float(finn.FIXED)})


def per_bit(output_bits: int | None = None, channels: int = 64) -> float:
    """LUTs that one more bit of accumulator adds to a lane, by the model."""
    thresholds = 0 if output_bits is None else finn.thresholds(output_bits, 1, channels) + finn.comparators(output_bits, 1)
    return finn.OVERHEAD * (finn.accumulator(1) + thresholds)


@exhibit
def unit_figure(bits: int = 4, narrow: int = 12, output_bits: int = 4, pe: int = 16, simd: int = 16,
                channels: int = 64) -> Figure:
    """Stacked terms of the model at WIDE and at `narrow` bits, without and with thresholds."""
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.9), sharey=True)
    spoken = []
    for axis, output, title in ((axes[0], None, "sums handed on"), (axes[1], output_bits, f"thresholds to {output_bits} bits")):
        columns = {p: terms(p, bits, output, pe, simd, channels) for p in (WIDE, narrow)}
        for place, luts in enumerate(columns.values()):
            bottom = 0.0
            for name, number in luts.items():
                colour, hatch = _LOOKS[name]
                axis.bar(place, number, bottom=bottom, color=colour, hatch=hatch, edgecolor="white", width=0.6)
                bottom += number
            axis.annotate(f"{bottom:,.0f}", (place, bottom), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9)
        totals = [luts.sum() for luts in columns.values()]
        axis.set(title=f"{title}: ratio {totals[0] / totals[1]:.2f}")
        axis.set_xticks(range(2), [f"P = {p}" for p in columns])
        axis.grid(axis="x", visible=False)
        spoken.append(f"{title}: {totals[0]:,.0f} LUTs at {WIDE} bits, {totals[1]:,.0f} at {narrow}")
    axes[0].set(ylabel="LUTs of the unit, estimated")
    for name, (colour, hatch) in _LOOKS.items():
        axes[0].bar(0, 0, color=colour, hatch=hatch, edgecolor="white", label=name)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right center", fontsize=8)
    axes[0].margins(y=0.1)
    return Figure(
        f"FINN's estimate of a matrix-vector unit of {pe} lanes with {simd} products each, operands of {bits} bits, for an "
        f"accumulator of {WIDE} bits and of {narrow}. Left without thresholds, right with those of a {output_bits}-bit output, "
        f"{channels} channels a lane. A closed form of FINN's public code, not a count of ours.",
        figure=figure,
        alt=f"Stacked bars. {'. '.join(spoken)}. With thresholds, their memory and comparators are most of what shrinks.")
