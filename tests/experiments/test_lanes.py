"""The lane experiment at smoke scale; its quotients and verdict on rows with known answers."""

import pandas as pd
import pytest

from repro.exhibits import Figure
from repro.experiments import lanes


@pytest.fixture(scope="module")
def rows():
    return pd.DataFrame(lanes.EXPERIMENT.compute(lanes.EXPERIMENT.grid("smoke"), "smoke"))


def made_up(luts):
    """Rows of SIMD 1 and 4 under the best mapping; luts: format -> those of both lanes."""
    return pd.DataFrame([{"fmt": name, "k": lanes.DOT_PRODUCT, "simd": simd, "mapping": lanes.BEST, "lut": lut}
                         for name, pair in luts.items() for simd, lut in zip((1, 4), pair)])


def test_rows(rows):
    assert set(rows) == {*lanes.EXPERIMENT.keys, *lanes.EXPERIMENT.metrics, "n", "seed"}
    assert not rows.duplicated(list(lanes.EXPERIMENT.keys)).any()
    assert (rows["mismatches"] == 0).all() and (rows["pairs"] == 256).all()
    assert (rows.groupby("fmt")["ff"].nunique() == 1).all()     # the same sum in every lane: the same accumulator


def test_a_product_by_hand():
    table = lanes.per_product(made_up({"INT4": (30, 80)}))
    assert table.loc["INT4"].to_dict() == {1: 30, 4: 20}


def test_a_wider_lane_costs_less_a_product(rows):
    for mapping in lanes.MAPPINGS:
        table = lanes.per_product(rows, mapping)
        assert len(table) and (table[4] < table[1]).all()


def test_every_lane_adds_the_same_dot_product():
    for scale in ("smoke", "laptop"):
        grid = lanes.EXPERIMENT.grid(scale)
        assert grid
        for point in grid:
            assert point["k"] == lanes.DOT_PRODUCT and point["k"] % max(1, point["simd"]) == 0


@pytest.mark.parametrize("exhibit", [lanes.lane_figure, lanes.lane_table], ids=lambda e: e.__name__)
def test_exhibits_draw_and_name_their_source(rows, exhibit):
    shown = exhibit(rows)
    assert shown.source.path == "repro/experiments/lanes.py"
    assert exhibit.__name__ in shown._repr_html_()
    if isinstance(shown, Figure):
        assert "INT4 " in shown.alt and "E2M1 " in shown.alt


@pytest.mark.parametrize("luts, verdict", [
    ({"INT4": (30, 60), "E2M1": (40, 120)}, "reproduced"), ({"INT4": (30, 110), "E2M1": (40, 120)}, "not reproduced"),
    ({"INT4": (30, 60), "E2M1": (40, 120), "INT8": (90, 350), "E4M3": (90, 300)}, "partly")])
def test_verdict_follows_the_rows(luts, verdict):
    got = lanes.sharing_helps_integers_more(made_up(luts))
    assert got.verdict == verdict, got.evidence
    assert "E2M1 25 %" in got.evidence
