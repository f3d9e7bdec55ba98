"""Closed forms against enumeration: every input, every order of summation, every pair of values."""

import itertools
import math
import sys
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_numbers import whole_numbers

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


def test_how_far_the_papers_width_can_lie_above_the_exact_one():
    """Over all pairs of integers, and minifloats of every number of mantissa bits: what paper_width's docstring says.

    The difference depends on k only by how far k lies below a power of two, so few k of each kind are enough.
    """
    lengths = [1, *itertools.chain.from_iterable((2**g + 1, 2 ** (g + 1) - 1, 2 ** (g + 1)) for g in (0, 1, 2, 4, 18, 40))]
    integers = [Integer(bits, signed, narrow) for bits in range(1, 17)
                for signed, narrow in ((True, False), (True, True), (False, False)) if bits > signed]
    minifloats = [Minifloat(e, m) for e, m in itertools.product((1, 2, 4), range(12))]
    assert len(integers) == 46 and len(minifloats) == 36
    most = {}
    for formats in (integers, minifloats):
        for a, b in itertools.combinations_with_replacement(formats, 2):
            spare = [accumulators.paper_width(a, b, k) - accumulators.exact_width(a, b, k) for k in lengths]
            narrow = [fmt for fmt in (a, b) if getattr(fmt, "narrow_range", False)]
            kind = a.kind, len(narrow), any(fmt.bits == 2 for fmt in narrow)
            least, greatest = most.get(kind, (99, -99))
            most[kind] = min(least, *spare), max(greatest, *spare)
    assert min(least for least, _ in most.values()) == 0  # never below
    assert {kind: greatest for kind, (_, greatest) in most.items()} == {
        ("minifloat", 0, False): 2, ("integer", 0, False): 2, ("integer", 1, False): 3, ("integer", 1, True): 3,
        ("integer", 2, False): 3, ("integer", 2, True): 4}


def test_paper_width_knows_no_mixed_pair():
    with pytest.raises(BadInput, match="INT4"):
        accumulators.paper_width(Integer(4), Minifloat(2, 1), 10)


@pytest.mark.parametrize("call", [
    lambda: accumulators.data_type_bound(0, 8, 8), lambda: accumulators.data_type_bound(9, 8, 2.5),
    lambda: accumulators.l1_bound(-1, 8), lambda: accumulators.l1_bound(1.5, 8),
    lambda: accumulators.max_l1_norm(0, 8), lambda: accumulators.exact_width(Integer(4), Integer(4), 0),
    lambda: accumulators.data_type_bound(True, 8, 8), lambda: accumulators.data_type_bound(9, 8, np.True_),
    lambda: accumulators.data_type_bound(9, 8, 8, input_signed=2), lambda: accumulators.l1_bound(True, 8),
    lambda: accumulators.l1_bound(Fraction(9, 2), 8), lambda: accumulators.l1_bound(math.inf, 8),
    lambda: accumulators.l1_bound(math.nan, 8), lambda: accumulators.l1_bound(-2.0, 8), lambda: accumulators.l1_bound("9", 8),
    lambda: accumulators.max_l1_norm(8, 2.0), lambda: accumulators.paper_width(Integer(4), Integer(4), True)])
def test_bad_arguments_get_one_line(call):
    with pytest.raises(BadInput) as caught:
        call()
    assert "\n" not in str(caught.value)


def smallest_width(low, high):
    """The smallest P whose register holds both, in plain Python."""
    p = 1
    while not (fits(low, p) and fits(high, p)):
        p += 1
    return p


BITS = whole_numbers(1, 64)


@given(whole_numbers(1, 2**80), BITS, BITS, st.booleans())
def test_data_type_bound_of_any_integers(k, m, n, signed):
    found = accumulators.data_type_bound(k, m, n, signed)
    largest = int(k) * 2 ** (int(m) - 1) * 2 ** (int(n) - signed)
    assert type(found) is int and found == smallest_width(0, largest)


