"""The exact codec against independent oracles: other libraries, and a search over all values in exact fractions."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from gfloat import RoundMode, decode_float, round_float
from gfloat.types import Domain, FormatInfo
from hypothesis import given
from hypothesis import strategies as st

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
