"""The picture of a read-out: the parts it shows are enough to compute the code."""

import pytest

from hw.readout import ToMinifloat
from repro.experiments import readout_drawing
from repro.formats import parse


def from_parts(design: ToMinifloat, acc: int) -> int:
    """The code, from the drawn parts alone."""
    fmt = design.fmt
    digits = f"{abs(acc):0{design.acc_bits - 1}b}"
    parts = readout_drawing.fields(design, acc)
    assert len(parts) == len(digits)
    top = 2 ** (fmt.bits - 1) - 1
    sign = (acc < 0) << fmt.bits - 1

    def read(part):
        return "".join(digit for digit, name in zip(digits, parts) if name == part)

    if "too large" in parts:
        return sign | top
    assert "1" not in read("leading zeros")
    kept = int(read("significand"), 2)
    low = len(digits) - 1 - max(place for place, name in enumerate(parts) if name == "significand")
    code = kept + (low - design.offset << fmt.mantissa_bits)
    up = read("bit to round by") == "1" and ("1" in read("sticky") or code % 2 == 1)
    return sign | min(code + up, top)


@pytest.mark.parametrize("name, bits, offset", [("E2M1", 11, 4), ("E3M2", 12, 3), ("E3M0", 12, 2), ("E1M3", 9, 5)])
def test_the_parts_decide_the_code(name, bits, offset):
    fmt = parse(name)
    design = ToMinifloat(bits, fmt, fmt.min_subnormal / 2**offset)
    for acc in range(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1)):
        assert from_parts(design, acc) == fmt.encode(acc * design.unit), acc


def test_strips_say_what_becomes_of_each_sum():
    design = ToMinifloat(10, parse("E2M1"), parse("E2M1").min_subnormal / 4)
    figure = readout_drawing.strips(design, [5, -500])
    assert figure.alt == "Bits of accumulators, coloured by the part they play: 5 becomes 0 00 1; -500 becomes 1 11 1."
