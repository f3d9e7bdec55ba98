"""Pictures of the accumulator: the bits add up, and the traced registers are what a scalar loop gives."""

import numpy as np
import pandas as pd
import pytest

from hw.generate import Mac
from hw.variants import build
from repro import accumulators
from repro.a2q.integer_inference import trace
from repro.experiments import accumulator_width as width
from repro.experiments import rtl_loop
from repro.formats import catalogue, parse

K = 20


@pytest.fixture(scope="module")
def units():
    """INT4 in 7 bits wrapping and saturating, E2M1 in 10 bits: all too narrow for 20 products."""
    int4, e2m1 = parse("INT4"), parse("E2M1")
    macs = Mac(int4, int4, K, 7), Mac(int4, int4, K, 7, saturate=True), Mac(e2m1, e2m1, K, 10)
    return build([(mac, "tuned") for mac in macs])


def codes(seed):
    return np.random.default_rng(seed).integers(0, 16, (2, K))


def test_parts_by_hand_and_in_sum():
    assert width.parts("INT8", 4608) == {"one product": 15, "the sum": 12, "sign": 1}  # (-128)**2 = 2**14
    for fmt in catalogue():
        assert sum(width.parts(fmt.name, 576).values()) == accumulators.exact_width(fmt, fmt, 576)


@pytest.mark.parametrize("seed", range(3))
def test_states_are_those_of_a_scalar_register(units, seed):
    for unit, policy in zip(units, ("wraparound", "saturation", "wraparound")):
        a, b = codes(seed)
        fmt = unit.design.a
        x, y = ((fmt.decode(c) / fmt.min_subnormal).astype(int) for c in (a, b))
        assert width.states(unit, a, b).tolist() == trace(x, y, unit.design.acc_bits, policy).tolist()
        assert width.exact_sums(unit, a, b).tolist() == np.cumsum(x * y).tolist()


def test_trace_tells_where_the_register_leaves(units):
    wrapping, saturating, _ = units
    seven, one = np.full(K, 7), np.ones(K, int)
    shown = width.register_trace([wrapping, saturating], seven, one)
    assert "which wraps around: the register first leaves the exact sum at product 10 and ends at 12" in shown.alt  # 140 - 128
    assert "which saturates: the register first leaves the exact sum at product 10 and ends at 63" in shown.alt
    assert "follows the exact sum" in width.register_trace([wrapping], one, one).alt


def test_register_map_names_every_part():
    shown = width.register_map(("INT8", "E4M3"), 4608)
    assert "INT8 28 bits, of which 15 for one product and 12 for the sum and 1 for sign" in shown.alt and "E4M3 49" in shown.alt


def test_came_back_from_rows():
    rows = pd.DataFrame([
        {"network": rtl_loop.MNIST, "weights": weights, "p": p, "dot_products": 100, "wrong": wrong, "wrapped": wrapped}
        for weights, p, wrong, wrapped in (("plain", 10, 20, 60), ("plain", 11, 5, 10), ("a2q", 10, 0, 0))])
    assert "most at 10 bits: 60 per cent wrapped, 20 are wrong" in width.came_back(rows).alt
