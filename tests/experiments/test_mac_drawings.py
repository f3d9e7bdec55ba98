"""What the drawings of MACs say, against Booth's identity, a plain shift, and netlists."""

import numpy as np
import pytest

from hw.generate import Mac
from hw.synth import UNIT_COST, synthesise
from repro.errors import BadInput
from repro.experiments import mac_drawings as drawings
from repro.experiments.mac_rows import DOT_PRODUCT
from repro.formats import parse


def mac(pair: str, **options) -> Mac:
    a, b = map(parse, pair.split())
    return Mac(a, b, DOT_PRODUCT, **options)


@pytest.mark.parametrize("name", ["INT3", "INT4", "INT7", "INT8", "UINT3", "UINT4", "UINT8"])
def test_booth_digits_make_the_number(name):
    fmt = parse(name)
    for number in range(int(fmt.min), int(fmt.max) + 1):
        digits = drawings.booth_digits(number, fmt)
        assert sum(digit * 4**row for row, digit in enumerate(digits)) == number
        assert set(digits) <= {-2, -1, 0, 1, 2} and 2 * len(digits) <= fmt.bits + 2


@pytest.mark.parametrize("number, name", [(128, "INT8"), (-1, "UINT4"), (0.5, "INT4"), (1, "E4M3")])
def test_booth_digits_refuse_what_the_format_has_not(number, name):
    with pytest.raises(BadInput, match=name):
        drawings.booth_digits(number, parse(name))


def test_the_boxes_of_the_rows_are_the_luts_of_the_netlist():
    pairs = ["INT3 INT3", "INT4 INT4", "INT5 INT7", "INT6 INT8", "INT8 INT8", "UINT3 INT4", "INT4 UINT8", "INT8 UINT4",
             "UINT6 UINT6"]
    macs = [mac(pair) for pair in pairs]
    found = synthesise([(unit, UNIT_COST) for unit in macs])
    assert [drawings.fused_luts(unit) for unit in macs] == [one.counts.lut for one in found]


def test_rows_of_int8_as_drawn():
    rows = drawings.fused_rows(mac("INT8 INT8"))
    assert [(row.low, row.bits) for row in rows] == [(0, 9), (2, 9), (4, 9), (6, 9), (8, 20)]


@pytest.mark.parametrize("pair", ["E4M3 E4M3", "E5M2 E5M2", "E3M4 E3M4", "E2M1 E4M3", "E2M1 E2M1"])
def test_a_move_within_a_group_and_a_choice_of_groups_are_the_whole_shift(pair):
    unit = mac(pair)
    at_once, grouped = drawings.reaches(unit)
    group = 2 ** unit.parameters["F"]
    distances = [2**fmt.exponent_bits - 2 for fmt in (unit.a, unit.b)]
    assert (at_once.sum(axis=1) == sum(distances) + 1).all()
    moved = np.arange(len(grouped)) - np.arange(len(at_once))[:, None]
    within = (moved >= 0) & (moved < group)
    together = (within.astype(int) @ grouped) > 0
    assert (together >= at_once).all()  # the last group's farthest places are built but never asked for
    assert not together[:, unit.acc_bits:].any()
    assert grouped.sum(axis=0).max() < at_once.sum(axis=0).max()


def test_a_bit_of_accumulator_is_a_lut_and_parts_are_smaller_than_wholes():
    macs = [mac("E2M1 E2M1"), mac("E3M2 E3M2"), mac("E4M3 E2M1")]
    for one in synthesise([(unit, UNIT_COST) for unit in macs]):
        assert drawings.accumulator_luts(one.netlist) == one.design.acc_bits < one.counts.lut
    stages = drawings.stage_parts(parse("E3M2"))
    assert stages == (drawings.multiplier(3, booth=False), drawings.shifter(6, 2))
    assert all(luts > 0 for luts in drawings.part_luts([*stages, drawings.multiplier(3, booth=True)]).values())


@pytest.mark.parametrize("draw", [drawings.fused_rows, drawings.rows_picture])
def test_rows_are_refused_where_there_are_none(draw):
    with pytest.raises(BadInput, match="fused rows"):
        draw(mac("E4M3 E4M3"))


def test_groups_are_refused_where_there_are_none():
    for unit in (mac("INT8 INT8"), mac("E4M3 E4M3", architecture="plain"), mac("E1M6 E1M6")):
        with pytest.raises(BadInput, match="no groups"):
            drawings.reach(unit)
    with pytest.raises(BadInput):
        drawings.stage_parts(parse("E1M6"))


def test_pictures_name_what_they_show_and_have_alt_text():
    unit = mac("INT4 UINT8")
    picture = drawings.rows_picture(unit)
    assert unit.swapped and "digit of INT4 times UINT8" in picture.caption and str(drawings.fused_luts(unit)) in picture.caption
    table = drawings.booth_table(-77, parse("INT8"))
    assert table.frame["adds"].sum() == -77 and list(table.frame["bits"]) == ["110", "001", "110", "101"]
    for figure in (picture, drawings.chain(), drawings.reach(mac("E4M3 E4M3"))):
        assert len(figure.alt) > 60 and figure.svg().startswith(b"<?xml")
