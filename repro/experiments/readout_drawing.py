"""A picture of reading an accumulator out: which bits of a sum become the code, which decide the rounding, which overflow."""

import math

import matplotlib.pyplot as plt

from hw.readout import ToMinifloat
from repro.exhibits import OTHER_COLOURS, Figure, exhibit

PARTS = {
    "too large": (OTHER_COLOURS[2], "white"),
    "leading zeros": ("#e8e8e8", "#555555"),
    "significand": ("#D55E00", "white"),
    "bit to round by": (OTHER_COLOURS[3], "black"),
    "sticky": ("#bfe3d6", "black"),
    "of no matter": ("#ffffff", "#999999"),
}
"""Part of a magnitude -> colour of its cells and of the digits in them."""


def fields(design: ToMinifloat, acc: int) -> list[str]:
    """The part (a key of PARTS) that each bit of the magnitude of ``acc`` plays, highest first; P - 1 of them."""
    mantissa, top = design.fmt.mantissa_bits, design.acc_bits - 1
    ends = design.offset + mantissa + 2**design.fmt.exponent_bits - 1   # the format's numbers lie below this bit
    length = abs(acc).bit_length()
    if length > ends:
        return ["too large"] * (top - ends) + ["of no matter"] * ends
    low = max(length - 1 - mantissa, design.offset)      # lowest bit that the code keeps
    high = low + mantissa                                # its leading one, if it is normal
    names = {low - 1: "bit to round by"} | {bit: "significand" for bit in range(max(low, 0), high + 1)}
    return [names.get(bit, "leading zeros" if bit > high else "sticky") for bit in reversed(range(top))]


@exhibit
def strips(design: ToMinifloat, sums: list[int]) -> Figure:
    """The magnitudes of some sums, bit by bit, and the codes that become of them."""
    fmt, width = design.fmt, design.acc_bits - 1
    figure, axis = plt.subplots(figsize=(9.6, 0.8 + 0.5 * len(sums)))
    spoken = []
    for line, acc in enumerate(sums):
        y = -line
        digits = f"{abs(acc):0{width}b}"
        for place, (digit, part) in enumerate(zip(digits, fields(design, acc))):
            face, ink = PARTS[part]
            axis.add_patch(plt.Rectangle((place, y - 0.36), 1, 0.72, facecolor=face, edgecolor="white", linewidth=0.6))
            axis.text(place + 0.5, y, digit, ha="center", va="center", color=ink, fontsize=7, family="monospace")
        code = int(fmt.encode(math.ldexp(acc, math.frexp(design.unit)[1] - 1)))
        sign, rest = code >> (fmt.bits - 1), code & (2 ** (fmt.bits - 1) - 1)
        exponent, mantissa = divmod(rest, 2**fmt.mantissa_bits)
        text = f"{sign} {exponent:0{fmt.exponent_bits}b}" + (f" {mantissa:0{fmt.mantissa_bits}b}" if fmt.mantissa_bits else "")
        axis.text(-0.6, y, "−" if acc < 0 else "+", ha="right", va="center", family="monospace")
        axis.text(width + 0.8, y, f"{text} = {fmt.decode(code):g}", ha="left", va="center", family="monospace", fontsize=9)
        spoken.append(f"{acc} becomes {text}")
    for part, (face, _) in PARTS.items():
        axis.plot([], [], "s", color=face, markeredgecolor="#555555", markersize=8, label=part)
    axis.set(xlim=(-1.5, width + 12), ylim=(0.6 - len(sums), 0.6))
    axis.axis("off")
    figure.legend(loc="outside lower center", ncols=len(PARTS), fontsize=9)
    return Figure(f"From {design.acc_bits} bits to {fmt.name}: the sign and the magnitude of some sums, and their codes. The leading "
                  f"one fixes the exponent and the significand below it; the next bit and what is left (is any of it a one?) "
                  "decide the rounding. A one in the part that is too large saturates.", figure=figure,
                  alt=f"Bits of accumulators, coloured by the part they play: {'; '.join(spoken)}.")
