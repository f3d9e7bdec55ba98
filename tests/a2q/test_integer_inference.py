"""The P-bit register against scalar loops, modular arithmetic and enumeration."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_numbers import integer_arrays, whole_numbers

from repro import accumulators
from repro.a2q import integer_inference
from repro.a2q.integer_inference import accumulate, bits_needed, trace, worst_case
from repro.errors import BadInput


def scalar(x, w, p, policy):
    """One dot product in plain Python integers: the register's last value, and whether it ever left its range."""
    register, overflowed = 0, False
    for a, b in zip(x, w, strict=True):
        register += int(a) * int(b)
        if not -(2 ** (p - 1)) <= register < 2 ** (p - 1):
            overflowed = True
            if policy == "saturation":
                register = -(2 ** (p - 1)) if register < 0 else 2 ** (p - 1) - 1
            while not -(2 ** (p - 1)) <= register < 2 ** (p - 1):  # turn by turn around the circle
                register += 2**p if register < 0 else -(2**p)
    return register, overflowed


SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 12))


@settings(max_examples=200, deadline=None)
@given(shape=SHAPES, p=st.integers(2, 14), policy=st.sampled_from(("wraparound", "saturation")),
       seed=st.integers(0, 2**32 - 1))
def test_equal_to_a_scalar_loop(shape, p, policy, seed):
    n, channels, k = shape
    generator = np.random.default_rng(seed)
    x, w = generator.integers(-8, 16, (n, k)), generator.integers(-127, 128, (channels, k))
    got = accumulate(x, w, p, policy)
    for i, j in itertools.product(range(n), range(channels)):
        assert (got.values[i, j], got.overflowed[i, j]) == scalar(x[i], w[j], p, policy)


@pytest.mark.parametrize("p", [4, 8, 11, 13, 20])
def test_wraparound_is_the_exact_sum_modulo_2_to_the_p(p):
    """Two's complement forgives overflows on the way: only the sum modulo 2**p is left."""
    generator = np.random.default_rng(p)
    x, w = generator.integers(0, 2, (50, 784)), generator.integers(-127, 128, (10, 784))
    got = accumulate(x, w, p, "wraparound").values
    assert np.array_equal((got - x @ w.T) % 2**p, np.zeros_like(got))
    assert got.min() >= -(2 ** (p - 1)) and got.max() < 2 ** (p - 1)


def test_both_policies_report_the_same_overflows():
    generator = np.random.default_rng(0)
    x, w = generator.integers(0, 2, (50, 100)), generator.integers(-127, 128, (10, 100))
    flags = [accumulate(x, w, 10, policy).overflowed for policy in ("wraparound", "saturation")]
    prefixes = np.cumsum(x[:, None] * w[None], axis=2)
    expected = ((prefixes < -512) | (prefixes > 511)).any(axis=2)
    assert 0 < expected.mean() < 1
    assert np.array_equal(flags[0], expected) and np.array_equal(flags[1], expected)


def test_saturation_depends_on_the_order_and_wraparound_does_not():
    x, w = np.ones((1, 3), int), np.array([[7, 7, -7]])
    forward, backward = (accumulate(x, w[:, ::step], 4, "saturation").values for step in (1, -1))
    assert (forward.item(), backward.item()) == (0, 7)
    forward, backward = (accumulate(x, w[:, ::step], 4, "wraparound").values for step in (1, -1))
    assert forward.item() == backward.item() == 7


@pytest.mark.parametrize("input_bits", [1, 2])
def test_worst_case_against_every_input_and_order(input_bits):
    """For every 3-weight channel: the extremes are reached, and bits_needed is enough and not one bit too many."""
    largest = 2**input_bits - 1
    inputs = np.array(list(itertools.product(range(largest + 1), repeat=3)))
    for w in itertools.product(range(-3, 4), repeat=3):
        orders = list(itertools.permutations(range(3)))
        partial = np.concatenate([np.cumsum((inputs * w)[:, order], axis=1) for order in orders])
        lowest, highest = worst_case(np.array([w]), largest)
        assert (lowest[0], highest[0]) == (min(partial.min(), 0), max(partial.max(), 0))
        p = bits_needed(np.array([w]), largest)
        for order in orders:
            weights = np.array([w])[:, order]
            assert not accumulate(inputs[:, order], weights, p, "wraparound").overflowed.any()
        assert p == 1 or any(accumulate(inputs[:, order], np.array([w])[:, order], p - 1, "wraparound").overflowed.any()
                             for order in orders)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-127, 127), min_size=1, max_size=30), st.integers(1, 8))
def test_exact_need_is_never_above_the_l1_bound(w, input_bits):
    norm = sum(map(abs, w))
    assert bits_needed(np.array([w]), 2**input_bits - 1) <= accumulators.l1_bound(norm, input_bits)


@pytest.mark.parametrize("policy", ["wraparound", "saturation"])
def test_trace_is_every_partial_sum(policy):
    generator = np.random.default_rng(1)
    x, w = generator.integers(0, 2, 60), generator.integers(-127, 128, 60)
    assert trace(x, w, 9, policy).tolist() == [scalar(x[:end], w[:end], 9, policy)[0] for end in range(1, 61)]
    assert np.array_equal(trace(x, w, 32, policy), np.cumsum(x * w))


def test_wrap_and_saturate_over_every_value():
    values = np.arange(-64, 64)
    assert integer_inference.wrap(values, 4).tolist() == [(v + 8) % 16 - 8 for v in range(-64, 64)]
    assert integer_inference.saturate(values, 4).tolist() == [min(max(v, -8), 7) for v in range(-64, 64)]


