"""Names, the catalogue, and one clear line for whatever is no format."""

import dataclasses

import numpy as np
import pytest

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
