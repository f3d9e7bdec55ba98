"""The exact codec against independent oracles: other libraries, and a search over all values in exact fractions."""

from decimal import Decimal, localcontext
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from gfloat import RoundMode, decode_float, round_float
from gfloat.types import Domain, FormatInfo
from hypothesis import given
from hypothesis import strategies as st
from whole_numbers import NUMPY_INTEGERS

from repro.formats import Integer, Minifloat, catalogue, parse

MINIFLOATS = [fmt for fmt in catalogue() if isinstance(fmt, Minifloat)]
BEYOND = [Minifloat(3, 0), Minifloat(1, 0), Minifloat(4, 3, bias=9), Minifloat(2, 3, bias=-4), Minifloat(5, 10), Minifloat(8, 7)]
INTEGERS = [Integer(bits, signed, narrow) for bits in range(2, 9) for signed, narrow in ((True, False), (True, True), (False, False))]
by_name = {"ids": str}


def gfloat_info(fmt: Minifloat) -> FormatInfo:
    """The format for gfloat: subnormals, -0, and no special values at all."""
    return FormatInfo(name=fmt.name, k=fmt.bits, precision=fmt.mantissa_bits + 1, bias=fmt.bias, has_nz=True,
                      domain=Domain.Finite, num_high_nans=0, has_subnormals=True, is_signed=True, is_twos_complement=False)


def probes(fmt, dtype=np.float64) -> np.ndarray:
    """All values, all midpoints, their neighbours in `dtype`, and what lies far outside."""
    values = fmt.values().astype(dtype)
    middles = (values[1:] + values[:-1]) / 2
    near = [np.nextafter(middles, dtype(np.inf)), np.nextafter(middles, dtype(-np.inf))]
    far = [fmt.max * 1.5, fmt.min * 1.5 - 1, 1e30, -1e30, np.inf, -np.inf, 5e-324, -5e-324, 0.0, -0.0]
    return np.concatenate([values, middles, *near, far])


@pytest.mark.parametrize("fmt", MINIFLOATS + BEYOND, **by_name)
def test_decode_equals_gfloat_on_every_code(fmt):
    info = gfloat_info(fmt)
    codes = np.arange(2**fmt.bits)
    expected = np.array([decode_float(info, int(code)).fval for code in codes])
    decoded = fmt.decode(codes)
    assert np.array_equal(decoded, expected)
    assert np.array_equal(np.signbit(decoded), np.signbit(expected))


@pytest.mark.parametrize("fmt", MINIFLOATS + BEYOND[:4], **by_name)
def test_round_equals_gfloat_at_every_value_midpoint_and_neighbour(fmt):
    info = gfloat_info(fmt)
    x = probes(fmt)
    expected = np.array([round_float(info, v, RoundMode.TiesToEven, sat=True) for v in x])
    assert np.array_equal(fmt.round(x), expected)


@pytest.mark.parametrize("name, dtype", [
    ("E2M1", ml_dtypes.float4_e2m1fn), ("E2M3", ml_dtypes.float6_e2m3fn), ("E3M2", ml_dtypes.float6_e3m2fn),
    ("E3M4", ml_dtypes.float8_e3m4), ("E4M3", ml_dtypes.float8_e4m3fn), ("E5M2", ml_dtypes.float8_e5m2),
    ("E4M3B11", ml_dtypes.float8_e4m3b11fnuz)])
def test_decode_and_round_equal_ml_dtypes_where_it_is_finite(name, dtype):
    """ml_dtypes keeps some codes for infinity or NaN; all others must agree, and so must rounding below its maximum.

    The probes are float32: from float64 ml_dtypes rounds twice, by way of float32, and misses some ties.
    """
    fmt = parse(name)
    codes = np.arange(2**fmt.bits, dtype=np.uint8)
    theirs = codes.view(dtype).astype(np.float64)
    finite = np.isfinite(theirs)
    assert finite.sum() >= 2**fmt.bits - 2 ** (fmt.mantissa_bits + 1)
    assert np.array_equal(fmt.decode(codes)[finite], theirs[finite])
    x = probes(fmt, np.float32)
    x = x[np.abs(x) <= np.max(theirs[finite])]
    assert np.array_equal(fmt.round(x), x.astype(dtype).astype(np.float64))


