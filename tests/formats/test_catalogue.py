"""Names, the catalogue, and one clear line for whatever is no format."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_numbers import whole_numbers

from repro.errors import BadInput
from repro.formats import Integer, Minifloat, catalogue, parse


def test_contract_of_the_running_example():
    f = Minifloat(exponent_bits=4, mantissa_bits=3)
    assert (f.name, f.bits, f.bias, f.max, f.min_normal, f.min_subnormal) == ("E4M3", 8, 7, 480.0, 2**-6, 2**-9)
    assert f == Minifloat(4, 3, bias=7) and len({f, Minifloat(4, 3, bias=7)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        f.bias = 8


def test_catalogue_is_the_21_minifloats_and_6_integers_of_the_paper():
    names = [fmt.name for fmt in catalogue()]
    assert names == ("INT3 E1M1 INT4 E1M2 E2M1 INT5 E1M3 E2M2 E3M1 INT6 E1M4 E2M3 E3M2 E4M1 INT7 E1M5 E2M4 E3M3 E4M2 E5M1 "
                     "INT8 E1M6 E2M5 E3M4 E4M3 E5M2 E6M1").split()
    assert [fmt.bits for fmt in catalogue(4, 5)] == [4] * 3 + [5] * 4


def test_exponents_of_one_bit_are_sign_magnitude_integers():
    for fmt in (Minifloat(1, m) for m in range(1, 7)):
        assert np.array_equal(fmt.values() / fmt.min_subnormal, Integer(fmt.bits, narrow_range=True).values())


@pytest.mark.parametrize("name, fmt", [
    ("E4M3", Minifloat(4, 3)), ("e4m3", Minifloat(4, 3)), (" E4M3B9 ", Minifloat(4, 3, 9)), ("E2M3B-4", Minifloat(2, 3, -4)),
    ("INT8", Integer(8)), ("UINT4", Integer(4, signed=False)), ("INT8N", Integer(8, narrow_range=True)),
    ("UINT1", Integer(1, signed=False))])
def test_parse(name, fmt):
    assert parse(name) == fmt


@pytest.mark.parametrize("name, expected", [
    ("FP8", "unknown format 'FP8'"), ("", "unknown format"), ("E4", "unknown format"), ("INT", "unknown format"),
    ("E4M3B", "unknown format"), ("E12M8", "21 bits"), ("INT17", "17 bits"), ("INT99", "99 bits"), ("E0M3", "at least 1 exponent bit"),
    ("INT0", "at least 1 bit"), ("INT1", "UINT1"), ("UINT4N", "needs a signed format"), ("E11M4", "range of float64"),
    ("E4M3B2000", "range of float64")])
def test_what_is_no_format_gets_one_clear_line(name, expected):
    with pytest.raises(ValueError, match=expected) as caught:
        parse(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fmt", [Minifloat(4, 3), Integer(8), Integer(4, signed=False)], ids=str)
def test_bad_values_and_codes_are_refused(fmt):
    for method in (fmt.encode, fmt.round):
        with pytest.raises(ValueError, match=f"{fmt.name} has no NaN"):
            method([1.0, float("nan")])
        for values in (["a"], ["1.5"], [1j], [None, "x"]):
            with pytest.raises(ValueError, match="real numbers"):
                method(values)
    for codes, message in (([2**fmt.bits], "codes lie in"), ([-1], "codes lie in"), ([0.5], "codes are integers")):
        with pytest.raises(ValueError, match=message):
            fmt.decode(codes)


def same(fmt, plain):
    """Whether a format made from a library's integers is the one made from Python's, in all that it says and does."""
    assert fmt == plain and hash(fmt) == hash(plain) and repr(fmt) == repr(plain) and fmt.name == plain.name
    assert {type(getattr(fmt, field.name)) for field in dataclasses.fields(fmt)} <= {int, bool}
    assert (fmt.min, fmt.max, fmt.min_subnormal, fmt.bits) == (plain.min, plain.max, plain.min_subnormal, plain.bits)
    assert all(type(value) is float for value in (fmt.min, fmt.max, fmt.min_subnormal)) and type(fmt.bits) is int
    codes = np.arange(0, 2**plain.bits, max(1, 2**plain.bits // 64))
    assert np.array_equal(fmt.decode(codes), plain.decode(codes))
    assert np.array_equal(fmt.encode(plain.decode(codes)), plain.encode(plain.decode(codes)))


@given(whole_numbers(1, 6), whole_numbers(0, 9), st.none() | whole_numbers(-100, 100))
def test_minifloats_of_any_integers(e, m, bias):
    same(Minifloat(e, m, bias), Minifloat(int(e), int(m), None if bias is None else int(bias)))


@given(whole_numbers(2, 16), st.sampled_from(((True, False), (True, True), (False, False))),
       st.sampled_from((bool, np.bool_, np.int8)))
def test_integers_of_any_integers(bits, flags, kind):
    same(Integer(bits, *map(kind, flags)), Integer(int(bits), *flags))


def test_the_formats_that_computed_in_eight_bits():
    assert Minifloat(np.uint8(4), np.uint8(3)).round(0.3) == 0.3125
    assert Integer(np.int16(16), signed=False).max == 65535 and Integer(np.int8(8)).encode([-1]).tolist() == [255]
    assert catalogue(np.int8(3), np.uint8(8)) == catalogue()


@pytest.mark.parametrize("make, expected", [
    (lambda: Minifloat(True, 3), "exponent_bits is a whole"), (lambda: Minifloat(4, np.True_), "mantissa_bits is a whole"),
    (lambda: Minifloat(4.0, 3), "exponent_bits is a whole"), (lambda: Minifloat(4, 3, True), "E4M3: the exponent bias is"),
    (lambda: Minifloat(4, 3, 7.0), "E4M3: the exponent bias is a whole number, not 7.0"),
    (lambda: Minifloat(2**70, 3), "at most 16"), (lambda: Minifloat(4, -(2**70)), "at least 1 exponent bit"),
    (lambda: Minifloat(4, 3, 2**70), "leave the range of float64"),
    (lambda: Minifloat(4, 3, np.int64(-(2**63))), "leave the range of float64"),
    (lambda: Integer(True, False), "bits is a whole number, not True"),
    (lambda: Integer("8"), "bits is a whole number, not '8'"), (lambda: Integer(2**70), "at most 16"),
    (lambda: Integer(8, signed=2), "signed is True or False, not 2"),
    (lambda: Integer(8, narrow_range="no"), "narrow_range is True or False, not 'no'"),
    (lambda: catalogue(2.5, 8), "min_bits is a whole number"), (lambda: catalogue(3, 20), "range of float64")])
def test_bad_numbers_of_bits_get_one_clear_line(make, expected):
    with pytest.raises(BadInput, match=expected) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [
    np.array([1, 2], "M8[D]"), np.array([1, 2], "m8[s]"), np.array(["1"], object), np.array(["1"], np.dtypes.StringDType()),
    [None], [b"1"], np.array([1j], np.clongdouble), [[1, 2], [3]], dataclasses, np.zeros(2, "i4,f4")], ids=repr)
def test_what_is_no_real_number_is_refused(values):
    for fmt in (Minifloat(4, 3), Integer(8)):
        for method in (fmt.encode, fmt.round):
            with pytest.raises(BadInput, match="values must be real numbers"):
                method(values)


def test_codes_are_integers_of_any_type_but_nothing_else():
    fmt = Minifloat(4, 3)
    for code in map(np.dtype, np.typecodes["AllInteger"]):
        assert fmt.decode(np.array([0, 0x38], code)).tolist() == [0, 1]
    for codes, message in ((np.array([1], "m8[s]"), "codes are integers"), (np.array([True]), "codes are integers"),
                           (np.array([2**64 - 1], np.uint64), "found 18446744073709551615..18446744073709551615")):
        with pytest.raises(BadInput, match=message):
            fmt.decode(codes)
