"""The overflow study end to end at smoke scale, its exhibits and its verdicts."""

import numpy as np
import pandas as pd
import pytest

from repro import accumulators
from repro.exhibits import Figure, Table
from repro.experiments import overflow


@pytest.fixture(scope="module")
def rows():
    return pd.DataFrame(overflow.compute(overflow.grid("smoke"), "smoke"))


def test_rows_have_exactly_the_declared_columns_and_unique_keys(rows):
    declared = {*overflow.EXPERIMENT.keys, *overflow.EXPERIMENT.metrics, "n", "seed"}
    assert set(rows.columns) == declared
    assert not rows.duplicated(list(overflow.EXPERIMENT.keys)).any()
    assert (rows["n"] == 1000).all()
    assert not rows.isna().any().any()


def test_laptop_scale_repeats_with_several_seeds():
    assert len(overflow.grid("smoke")) == 1 and len(overflow.grid("laptop")) >= 3
    assert overflow.BOUND == 19


def test_wide_accumulators_are_exact_and_narrow_ones_are_not(rows):
    plain = rows[rows["method"].isin(("wraparound", "saturation"))].set_index(["method", "p"])
    reference = rows[(rows["method"] == "qat") & (rows["weight_bits"] == 8)].iloc[0]
    for policy in ("wraparound", "saturation"):
        wide, narrow = plain.loc[policy, 19], plain.loc[policy, 9]
        assert wide["overflow_rate"] == wide["logit_error"] == 0 and wide["accuracy"] == reference["accuracy"]
        assert narrow["overflow_rate"] > 50 and narrow["logit_error"] > 0 and narrow["accuracy"] < reference["accuracy"]
    assert (plain.loc["wraparound", "overflow_rate"] == plain.loc["saturation", "overflow_rate"]).all()


@pytest.mark.parametrize("method, centred", [("a2q", False), ("a2q+", True)])
def test_accumulator_aware_rows_keep_their_budget(rows, method, centred):
    mine = rows[rows["method"] == method]
    assert len(mine) > 0
    for row in mine.itertuples():
        assert row.overflow_rate == row.logit_error == 0
        assert row.l1_norm <= accumulators.max_l1_norm(row.p, 1, zero_centred=centred)
        assert row.exact_bits <= row.p


def test_a_network_that_overflows_stops_the_experiment(monkeypatch):
    """Plain weights passed off as A2Q's."""
    class Impostor(overflow.OneLayer):
        def __init__(self):
            super().__init__("a2q", 9)

        def integer_weights(self):
            return np.full((10, 784), 127)

    with pytest.raises(AssertionError, match="9-bit"):
        overflow._safe_row("a2q", Impostor(), overflow.mnist.load().test)


EXHIBITS = [overflow.accuracy_figure, overflow.overflow_figure, overflow.sparsity_figure, overflow.frontier_figure,
            overflow.table, overflow.starts_table]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda e: e.__name__)
def test_exhibits_draw_and_name_their_source(rows, exhibit):
    shown = exhibit(rows)
    assert shown.source.path == "repro/experiments/overflow.py" and shown.source.name == exhibit.__name__
    assert exhibit.__name__ in shown._repr_html_()
    if isinstance(shown, Figure):
        assert shown.alt and exhibit(rows).svg() == exhibit(rows).svg()
    else:
        assert isinstance(shown, Table) and not shown.frame.isna().any().any()


def _study(rate, wraparound, saturation, a2q, a2q_plus, sparsity, plain=90.0, exact=8):
    """Rows as the study would give them, for widths 8, 9, 10, ... ; one repeat."""
    common = {"repeat": 0, "seed": 0, "n": 1000, "weight_bits": 8, "logit_error": 0, "at_clip": 0, "l1_norm": 1}
    rows = [common | {"method": "qat", "p": 32, "accuracy": plain, "overflow_rate": 0, "sparsity": 5, "l1_bound": 11,
                      "exact_bits": 11}]
    for p, values in enumerate(zip(rate, wraparound, saturation, a2q, a2q_plus, sparsity, strict=True), start=8):
        share, *accuracies, zeros = values
        for method, accuracy in zip(("wraparound", "saturation", "a2q", "a2q+"), accuracies, strict=True):
            own = method.startswith("a2q")
            rows.append(common | {"method": method, "p": p, "accuracy": accuracy, "overflow_rate": 0 if own else share,
                                  "sparsity": zeros if own else 5, "l1_bound": p if own else 11,
                                  "exact_bits": exact if own else 11})
    return pd.DataFrame(rows)


GOOD = {"rate": (90, 40, 10, 1, 0), "wraparound": (10, 20, 50, 80, 90), "saturation": (12, 40, 60, 85, 90),
        "a2q": (80, 85, 88, 90, 90), "a2q_plus": (85, 86, 88, 90, 90),
        "sparsity": (95, 80, 60, 40, 20)}
VERDICTS = [
    (overflow.a2q_never_overflows, {}, "reproduced"),
    (overflow.a2q_never_overflows, {"exact": 9}, "not reproduced"),
    (overflow.overflow_grows_exponentially_and_accuracy_drops, {}, "reproduced"),
    (overflow.overflow_grows_exponentially_and_accuracy_drops, {"saturation": (30, 40, 60, 85, 90)}, "partly"),
    (overflow.overflow_grows_exponentially_and_accuracy_drops, {"rate": (40, 30, 20, 10, 0)}, "not reproduced"),
    (overflow.overflow_grows_exponentially_and_accuracy_drops, {"wraparound": (50, 50, 50, 80, 90)}, "not reproduced"),
    (overflow.a2q_promotes_sparsity, {}, "reproduced"),
    (overflow.a2q_promotes_sparsity, {"sparsity": (60, 50, 40, 30, 4)}, "partly"),
    (overflow.a2q_promotes_sparsity, {"sparsity": (4, 4, 4, 4, 4)}, "not reproduced"),
    (overflow.a2q_dominates, {}, "reproduced"),
    (overflow.a2q_dominates, {"a2q": (80, 85, 88, 89, 90)}, "partly"),
    (overflow.a2q_dominates, {"saturation": (81, 40, 60, 85, 90)}, "not reproduced"),
    (overflow.a2q_plus_dominates, {}, "reproduced"),
    (overflow.a2q_plus_dominates, {"a2q_plus": (85, 86, 88, 89, 90)}, "partly"),
    (overflow.a2q_plus_dominates, {"a2q_plus": (80, 86, 88, 90, 90)}, "not reproduced"),
]


@pytest.mark.parametrize("claim, change, verdict", VERDICTS)
def test_verdicts_follow_the_rows(claim, change, verdict):
    got = claim(_study(**GOOD | change))
    assert got.verdict == verdict, got.evidence
    assert "nan" not in got.evidence and "\n" not in got.evidence


def test_verdicts_run_on_computed_rows(rows):
    for claim in {claim for claim, _, _ in VERDICTS}:
        assert "nan" not in claim(rows).evidence
    assert overflow.a2q_never_overflows(rows).verdict == "reproduced"
