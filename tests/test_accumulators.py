"""Closed forms against enumeration: every input, every order of summation, every pair of values."""

import itertools
import math

import numpy as np
import pytest

from repro import accumulators
from repro.errors import BadInput
from repro.formats import Integer, Minifloat, catalogue, parse


def fits(value, p):
    return -(2 ** (p - 1)) <= value <= 2 ** (p - 1) - 1


def inputs_of(bits, signed):
    return range(-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else range(2**bits)


def extreme_partial_sums(weights, bits, signed):
    """Least and greatest partial sum over every input vector and every order, by enumeration."""
    seen = set()
    for x in itertools.product(inputs_of(bits, signed), repeat=len(weights)):
        products = [a * b for a, b in zip(x, weights)]
        for chosen in itertools.product((0, 1), repeat=len(products)):  # any subset can come first
            seen.add(sum(p for p, c in zip(products, chosen) if c))
    return min(seen), max(seen)


# Values derived by arithmetic in data/paper/values.yml (k, input bits, weight bits, P).
@pytest.mark.parametrize("k, n, m, p", [
    (784, 1, 8, 19), (4608, 8, 8, 29), (4608, 7, 7, 27), (4608, 6, 6, 25), (4608, 5, 5, 23), (4608, 4, 4, 21),
    (1024, 8, 8, 27), (576, 8, 8, 26), (576, 4, 4, 18), (9, 8, 8, 20)])
def test_data_type_bound_values(k, n, m, p):
    assert accumulators.data_type_bound(k, m, n) == p


@pytest.mark.parametrize("signed", [False, True])
def test_data_type_bound_is_the_papers_formula(signed):
    """P >= alpha + phi(alpha) + 1 in floating point, away from the powers of two where log2 may round."""
    for k, m, n in itertools.product((3, 9, 100, 576, 784, 4607), range(2, 9), range(1, 9)):
        alpha = math.log2(k) + n + m - 1 - signed
        assert accumulators.data_type_bound(k, m, n, signed) == math.ceil(alpha + math.log2(1 + 2**-alpha) + 1)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("k, m, n", [(1, 2, 1), (2, 2, 2), (3, 2, 2), (4, 2, 1), (2, 3, 3), (3, 3, 1)])
def test_data_type_bound_holds_every_sum(k, m, n, signed):
    p = accumulators.data_type_bound(k, m, n, signed)
    for w in {(-(2 ** (m - 1)),) * k, (2 ** (m - 1) - 1,) * k}:
        assert all(fits(value, p) for value in extreme_partial_sums(w, n, signed))


@pytest.mark.parametrize("n, signed", [(1, False), (2, False), (3, False), (2, True), (3, True)])
def test_l1_bound_holds_every_input_and_order(n, signed):
    for w in itertools.product(range(-2, 3), repeat=3):
        p = accumulators.l1_bound(sum(map(abs, w)), n, signed)
        assert all(fits(value, p) for value in extreme_partial_sums(w, n, signed))


def test_l1_bound_is_tight_for_signed_inputs():
    """With signed inputs -2**(N-1) exists, so weights of the same sign reach the norm times 2**(N-1)."""
    for w in itertools.product(range(-4, 0), repeat=2):
        p = accumulators.l1_bound(sum(map(abs, w)), 3, input_signed=True)
        assert not fits(extreme_partial_sums(w, 3, True)[1], p - 1)


@pytest.mark.parametrize("n, signed", itertools.product(range(1, 9), (False, True)))
def test_norm_budget_and_l1_bound_are_inverse(n, signed):
    for p in range(2, 25):
        largest = math.floor(accumulators.max_l1_norm(p, n, signed))
        assert accumulators.l1_bound(largest, n, signed) <= p < accumulators.l1_bound(largest + 1, n, signed)


@pytest.mark.parametrize("n, p, plain, centred", [
    (8, 16, 127.996, 256.996), (4, 12, 127.94, 272.93), (4, 16, 2047.94, 4368.93)])
def test_norm_budget_values(n, p, plain, centred):
    assert accumulators.max_l1_norm(p, n) == pytest.approx(plain, abs=0.005)
    assert accumulators.max_l1_norm(p, n, zero_centred=True) == pytest.approx(centred, abs=0.005)


@pytest.mark.parametrize("n, p", [(1, 3), (1, 4), (2, 4), (2, 5)])
def test_zero_centred_budget_is_exact(n, p):
    """Over all zero-sum weights: inside the budget nothing overflows, outside it some input does."""
    budget = accumulators.max_l1_norm(p, n, zero_centred=True)
    outside = 0
    for w in itertools.product(range(-8, 9), repeat=3):
        if sum(w) == 0:
            safe = all(fits(value, p) for value in (
                (2**n - 1) * sum(v for v in w if v < 0), (2**n - 1) * sum(v for v in w if v > 0)))
            inside = sum(map(abs, w)) <= budget
            outside += not inside
            assert safe == inside
    assert outside


SMALL = [parse(name) for name in ("E1M1", "E1M2", "E2M1", "INT3", "UINT2", "INT3N", "UINT1", "E2M1B3")]


@pytest.mark.parametrize("a, b", itertools.combinations_with_replacement(SMALL, 2), ids=lambda f: f.name)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_exact_width_holds_every_sum_and_not_one_bit_less(a, b, k):
    unit = a.min_subnormal * b.min_subnormal
    products = np.unique(np.multiply.outer(a.values(), b.values())) / unit
    assert np.array_equal(products, np.rint(products))
    sums = np.unique(sum(np.meshgrid(*[products.astype(int)] * k)))
    width = accumulators.exact_width(a, b, k)
    assert fits(sums.min(), width) and fits(sums.max(), width)
    assert width == 2 and sums.max() < 2 or not (fits(sums.min(), width - 1) and fits(sums.max(), width - 1))


@pytest.mark.parametrize("fmt", catalogue(), ids=lambda f: f.name)
def test_exact_width_is_tight_at_the_papers_length(fmt):
    """The worst case of k = 4608 products fits, and does not fit one bit less."""
    worst = 4608 * int(fmt.min / fmt.min_subnormal) ** 2
    width = accumulators.exact_width(fmt, fmt, 4608)
    assert fits(worst, width) and not fits(worst, width - 1)


# Widths at n = 4608, the same format on both sides (derived in data/paper/values.yml).
@pytest.mark.parametrize("name, width", [
    ("INT3", 20), ("INT4", 22), ("INT5", 24), ("INT6", 26), ("INT7", 28), ("INT8", 30),
    ("E1M1", 18), ("E1M2", 20), ("E2M1", 22), ("E1M3", 22), ("E2M2", 24), ("E3M1", 30),
    ("E1M4", 24), ("E2M3", 26), ("E3M2", 32), ("E4M1", 46), ("E1M5", 26), ("E2M4", 28), ("E3M3", 34), ("E4M2", 48),
    ("E5M1", 78), ("E1M6", 28), ("E2M5", 30), ("E3M4", 36), ("E4M3", 50), ("E5M2", 80), ("E6M1", 142)])
def test_paper_width_values(name, width):
    assert accumulators.paper_width(parse(name), parse(name), 4608) == width


@pytest.mark.parametrize("fmt", catalogue(), ids=lambda f: f.name)
def test_how_far_the_papers_width_lies_above_the_exact_one(fmt):
    """4608 rounds up to 8192 and a significand of 2 - 2**-m to 2; together they cost a bit while (1 - 2**-(m+1))**2
    times 4608 / 8192 is below one half, that is up to m = 3. The integer form is two bits above."""
    spare = accumulators.paper_width(fmt, fmt, 4608) - accumulators.exact_width(fmt, fmt, 4608)
    assert spare == (2 if fmt.kind == "integer" else int(fmt.mantissa_bits <= 3))


def test_paper_width_knows_no_mixed_pair():
    with pytest.raises(BadInput, match="INT4"):
        accumulators.paper_width(Integer(4), Minifloat(2, 1), 10)


@pytest.mark.parametrize("call", [
    lambda: accumulators.data_type_bound(0, 8, 8), lambda: accumulators.data_type_bound(9, 8, 2.5),
    lambda: accumulators.l1_bound(-1, 8), lambda: accumulators.l1_bound(1.5, 8),
    lambda: accumulators.max_l1_norm(0, 8), lambda: accumulators.exact_width(Integer(4), Integer(4), 0)])
def test_bad_arguments_get_one_line(call):
    with pytest.raises(BadInput) as caught:
        call()
    assert "\n" not in str(caught.value)