def test_e4m3_reaches_480_because_no_code_is_special():
    assert parse("E4M3").decode(0b0_1111_111) == 480 == parse("E4M3").max


@pytest.mark.parametrize("fmt", MINIFLOATS + BEYOND + INTEGERS, **by_name)
def test_encode_inverts_decode_on_every_code(fmt):
    codes = np.arange(2**fmt.bits)
    reached = fmt.decode(codes) >= fmt.min  # a narrow range never produces its most negative code
    assert np.array_equal(fmt.encode(fmt.decode(codes[reached])), codes[reached])


@pytest.mark.parametrize("fmt", MINIFLOATS + BEYOND + INTEGERS, **by_name)
def test_round_is_decode_of_encode_with_its_sign_of_zero(fmt):
    x = probes(fmt)
    there_and_back = fmt.decode(fmt.encode(x))
    assert np.array_equal(fmt.round(x), there_and_back)
    assert np.array_equal(np.signbit(fmt.round(x)), np.signbit(there_and_back))


@pytest.mark.parametrize("fmt", MINIFLOATS + INTEGERS, **by_name)
def test_round_is_nearest_with_ties_to_the_even_code_by_exact_search(fmt):
    """An oracle in exact fractions: the nearest of all values; of two equally near, the one with the even code."""
    values = [Fraction(v) for v in fmt.values()]
    x = [Fraction(v) for v in probes(fmt) if np.isfinite(v)][:: max(1, len(values) // 24)]
    parity = {Fraction(v): int(code) & 1 for v, code in zip(fmt.values(), fmt.encode(fmt.values()))}
    for probe in x:
        best = min(values, key=lambda v: (abs(v - probe), parity[v]))
        assert Fraction(float(fmt.round(float(probe)))) == best


@pytest.mark.parametrize("fmt", MINIFLOATS + BEYOND + INTEGERS, **by_name)
def test_extremes_follow_from_the_values(fmt):
    values = fmt.values()
    assert (values[0], values[-1]) == (fmt.min, fmt.max)
    assert np.all(np.diff(values) > 0)
    assert values[values > 0][0] == (fmt.min_subnormal if getattr(fmt, "mantissa_bits", 1) else fmt.min_normal)
    assert set(fmt.decode(fmt.encode(values))) == set(values)


@given(st.floats(allow_nan=False, width=64), st.sampled_from(MINIFLOATS + INTEGERS))
def test_rounding_is_idempotent_monotone_and_never_leaves_the_range(x, fmt):
    y = float(fmt.round(x))
    assert fmt.min <= y <= fmt.max
    assert fmt.round(y) == y
    assert fmt.round(np.nextafter(x, np.inf)) >= y


@given(st.integers(1, 6), st.integers(0, 6), st.integers(-20, 40))
def test_names_parse_back_to_the_same_format(exponent_bits, mantissa_bits, bias):
    fmt = Minifloat(exponent_bits, mantissa_bits, bias)
    assert parse(fmt.name) == fmt and hash(parse(fmt.name)) == hash(fmt)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_any_shape_is_kept(shape):
    x = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    for fmt in (parse("E3M2"), parse("UINT4")):
        assert fmt.round(x).shape == fmt.encode(x).shape == fmt.decode(fmt.encode(x)).shape == shape


WIDE = [parse(name) for name in ("E4M3", "E4M3B-50", "E5M2B-60", "E8M7", "E3M12", "E10M5", "E3M0", "E9M0B-400", "INT8", "INT16",
                                 "UINT16")]
EXTENDED = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant


@st.composite
def beside_midpoints(draw):
    """A format, the exact midpoint of two of its values, the side of it on which to look, and the right value there."""
    fmt = draw(st.sampled_from(WIDE))
    values = fmt.values()
    place = draw(st.integers(0, len(values) - 2))
    below, above = (Fraction(value) for value in values[place:place + 2].tolist())
    middle, side = (below + above) / 2, draw(st.sampled_from((-1, 0, 1)))
    codes = fmt.encode(values[place:place + 2])
    right = (below, above)[side > 0] if side else (below, above)[int(codes[1] % 2 == 0)]
    return fmt, middle, side, right


@given(beside_midpoints(), st.integers(60, 300))
def test_fractions_and_decimals_are_rounded_once(case, bits):
    fmt, middle, side, right = case
    value = middle + side * abs(middle or 1) / 2**bits
    assert Fraction(float(fmt.round(value))) == right == Fraction(float(fmt.decode(fmt.encode([value]))[0]))
    with localcontext(prec=3000):  # every decimal digit of a binary fraction
        decimal = Decimal(value.numerator) / Decimal(value.denominator)
        assert Fraction(decimal) == value
        assert Fraction(float(fmt.round(decimal))) == right


@pytest.mark.skipif(not EXTENDED, reason="this machine's longdouble is float64")
@given(beside_midpoints())
def test_extended_precision_is_rounded_once(case):
    fmt, middle, side, right = case
    value = np.longdouble(float(middle)) * (1 + np.copysign(np.longdouble(2) ** -60, float(middle)) * side)
    if middle:
        assert Fraction(float(fmt.round(value))) == right
        assert Fraction(float(fmt.round(np.array([[1.0, value]], np.longdouble))[0, 1])) == right


@given(beside_midpoints(), st.integers(1, 2))
def test_integers_beyond_float64_are_rounded_once(case, distance):
    fmt, middle, side, right = case
    if middle.denominator == 1 and abs(middle) > 2**54:
        value = int(middle) + side * distance
        holders = [np.int64] * (-(2**63) <= value < 2**63) + [np.uint64] * (0 <= value < 2**64) + [object]
        for kind in holders:
            assert Fraction(float(fmt.round(np.array([value], kind))[0])) == right, kind
        assert Fraction(float(fmt.round(value))) == right


def test_the_integer_that_went_up():
    fmt = parse("E4M3B-50")
    below, above = (int(value) for value in fmt.values()[-40:-38])
    middle = (below + above) // 2
    assert 2**53 < middle < 2**63
    assert fmt.round(np.array([middle - 1, middle + 1])).tolist() == [below, above]
    assert parse("E4M3").round(Fraction(17, 16) + Fraction(1, 2**60)) == 1.125


@pytest.mark.parametrize("kind", NUMPY_INTEGERS, ids=lambda kind: np.dtype(kind).name)
@pytest.mark.parametrize("fmt", WIDE, **by_name)
def test_integers_of_every_type_at_their_ends(fmt, kind):
    info = np.iinfo(kind)
    x = np.array([info.min, info.min + 1, 0, 1, info.max - 1, info.max], kind)
    assert np.array_equal(fmt.round(x), fmt.round([Fraction(int(v)) for v in x]))
    assert np.array_equal(fmt.round(x), fmt.decode(fmt.encode(x)))


@pytest.mark.parametrize("fmt", [parse("E4M3"), parse("INT8"), parse("UINT4")], **by_name)
def test_numbers_outside_float64_saturate_or_vanish_with_their_sign(fmt):
    huge = [10**400, -(10**400), Fraction(10**400), Decimal("1e999999999"), Decimal("-inf"), float("inf"), True]
    assert fmt.round(huge).tolist() == [fmt.max, fmt.min, fmt.max, fmt.max, fmt.min, fmt.max, 1.0]
    tiny = fmt.round([Fraction(1, 10**400), Fraction(-1, 10**400), Decimal("-1e-999999999")])
    assert not tiny.any() and np.signbit(tiny).tolist() == ([False, True, True] if fmt.kind == "minifloat" else [False] * 3)
    if EXTENDED:
        assert fmt.round(np.array(["1e4000", "-1e4000", "1e-4000"], np.longdouble)).tolist() == [fmt.max, fmt.min, 0.0]
    for nan in (np.longdouble("nan"), Decimal("nan"), [1, float("nan"), 10**400]):
        with pytest.raises(ValueError, match="no NaN"):
            fmt.round(nan)


def test_what_is_given_is_left_alone():
    for x in (np.array([0.3, 500.0]), np.array([2**60 + 1, 3]), np.array([Fraction(1, 3)], object)):
        kept = x.copy()
        assert parse("E4M3").round(x) is not x and parse("INT8").round(x) is not x
        assert np.array_equal(x, kept)