@pytest.mark.parametrize("change, says", [
    ({"p": 0}, "1 to 62"), ({"p": 63}, "1 to 62"), ({"policy": "clip"}, "clip"), ({"inputs": np.ones((2, 4), int)}, "4"),
    ({"inputs": np.ones((2, 3))}, "integers"), ({"weights": np.ones(3, int)}, "two-dimensional"),
    ({"inputs": np.ones((0, 3), int)}, "inputs"), ({"inputs": np.ones((2, 3), bool)}, "integers, not bool"),
    ({"inputs": np.ones((2, 3), "m8[s]")}, "integers, not timedelta64"), ({"inputs": [[1, 2, True]]}, "whole number, not True"),
    ({"weights": [[1, 2.5, 3]]}, "whole number, not 2.5"), ({"inputs": [[1, 2], [3]]}, "whole number, not "),
    ({"p": True}, "whole number"), ({"p": 8.5}, "whole number")])
def test_bad_arguments_get_one_line(change, says):
    good = {"inputs": np.ones((2, 3), int), "weights": np.ones((1, 3), int), "p": 8, "policy": "wraparound"}
    assert not accumulate(**good).overflowed.any()
    with pytest.raises(BadInput, match=says) as caught:
        accumulate(**good | change)
    assert "\n" not in str(caught.value)


def test_numbers_that_int64_cannot_hold_are_refused():
    for inputs, weights in (([[2**40]], [[2**30]]), (np.array([[2**63]], np.uint64), [[1]])):
        with pytest.raises(ValueError, match="do not fit int64"):
            accumulate(inputs, weights, 62, "wraparound")


def folded(value, p, policy):
    """A number in a p-bit register, in plain Python."""
    half = 2 ** (p - 1)
    return (value + half) % 2**p - half if policy == "wraparound" else min(max(value, -half), half - 1)


def states(x, w, p, policy):
    """Every state of the register, and whether any sum left its range."""
    found, register, overflowed = [], 0, False
    for a, b in zip(x, w, strict=True):
        exact = register + int(a) * int(b)
        register = folded(exact, p, policy)
        overflowed |= register != exact
        found.append(register)
    return found, overflowed


POLICY = st.sampled_from(("wraparound", "saturation"))


@given(integer_arrays((5,), (5,)), whole_numbers(1, 62), POLICY)
def test_trace_of_any_integers(arrays, p, policy):
    x, w = arrays
    found = trace(x, w, p, policy)
    assert found.dtype == np.int64 and found.tolist() == states(x, w, int(p), policy)[0]
    assert trace(x.tolist(), w.tolist(), p, policy).tolist() == found.tolist()


@given(integer_arrays((2, 3), (2, 3)), whole_numbers(1, 62), POLICY)
def test_accumulate_of_any_integers(arrays, p, policy):
    x, w = arrays
    most = [max(abs(int(value)) for value in array.flat) for array in arrays]
    if max(most[0], 1) * max(most[1], 1) > 2**62:
        with pytest.raises(BadInput, match="do not fit int64"):
            accumulate(x, w, p, policy)
        return
    found = accumulate(x, w, p, policy)
    for i, j in itertools.product(range(2), repeat=2):
        every, overflowed = states(x[i], w[j], int(p), policy)
        assert (found.values[i, j], found.overflowed[i, j]) == (every[-1], overflowed)


@given(integer_arrays((2, 3)), whole_numbers(0, 2**80))
def test_bits_needed_of_any_integers(arrays, largest_input):
    [weights] = arrays
    signs = [[[int(largest_input) * int(w) for w in row if (w > 0) == positive] for row in weights]
             for positive in (False, True)]
    lowest, highest = ([sum(products) for products in rows] for rows in signs)
    found = worst_case(weights, largest_input)
    assert (found[0].tolist(), found[1].tolist()) == (lowest, highest)
    p = bits_needed(weights, largest_input)
    assert -(2 ** (p - 1)) <= min(lowest) and max(highest) < 2 ** (p - 1)
    assert p == 1 or min(lowest) < -(2 ** (p - 2)) or max(highest) >= 2 ** (p - 2)


@given(integer_arrays((4,)), whole_numbers(1, 62))
def test_wrap_and_saturate_of_any_integers(arrays, p):
    [values] = arrays
    for policy, fold in integer_inference.POLICIES.items():
        wanted = [folded(int(value), int(p), policy) for value in values]
        for given_as in (values, values.tolist()):
            assert fold(given_as, p).dtype == np.int64 and fold(given_as, p).tolist() == wanted
        assert int(fold(values[0], p)) == wanted[0]


def test_sums_that_left_their_type():
    """The faults reported: products and sums in int8, int32 and int64."""
    hundred, million = np.array([100, 100], np.int8), np.array([2**20, 2**20], np.int32)
    assert trace(hundred, hundred, 32, "wraparound").tolist() == [10000, 20000]
    assert trace(million, million, 62, "wraparound").tolist() == [2**40, 2**41]
    assert bits_needed(np.array([[2**40]]), 2**30) == 72 and bits_needed(np.full((1, 4), 2**61), 1) == 65


def test_trace_wants_as_many_inputs_as_weights():
    for x, w in (([1, 2], [1]), ([[1]], [[1]]), ([], [])):
        with pytest.raises(BadInput, match="as many of one|one-dimensional"):
            trace(x, w, 8, "wraparound")
