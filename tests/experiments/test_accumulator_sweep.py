"""The accumulator sweep at smoke scale; its slopes, savings and verdict on rows with known answers."""

import pandas as pd
import pytest

from hw.variants import VARIANTS
from repro import accumulators
from repro.exhibits import Figure
from repro.experiments import accumulator_sweep as sweep
from repro.experiments.mac_rows import DOT_PRODUCT

BEST = sweep.BEST


@pytest.fixture(scope="module")
def rows():
    return pd.DataFrame(sweep.EXPERIMENT.compute(sweep.EXPERIMENT.grid("smoke"), "smoke"))


def made_up(name, widths, lut, variant=BEST):
    """Rows whose LUTs are a function of the width."""
    return pd.DataFrame([{"a": name, "b": name, "k": sweep.DOT_PRODUCT, "variant": variant, "p": p, "lut": lut(p), "ff": p}
                         for p in widths])


def test_rows(rows):
    assert set(rows) == {*sweep.EXPERIMENT.keys, *sweep.EXPERIMENT.metrics, "n", "seed"}
    assert not rows.duplicated(list(sweep.EXPERIMENT.keys)).any()
    assert len(rows) == 7 * len(sweep.VARIANTS)
    assert (rows["mismatches"] == 0).all() and (rows["pairs"] == 256).all() and (rows["steps"] > 2 * 256).all()
    assert (rows["ff"] == rows["p"]).all()


def test_wider_costs_more(rows):
    for name in ("INT4", "E2M1"):
        for variant in sweep.VARIANTS:
            lut = sweep.line(rows, name, variant)["lut"]
            assert lut.is_monotonic_increasing and lut.index.is_monotonic_increasing and len(lut) >= 3


def test_a_tuned_bit_is_a_lut_exactly_where_a_product_fits(rows):
    """INT4: only the last chain grows from 8 bits on; below, rows do too."""
    luts = sweep.line(rows, "INT4", BEST)["lut"]
    assert luts[20] - luts[12] == 8 and luts[12] - luts[8] == 4 and luts[8] - luts[6] > 2


def test_laptop_grid_reaches_below_the_product_and_holds_what_a2q_needs():
    grid = pd.DataFrame(sweep.EXPERIMENT.grid("laptop"))
    assert set(grid["variant"]) == set(sweep.VARIANTS) <= set(VARIANTS) and set(grid["k"]) == {DOT_PRODUCT}
    for name, widths in grid.groupby("a")["p"]:
        assert widths.min() < sweep.product_width(name) < widths.max()
        assert widths.max() >= accumulators.exact_width(sweep.parse(name), sweep.parse(name), sweep.DOT_PRODUCT)
    for name, p in sweep.A2Q_WIDTHS.items():
        assert {p, sweep.data_type_bound(name)} <= set(grid.loc[grid["a"] == name, "p"])


def test_widths_by_hand():
    assert (sweep.product_width("INT8"), sweep.product_width("INT4")) == (16, 8)  # (-128)**2 = 2**14 needs 16 bits
    assert (sweep.data_type_bound("INT8"), sweep.data_type_bound("INT4")) == (28, 20)  # 4608 * 2**14 < 2**27


def test_slopes_of_straight_lines():
    int8 = made_up("INT8", range(10, 25), lambda p: 3 * p if p < 16 else 2 * p + 7)
    found = sweep.slopes(pd.concat([int8, made_up("E2M1", (15, 16), lambda p: p)])).set_index(["a", "part"])
    assert found.loc["INT8", "holds a product"][["low", "high"]].tolist() == [16, 24]
    assert found.loc["INT8", "too narrow for one"][["low", "high"]].tolist() == [10, 15]
    assert found["lut"].tolist() == pytest.approx([2, 3, 1]) and found["ff"].tolist() == pytest.approx([1, 1, 1])


def test_savings_by_hand():
    found = sweep.savings(pd.concat([made_up("INT8", (16, 28), lambda p: p + 72), made_up("INT4", (12,), lambda p: p)]))
    assert found.to_dict("records") == [{
        "a": "INT8", "variant": BEST, "bound": 28, "p": 16, "norm": 255, "lut_bound": 100, "lut": 88, "lut_saved": 12,
        "ff_saved": 12, "share": pytest.approx(12)}]


@pytest.mark.parametrize("exhibit", [sweep.lut_figure, sweep.slope_table, sweep.savings_table], ids=lambda e: e.__name__)
def test_exhibits_draw_and_name_their_source(rows, exhibit):
    shown = exhibit(rows)
    assert shown.source.path == "repro/experiments/accumulator_sweep.py"
    assert exhibit.__name__ in shown._repr_html_()
    if isinstance(shown, Figure):
        lut = sweep.line(rows, "INT4", BEST)["lut"]
        assert f"INT4 under {BEST} from {lut[6]} at 6 bits to {lut[20]} at 20" in shown.alt


@pytest.mark.parametrize("slopes, verdict", [
    ((1, 1), "reproduced"), ((1.05, 0.95), "reproduced"), ((1, 2), "partly"), ((0.5, 2), "not reproduced")])
def test_verdict_follows_the_rows(slopes, verdict):
    int8, e2m1 = slopes
    rows = [made_up("INT8", range(16, 30), lambda p: int8 * p), made_up("E2M1", range(16, 30), lambda p: e2m1 * p)]
    got = sweep.a_bit_is_a_lut(pd.concat(rows))
    assert got.verdict == verdict, got.evidence
    assert f"INT8 {slopes[0]:.2f}" in got.evidence


def test_verdict_runs_on_computed_rows(rows):
    assert "nan" not in sweep.a_bit_is_a_lut(rows).evidence
