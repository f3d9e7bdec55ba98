"""Networks on mapped netlists at smoke scale, beside the integer inference of repro.a2q and Brevitas' float32 outputs."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from hw.generate import Mac
from hw.variants import build
from repro.a2q import training
from repro.a2q.integer_inference import accumulate
from repro.datasets import mnist
from repro.exhibits import Figure
from repro.experiments import overflow, rtl_loop
from repro.formats import parse


@pytest.fixture(scope="module")
def rows():
    rows = pd.DataFrame(rtl_loop.EXPERIMENT.compute(rtl_loop.EXPERIMENT.grid("smoke"), "smoke"))
    return rows.assign(accuracy=pd.to_numeric(rows["accuracy"]))  # as the store reads them


def only(rows, **keys):
    for column, value in keys.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def test_rows_have_exactly_the_declared_columns_and_unique_keys(rows):
    assert set(rows) == {*rtl_loop.EXPERIMENT.keys, *rtl_loop.EXPERIMENT.metrics, "n", "seed"}
    assert not rows.duplicated(list(rtl_loop.EXPERIMENT.keys)).any()
    assert (rows["equal"] == (rows["wrong"] == 0)).all() and (rows["wrong"] <= rows["wrapped"]).all()


def test_the_networks_are_those_of_the_overflow_study():
    for mine, its in ((rtl_loop._PLAIN, overflow._PLAIN), (rtl_loop._TUNED, overflow._TUNED),
                      (rtl_loop._MNIST_WIDTHS, overflow._WIDTHS)):
        assert mine == its
    assert rtl_loop.DATA_TYPE_BOUND == overflow.BOUND == 19


def test_a2q_never_differs_and_plain_weights_do(rows):
    ours = rows[rows["network"] == rtl_loop.MNIST]
    assert (ours["dot_products"] == 10_000).all() and (ours["k"] == 784).all()
    a2q = ours[ours["weights"] == "a2q"]
    assert sorted(a2q["p"]) == [9, 11, 19] and (a2q[["wrong", "wrapped", "wraps"]] == 0).all(axis=None)
    assert (ours["float32_wrong"] == 0).all()


@pytest.mark.parametrize("p", [19, 11, 9])
def test_hardware_agrees_with_integer_inference_about_plain_weights(rows, p):
    """Values, overflows and accuracy of the register, computed in NumPy for the same network."""
    test = mnist.load().test
    net = training.plain(mnist.load(), rtl_loop._PLAIN["smoke"], 0)
    weights = net.integer_weights()
    sums = accumulate(test.images, weights, p, "wraparound")
    row = only(rows, network=rtl_loop.MNIST, weights="plain", p=p)
    assert row["wrong"] == (sums.values != test.images.astype(int) @ weights.T).sum()
    assert row["wrapped"] == sums.overflowed.sum()
    assert row["accuracy"] == pytest.approx(100 * (net.logits(sums.values).argmax(axis=1) == test.labels).mean())
    assert (p == 19) == (row["wrong"] == 0)


def test_a_convolution_of_efficientnet(rows):
    """Brevitas' float32 outputs lie close to the exact sums, so each sum is that of the right operands."""
    int8, e4m3 = (only(rows, network=rtl_loop.EFFICIENTNET, a=name, equal=1) for name in ("INT8", "E4M3"))
    assert (int8["p"], e4m3["p"]) == (24, 46)
    for row in (int8, e4m3):
        assert row["dot_products"] == 49 * 1280 and row["k"] == 320 and row["wrapped"] == 0
        assert 0 < row["float32_error"] < 1e-5
    assert int8["float32_wrong"] == 0 and e4m3["float32_wrong"] > 0.9 * e4m3["dot_products"]
    narrow = only(rows, network=rtl_loop.EFFICIENTNET, a="INT8", p=16)
    assert 0 < narrow["wrong"] < narrow["wrapped"] < narrow["dot_products"]


def test_faults_and_broken_promises_stop_the_experiment(monkeypatch):
    """Twenty times 7 * 7 in 8 bits: wrong but wrapped right is a row, unless it must be equal; anything else is a fault."""
    unit, = build([(Mac(parse("INT4"), parse("INT4"), 20, 8), rtl_loop.VARIANT)])
    codes = np.full((1, 20), 7)
    layer = rtl_loop._Layer(codes, codes, np.array([980]), np.array([980.0]))
    row, values = rtl_loop._run(unit, layer, must_equal=False)
    assert (row["wrong"], row["wrapped"], row["wraps"], values.tolist()) == (1, 1, 4, [980 - 4 * 256])
    with pytest.raises(AssertionError, match="1 of 1 dot products differ"):
        rtl_loop._run(unit, layer, must_equal=True)
    with pytest.raises(AssertionError, match="differ from Brevitas"):
        rtl_loop._run(unit, rtl_loop._Layer(codes, codes, np.array([979]), np.array([979.0])), must_equal=False)


@pytest.mark.parametrize("exhibit", [rtl_loop.mnist_figure, rtl_loop.layer_figure, rtl_loop.table], ids=lambda e: e.__name__)
def test_exhibits_draw_and_name_their_source(rows, exhibit):
    shown = exhibit(rows)
    assert shown.source.path == "repro/experiments/rtl_loop.py"
    assert exhibit.__name__ in shown._repr_html_()
    if isinstance(shown, Figure):
        assert "nan" not in shown.alt and exhibit(rows).svg() == exhibit(rows).svg()


def test_shares(rows):
    # Against exact fractions: wrong / dot_products * 100 rounds twice, and which counts that shows in depends on the processor.
    exact = [float(Fraction(100 * int(wrong), int(of))) for wrong, of in zip(rows["wrong"], rows["dot_products"], strict=True)]
    assert len(exact) > 0 and rtl_loop.shares(rows).tolist() == exact


@pytest.mark.parametrize("a2q_wrong, plain_wrong, verdict", [
    (0, 5, "reproduced"), (0, 0, "partly"), (1, 5, "not reproduced")])
def test_verdict_follows_the_rows(a2q_wrong, plain_wrong, verdict):
    counts = [(8, "a2q", a2q_wrong), (8, "plain", plain_wrong), (12, "a2q", a2q_wrong), (12, "plain", 0)]
    rows = pd.DataFrame([{"network": rtl_loop.MNIST, "weights": weights, "p": p, "dot_products": 100, "wrong": wrong,
                          "wrapped": wrong} for p, weights, wrong in counts])
    got = rtl_loop.hardware_equals_brevitas(rows)
    assert got.verdict == verdict and "nan" not in got.evidence
