"""The experiment `mac`: rows from the smoke grid, exhibits and verdicts."""

import pandas as pd
import pytest

from hw.synth import CARRY_ROWS, YOSYS_DEFAULT
from repro.experiments import mac


@pytest.fixture(scope="module")
def rows():
    return pd.DataFrame(mac.EXPERIMENT.compute(mac.EXPERIMENT.grid("smoke"), "smoke"))


def made_up(**luts):
    """Rows with the given LUTs under carry-rows, and twice as many by default."""
    return pd.DataFrame([{"a": name, "b": name, "k": mac.DOT_PRODUCT, "mapping": mapping, "lut": lut * factor}
                         for name, lut in luts.items() for mapping, factor in ((CARRY_ROWS, 1), (YOSYS_DEFAULT, 2))])


def test_rows(rows):
    assert set(rows) == {*mac.EXPERIMENT.keys, *mac.EXPERIMENT.metrics, "n", "seed"}
    assert len(rows) == 4
    assert (rows["mismatches"] == 0).all() and (rows["pairs"] == 256).all()
    assert (rows[list(mac.LUT_SIZES)].sum(axis=1) == rows["lut"]).all()


def test_grids_are_whole():
    assert len(mac.EXPERIMENT.grid("laptop")) == 12
    for name in ("INT8", "INT4", "E4M3", "E3M2", "E2M1"):
        assert {p["mapping"] for p in mac.EXPERIMENT.grid("laptop") if p["a"] == name} == {CARRY_ROWS, YOSYS_DEFAULT}


def test_exhibits(rows):
    lut = rows.set_index(["a", "mapping"])["lut"]
    assert f"E2M1 {lut['E2M1', YOSYS_DEFAULT]} and {lut['E2M1', CARRY_ROWS]}" in mac.lut_bars(rows).alt
    frame = mac.counts_table(rows).frame
    assert list(frame["format"]) == ["INT4", "INT4", "E2M1", "E2M1"]
    assert list(frame["LUT"]) == [lut[key] for key in zip(frame["format"], frame["mapping"])]
    assert "141 at E6M1" in mac.widths().alt


def test_luts_and_pairings():
    rows = made_up(E4M3=110, INT8=100, INT4=40, E2M1=30, E5M2=150)
    assert list(mac.luts(rows).index) == ["INT4", "E2M1", "INT8", "E4M3", "E5M2"]
    assert mac.pairings(rows)[["integer", "minifloat", CARRY_ROWS]].values.tolist() == [
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
    assert CARRY_ROWS in found.evidence and YOSYS_DEFAULT in found.evidence


def test_width_verdict(rows):
    assert mac.width_grows_exponentially(rows).verdict == "reproduced"
    assert mac.width_grows_exponentially(rows.assign(ff=rows["ff"] + 1)).verdict == "partly"
