"""The read-out experiment at smoke scale; its premiums, table and verdict on rows with known answers."""

import pandas as pd
import pytest

from hw.readout import Requantize, ToInteger, ToMinifloat
from repro.exhibits import Figure
from repro.experiments import readout
from repro.formats import parse


@pytest.fixture(scope="module")
def rows():
    return pd.DataFrame(readout.EXPERIMENT.compute(readout.EXPERIMENT.grid("smoke"), "smoke"))


def made_up(luts, extra):
    """Rows of a MAC and a read-out by a power of two for each format, under the best mapping."""
    return pd.DataFrame([{"fmt": name, "k": readout.DOT_PRODUCT, "readout": kind, "mapping": readout.BEST, "lut": lut, "cases": 1}
                         for name in luts for kind, lut in ((readout.MAC, luts[name]), ("power of two", extra[name]))])


def test_rows(rows):
    assert set(rows) == {*readout.EXPERIMENT.keys, *readout.EXPERIMENT.metrics, "n", "seed"}
    assert not rows.duplicated(list(readout.EXPERIMENT.keys)).any()
    assert (rows["mismatches"] == 0).all() and (rows["cases"] > 1000).all()
    assert ((rows["ff"] == 0) == (rows["readout"] != readout.MAC)).all()


@pytest.mark.parametrize("name", readout.FORMATS["laptop"])
def test_all_read_outs_of_a_format_stop_at_the_same_sum(name):
    """The largest number that comes out stands for a sum of 2**HEADROOM below the register's, within one step of it."""
    fmt = parse(name)
    for kind in readout.READOUTS[fmt.kind]:
        made = readout.design(name, kind)
        assert isinstance(made, {"power of two": ToMinifloat if fmt.kind == "minifloat" else ToInteger}.get(kind, Requantize))
        worth = made.unit if fmt.kind == "minifloat" else 2.0**-made.shift * 2 ** getattr(made, "multiplier_bits", 0)
        assert 0.5 <= fmt.max / worth / 2 ** (made.acc_bits - 1 - readout.HEADROOM) < 1


def test_premiums_by_hand():
    rows = made_up({"INT4": 100, "E2M1": 130}, {"INT4": 20, "E2M1": 50})
    assert readout.premiums(rows).to_dict("records") == [
        {"minifloat": "E2M1", "integer": "INT4", "without": pytest.approx(30), "alike": pytest.approx(50),
         "one_sided": pytest.approx(80)}]


def test_a_shared_read_out_by_hand():
    frame = readout.cost_table(made_up({"INT4": 100}, {"INT4": 32})).frame
    assert frame[["with one each", "one for 16", "read-out / MAC (%)"]].values.tolist() == [[132, 102, 32]]


@pytest.mark.parametrize("exhibit", [readout.stacked_bars, readout.cost_table, readout.readout_table], ids=lambda e: e.__name__)
def test_exhibits_draw_and_name_their_source(rows, exhibit):
    shown = exhibit(rows)
    assert shown.source.path == "repro/experiments/readout.py"
    assert exhibit.__name__ in shown._repr_html_()
    if isinstance(shown, Figure):
        assert "E2M1 power of two" in shown.alt and "INT4 8-bit scale" in shown.alt


@pytest.mark.parametrize("mac, extra, verdict", [
    (150, 150, "reproduced"), (110, 150, "partly"), (150, 20, "not reproduced")])
def test_verdict_follows_the_rows(mac, extra, verdict):
    rows = made_up({"INT4": 100, "E2M1": mac}, {"INT4": 20, "E2M1": extra})
    got = readout.damsgaard_with_conversion(rows)
    assert got.verdict == verdict, got.evidence
    assert f"E2M1 {mac - 100:+.0f} % for the MACs alone" in got.evidence
