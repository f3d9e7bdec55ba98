"""Pictures and tables of the formats show what the formats are: read back from what was drawn."""

import ml_dtypes
import numpy as np
import pytest
from matplotlib.colors import to_hex

from repro.errors import BadInput
from repro.experiments import formats
from repro.exhibits import COLOURS
from repro.formats import Integer, Minifloat, parse


def texts(figure) -> list[str]:
    """Everything written in the figure's one picture."""
    return [text.get_text() for text in figure.figure.axes[0].texts]


def boxes(figure) -> list:
    """The coloured boxes that hold bits."""
    fills = {fill.lower() for fill, _ in formats.FIELDS.values()}
    return [patch for patch in figure.figure.axes[0].patches if to_hex(patch.get_facecolor()) in fills]


def test_bit_layout_writes_the_bits_the_fields_and_the_value():
    figure = formats.bit_layout(parse("E4M3"), 0b1_0110_101)
    assert texts(figure)[:8] == list("10110101")
    assert {"s = 1", "c = 6", "t = 5"} <= set(texts(figure))
    assert any(text.endswith("=-0.8125$") and "(1+5/8)" in text and "{6 - 7}" in text for text in texts(figure))
    assert "1 0110 101" in figure.alt and "-0.8125" in figure.alt


def test_bit_layout_of_a_subnormal_has_no_leading_one():
    figure = formats.bit_layout(parse("E3M2"), 0b0_000_11)
    assert any("(0+3/4)" in text and "{1 - 3}" in text and text.endswith("=0.1875$") for text in texts(figure))


def test_bit_layout_without_mantissa_names_two_fields():
    found = texts(formats.bit_layout(Minifloat(3, 0), 0b0_011))
    assert {"sign", "exponent"} <= set(found) and "mantissa" not in found


def test_bit_layout_refuses_a_code_that_does_not_fit():
    with pytest.raises(BadInput, match=r"E2M1: codes lie in 0\.\.15"):
        formats.bit_layout(parse("E2M1"), 16)


@pytest.mark.parametrize("name", ["E2M1", "E1M2", "E2M2", "E3M2"])
def test_code_picture_has_every_code_once_beside_its_value(name):
    """Row by row, left and right: the bits put together decode to the number written there, and to the length of the bar."""
    fmt = parse(name)
    axis = formats.code_picture(fmt).figure.axes[0]
    bars = [patch for patch in axis.patches if to_hex(patch.get_facecolor()) == COLOURS["minifloat"].lower()]
    codes = set()
    for row in range(2 ** (fmt.bits - 1)):
        written = sorted((text for text in axis.texts if abs(text.get_position()[1] - row) < 0.1),
                         key=lambda text: text.get_position()[0])
        line = "".join(text.get_text() for text in written).replace("\N{MINUS SIGN}", "-")
        left, right = line[:fmt.bits], line[-fmt.bits:]
        values = fmt.decode([int(left, 2), int(right, 2)])
        assert line[fmt.bits:-fmt.bits] == f"{values[0]:g}{values[1]:g}"
        here = [bar for bar in bars if abs(bar.get_y() + bar.get_height() / 2 - row) < 0.1]
        assert sorted(bar.get_width() for bar in here) == pytest.approx(list(3.0 * values / fmt.max))
        assert {bar.get_alpha() < 1 for bar in here} == {values[1] < fmt.min_normal}
        codes |= {left, right}
    assert codes == {f"{code:0{fmt.bits}b}" for code in range(2**fmt.bits)}


def test_code_picture_colours_each_field():
    fmt = parse("E2M2")
    drawn = [to_hex(box.get_facecolor()) for box in boxes(formats.code_picture(fmt))]
    for field, width in (("sign", 1), ("exponent", 2), ("mantissa", 2)):
        assert drawn.count(formats.FIELDS[field][0].lower()) == width * 2**fmt.bits


def test_field_colours_differ_in_grey_print():
    grey = sorted(int(fill[1:3], 16) * 0.299 + int(fill[3:5], 16) * 0.587 + int(fill[5:], 16) * 0.114
                  for fill, _ in formats.FIELDS.values())
    assert (np.diff(grey) > 40).all()


@pytest.mark.parametrize("fmt", [parse("E4M3"), Integer(4)])
def test_code_picture_refuses_what_it_cannot_show(fmt):
    with pytest.raises(BadInput, match=f"{fmt.name}: this picture shows minifloats of at most 6 bits"):
        formats.code_picture(fmt)


def test_near_zero_shows_the_gap_that_subnormals_fill():
    fmt = parse("E3M2")
    all_values, flushed = (line.get_xdata() for line in formats.near_zero(fmt).figure.axes[0].lines)
    assert set(all_values) - set(flushed) == {x for x in fmt.values() if 0 < abs(x) < fmt.min_normal} != set()
    assert set(flushed) < set(all_values)


def test_wild_table_counts_by_the_librarys_own_limits():
    """ml_dtypes' finfo knows each type's largest number, independently of our decoding."""
    frame = formats.wild_table().frame.set_index("type")
    for name, row in frame.iterrows():
        assert row["largest there"] == float(ml_dtypes.finfo(getattr(ml_dtypes, name)).max)
        assert row["equal"] + row["special"] == row["codes"] == 2 ** parse(row["format here"]).bits
    assert frame["special"].to_dict() == {
        "float4_e2m1fn": 0, "float6_e2m3fn": 0, "float6_e3m2fn": 0, "float8_e4m3fn": 2, "float8_e5m2": 8, "float8_e4m3": 16,
        "float8_e3m4": 32, "float8_e4m3b11fnuz": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1}
