"""Exhibits of the chapter on counting: ratios, packing bounds, Yosys' weights, steps of carry chains."""

import pandas as pd
import pytest

from hw.netlist import Cell, Netlist
from hw.variants import VARIANTS
from repro.experiments import counting
from repro.experiments.mac_rows import LUT_SIZES

LUTS = {"INT4": (60, 40, 50, 30, 20), "E2M1": (30, 40, 25, 30, 30)}


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two formats in every variant; the LUTs are half LUT6 and half LUT2."""
    lines = []
    for name, counts in LUTS.items():
        for variant, lut in zip(VARIANTS, counts):
            sizes = dict.fromkeys(LUT_SIZES, 0) | {"lut2": lut // 2, "lut6": lut - lut // 2}
            lines.append({"a": name, "b": name, "k": 4608, "variant": variant, "lut": lut, **sizes})
    return pd.DataFrame(lines)


def test_the_mapper_prefers_two_small_luts_to_a_large_one():
    weights = counting.mapper_weights()
    assert list(weights) == [f"LUT{n}" for n in range(1, 7)]
    assert list(weights.values()) == sorted(weights.values())
    assert 2 * weights["LUT2"] < weights["LUT6"]


def test_mask_bits_are_two_to_the_inputs(rows):
    tuned = rows[(rows["a"] == "E2M1") & (rows["variant"] == "tuned")].iloc[0]
    assert counting.mask_bits(tuned) == 15 * 4 + 15 * 64


def test_sites_pair_small_luts_and_leave_large_ones_alone(rows):
    rows.loc[rows["variant"] == "tuned", "inv"] = 1
    rows.loc[rows["variant"] == "tuned", "lut"] += 1
    assert counting.sites(rows).to_dict("index") == {"INT4": {"least": 10 + 6, "most": 21}, "E2M1": {"least": 15 + 8, "most": 31}}


def test_conclusions_show_every_ratio(rows):
    figure = counting.conclusions(rows)
    axis, = figure.figure.axes
    shown = {line.get_label(): line.get_xdata()[0] for line in axis.lines if line.get_label() in VARIANTS}
    assert shown == {variant: pytest.approx(small / large)
                     for variant, large, small in zip(VARIANTS, LUTS["INT4"], LUTS["E2M1"])}
    assert set(counting.STYLES) == set(VARIANTS)
    assert "E2M1 / INT4 0.50, 1.00, 0.50, 1.00, 1.50" in figure.alt


def test_movers_are_relative_to_the_default(rows):
    frame = counting.movers(rows).frame.set_index("format")
    assert frame.loc["INT4"].round(1).tolist() == [60, -16.7, -50.0, -66.7]


def test_packing_says_both_ends(rows):
    assert counting.packing(rows).alt == "Bars of LUT sites, least to most: INT4 15 to 20; E2M1 23 to 30."


def test_steps_that_no_lut_feeds():
    lut = Cell("LUT2", {"INIT": "0110"}, {"I0": (2,), "I1": (3,), "O": (4,)})
    chain = Cell("CARRY4", {}, {"CI": ("0",), "CYINIT": ("0",), "DI": (2, 2, "0", "0"), "S": (4, 3, "1", "0"),
                                "O": (10, 11, 12, 13), "CO": (20, 21, 22, 23)})
    ports = {"a": (2,), "b": (3,), "clk": (1,), "acc": (10, 11, 12)}
    netlist = Netlist("toy", ports, (lut, chain))
    assert counting.bare_steps(netlist) == 2            # steps 1 (a port) and 2 (a constant); nobody reads step 3
    assert counting.bare_steps(Netlist("toy", ports | {"more": (23,)}, (lut, chain))) == 3


def test_versions_compare_like_with_like():
    frame = counting.versions().frame
    assert list(frame["Yosys"]) == ["0.23", "0.23", "0.70"]
    for way in ("*", "rows"):
        ratio = frame[f"E4M3, {way}"] / frame[f"INT8, {way}"]
        pd.testing.assert_series_equal(frame[f"E4M3 / INT8, {way}"], ratio, check_names=False)