@given(whole_numbers(0, 2**80), BITS, st.sampled_from((False, True, np.False_, np.True_)))
def test_l1_bound_of_any_integers(norm, n, signed):
    found = accumulators.l1_bound(norm, n, signed)
    assert type(found) is int and found == smallest_width(0, int(norm) * 2 ** (int(n) - bool(signed)))


@given(st.integers(0, 2**53), st.integers(0, 200))
def test_l1_bound_takes_whole_floats_and_fractions_exactly(significand, exponent):
    norm = significand * 2**exponent
    with localcontext(prec=100):
        same = [float(norm), Fraction(norm), Decimal(norm), np.float64(norm), np.longdouble(norm)]
    for value in same:
        assert accumulators.l1_bound(value, 8) == accumulators.l1_bound(norm, 8) == smallest_width(0, norm * 256)


@given(whole_numbers(1, 2**80), st.sampled_from(catalogue(2, 8) + [parse("UINT8"), parse("INT2N"), parse("E8M7")]),
       st.sampled_from(catalogue(2, 8) + [parse("UINT1"), parse("E4M3B600")]))
def test_exact_width_of_any_length(k, a, b):
    unit = Fraction(a.min_subnormal) * Fraction(b.min_subnormal)
    sums = [int(k) * Fraction(x) * Fraction(y) / unit for x in (a.min, a.max) for y in (b.min, b.max)]
    found = accumulators.exact_width(a, b, k)
    assert type(found) is int and found == max(2, smallest_width(min(sums), max(sums)))
    if a.kind == b.kind:
        assert accumulators.paper_width(a, b, k) == accumulators.paper_width(a, b, int(k)) >= found


def test_a_product_of_numpy_is_a_length():
    """The faults reported: k times the largest product left int64."""
    assert accumulators.exact_width(parse("E4M3"), parse("E5M2"), np.prod((4096, 7, 7))) == 70
    assert accumulators.exact_width(parse("E5M2"), parse("E5M2"), np.prod((512, 3, 3))) == 79
    assert accumulators.data_type_bound(np.int8(100), np.uint8(8), np.int8(8)) == 23


@pytest.mark.parametrize("zero_centred", [False, True])
def test_a_norm_that_is_allowed_is_safe_at_every_width(zero_centred):
    """The budget is a float: the largest that is not above the exact one, here in fractions, from 2 to 2000 bits."""
    for n, signed in itertools.product((1, 2, 3, 7, 8, 31, 53, 64), (False, True)):
        for p in (*range(2, 130), *range(130, 2001, 37), *range(1020, 1030), 2000):
            budget = accumulators.max_l1_norm(p, n, signed, zero_centred)
            exact = Fraction(2**p - 2, 2**n - 1) if zero_centred else Fraction(2 ** (p - 1) - 1, 2 ** (n - signed))
            above = math.nextafter(budget, math.inf)
            assert budget <= exact and (exact < above or budget == sys.float_info.max), (p, n, signed)
            if not zero_centred:
                assert accumulators.l1_bound(int(budget), n, signed) <= p
            if exact < 2**53:
                assert int(budget) == exact.numerator // exact.denominator


def test_the_norms_that_were_too_large():
    assert accumulators.l1_bound(int(accumulators.max_l1_norm(55, 8)), 8) == 55
    for n in (2, 3):
        assert int(accumulators.max_l1_norm(54, n, zero_centred=True)) * (2**n - 1) <= 2**54 - 2


@given(whole_numbers(1, 1000), BITS, st.booleans(), st.booleans())
def test_norm_budget_of_any_integers(p, n, signed, centred):
    assert accumulators.max_l1_norm(p, n, signed, centred) == accumulators.max_l1_norm(int(p), int(n), signed, centred)


def test_widths_of_any_size_cost_no_memory():
    """The bounds count bits; they never build the number of 2**40 bits."""
    assert accumulators.data_type_bound(3, 2**40, 2**41) == 2 + 2**40 - 1 + 2**41 + 1
    assert accumulators.l1_bound(3, 2**40) == 2 + 2**40 + 1
