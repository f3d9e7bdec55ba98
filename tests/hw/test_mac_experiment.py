"""The experiments `mac` and `mac_luts`: rows from the smoke grids, exhibits and verdicts."""

import pandas as pd
import pytest

from hw.variants import VARIANTS
from repro.experiments import mac, mac_luts
from repro.experiments.mac_rows import DEFAULT, LUT_SIZES, TUNED


@pytest.fixture(scope="module")
def rows():
    return pd.DataFrame(mac.EXPERIMENT.compute(mac.EXPERIMENT.grid("smoke"), "smoke"))


def made_up(**luts):
    """Rows with the given LUTs when tuned, and twice as many by default."""
    return pd.DataFrame([{"a": name, "b": name, "k": mac.DOT_PRODUCT, "variant": variant, "lut": lut * factor}
                         for name, lut in luts.items() for variant, factor in ((TUNED, 1), (DEFAULT, 2))])


def test_rows(rows):
    assert set(rows) == {*mac.EXPERIMENT.keys, *mac.EXPERIMENT.metrics, "n", "seed"}
    assert len(rows) == 2 * len(VARIANTS)
    assert (rows["mismatches"] == 0).all() and (rows["pairs"] == 256).all()
    assert (rows[list(LUT_SIZES)].sum(axis=1) == rows["lut"]).all()


def test_grids_are_whole():
    assert len(mac.EXPERIMENT.grid("laptop")) == 50
    for name in ("INT8", "INT4", "E4M3", "E3M2", "E2M1"):
        assert {p["variant"] for p in mac.EXPERIMENT.grid("laptop") if p["a"] == name} == set(VARIANTS)


def test_exhibits(rows):
    lut = rows.set_index(["a", "variant"])["lut"]
    assert f"E2M1 {lut['E2M1', DEFAULT]} and {lut['E2M1', TUNED]}" in mac.lut_bars(rows).alt
    frame = mac.counts_table(rows).frame
    assert list(frame["format"]) == ["INT4", "INT4", "E2M1", "E2M1"]
    assert list(frame["LUT"]) == [lut[key] for key in zip(frame["format"], frame["variant"])]
    assert "141 at E6M1" in mac.widths().alt
    assert list(mac.variants_table(rows).frame["prototype"]) == [40, 39]


def test_luts_and_pairings():
    rows = made_up(E4M3=110, INT8=100, INT4=40, E2M1=30, E5M2=150)
    assert list(mac.luts(rows).index) == ["INT4", "E2M1", "INT8", "E4M3", "E5M2"]
    assert mac.pairings(rows)[["integer", "minifloat", TUNED]].values.tolist() == [
        ["INT4", "E2M1", 0.75], ["INT8", "E4M3", 1.1], ["INT8", "E5M2", 1.5]]
    assert (mac.lut_int8(rows), mac.lut_e4m3(rows)) == (100, 110)


@pytest.mark.parametrize("luts, verdict", [
    ({"INT8": 100, "E4M3": 110, "INT4": 40, "E2M1": 40}, "reproduced"),
    ({"INT8": 100, "E4M3": 200, "INT4": 40, "E2M1": 40}, "partly"),      # smaller, but not slightly
    ({"INT8": 100, "E4M3": 110, "INT4": 40, "E2M1": 30}, "partly"),      # at one width only
    ({"INT8": 100, "E4M3": 90, "INT4": 40, "E2M1": 30}, "not reproduced"),
])
def test_footprint_verdict(luts, verdict):
    found = mac.minifloat_costs_more(made_up(**luts))
    assert found.verdict == verdict
    assert TUNED in found.evidence and DEFAULT in found.evidence


def test_width_verdict(rows):
    assert mac.width_grows_exponentially(rows).verdict == "reproduced"
    assert mac.width_grows_exponentially(rows.assign(ff=rows["ff"] + 1)).verdict == "partly"


@pytest.fixture(scope="module")
def sweep():
    return pd.DataFrame(mac_luts.EXPERIMENT.compute(mac_luts.EXPERIMENT.grid("smoke"), "smoke"))


def test_the_sweep_is_every_pair():
    grid = mac_luts.EXPERIMENT.grid("laptop")
    pairs = {(p["a"], p["b"]) for p in grid}
    assert len(pairs) == 36 + 441 and len(grid) == len(pairs) * 4 * 2
    assert len({tuple(p.items()) for p in grid}) == len(grid)


def test_sweep_rows(sweep):
    points = mac_luts.EXPERIMENT.grid("smoke")
    assert [tuple(row) for row in sweep[list(points[0])].to_numpy()] == [tuple(p.values()) for p in points]
    assert (sweep["mismatches"] == 0).all() and (sweep["ff"] == sweep["acc_bits"]).all()
    lut = sweep.set_index(["a", "b", "variant"])["lut"]
    assert lut["E1M1", "E2M1", TUNED] == lut["E2M1", "E1M1", TUNED]


def test_sweep_exhibits(sweep):
    frame = mac_luts.coverage(sweep).frame
    assert frame["operand pairs run"].sum() == sweep["pairs"].sum() and frame["wrong"].sum() == 0
    table = mac_luts.square(sweep, "minifloat", k=9)
    assert table.loc["E1M1", "E2M1"] == sweep.set_index(["a", "b", "variant"])["lut"]["E1M1", "E2M1", TUNED]
    assert "heat maps" in mac_luts.matrix(sweep.assign(k=mac_luts.DOT_PRODUCT)).alt


@pytest.mark.parametrize("luts, verdict", [
    ({"INT4": 20, "E2M1": 30, "INT8": 50, "E4M3": 100}, "reproduced"), ({"INT4": 20, "E2M1": 21, "INT8": 50, "E4M3": 100, "E5M2": 120}, "partly"),
    ({"INT4": 20, "E2M1": 21, "INT8": 50, "E4M3": 200}, "not reproduced")])
def test_premium_verdict(luts, verdict):
    assert mac_luts.damsgaard_premium(made_up(**luts)).verdict == verdict
