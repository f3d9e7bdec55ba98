"""Designs, closed forms and codes made from any library's integers are those made from Python's, to the last letter."""

from dataclasses import fields
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from whole_numbers import whole_numbers

from hw import finn
from hw.check import units
from hw.generate import Mac
from hw.lane import Lane
from hw.readout import Requantize, ToInteger, ToMinifloat
from hw.testbench import testbench as bench
from repro import accumulators
from repro.errors import BadInput
from repro.formats import parse

FORMATS = st.sampled_from([parse(name) for name in ("INT16", "INT4", "UINT3", "E4M3", "E2M1", "E1M2", "E3M0")])
LENGTHS = whole_numbers(1, 2**70)
FLAGS = st.sampled_from((False, True, np.False_, np.True_))


def same(made, plain):
    """Whether two designs are one, in everything that is printed of them."""
    assert made == plain and hash(made) == hash(plain) and repr(made) == repr(plain) and made.name == plain.name
    assert made.parameters == plain.parameters and {type(value) for value in made.parameters.values()} == {int}
    assert made.top() == plain.top() and "np." not in made.top()
    assert all(type(getattr(made, field.name)) is type(getattr(plain, field.name)) for field in fields(made))


@given(FORMATS, FORMATS, LENGTHS, st.none() | whole_numbers(2, 200), FLAGS, FLAGS)
def test_macs(a, b, k, acc_bits, pipeline, saturate):
    saturate = saturate and a.kind == b.kind == "integer"
    plain = Mac(a, b, int(k), None if acc_bits is None else int(acc_bits), pipeline=bool(pipeline), saturate=bool(saturate))
    made = Mac(a, b, k, acc_bits, pipeline=pipeline, saturate=saturate)
    same(made, plain)
    assert bench(made) == bench(plain)
    if acc_bits is None:
        assert made.acc_bits == accumulators.exact_width(a, b, int(k))


@given(FORMATS, FORMATS, LENGTHS, whole_numbers(1, 64), st.none() | whole_numbers(2, 200))
def test_lanes(a, b, k, simd, acc_bits):
    b = b if a.kind == b.kind else a
    same(Lane(a, b, k, simd, acc_bits), Lane(a, b, int(k), int(simd), None if acc_bits is None else int(acc_bits)))


@given(whole_numbers(2, 200), whole_numbers(0, 200), whole_numbers(1, 32), st.integers(-60, 60),
       st.sampled_from((float, np.float64, np.longdouble, Fraction, torch.tensor)))
def test_read_outs(acc_bits, shift, multiplier_bits, exponent, kind):
    p, s, m = int(acc_bits), int(shift), int(multiplier_bits)
    same(ToInteger(acc_bits, parse("INT8"), shift), ToInteger(p, parse("INT8"), s))
    same(Requantize(acc_bits, parse("UINT8"), multiplier_bits, shift), Requantize(p, parse("UINT8"), m, s))
    same(ToMinifloat(acc_bits, parse("E4M3"), kind(2.0**exponent)), ToMinifloat(p, parse("E4M3"), 2.0**exponent))


def test_the_register_that_was_too_narrow():
    assert Mac(parse("INT16"), parse("INT16"), np.int32(4608)).acc_bits == 44
    assert finn.thresholds(np.int8(8), np.int8(24), np.int8(64)) == 6120


@pytest.mark.parametrize("make, message", [
    (lambda: Mac(parse("INT4"), parse("INT4"), True), "k is a whole number of at least 1, not True"),
    (lambda: Mac(parse("INT4"), parse("INT4"), 9, 20.0), "number of bits is a whole number, not 20.0"),
    (lambda: Mac(parse("INT4"), parse("INT4"), 9, True), "number of bits is a whole number, not True"),
    (lambda: Mac(parse("INT4"), parse("INT4"), 9, pipeline=2), "pipeline is True or False, not 2"),
    (lambda: Lane(parse("INT4"), parse("INT4"), 9, True), "simd is a whole number of at least 1, not True"),
    (lambda: ToInteger(20, parse("INT8"), False), "shift is a whole number of at least 0, not False"),
    (lambda: Requantize(20, parse("INT8"), 8.0, 3), "multiplier_bits is a whole number of at least 1, not 8.0"),
    (lambda: ToMinifloat(20, parse("E2M1"), "0.5"), "worth a power of two, not '0.5'"),
    (lambda: ToMinifloat(20, parse("E2M1"), 2**2000), "worth a power of two"),
    (lambda: ToMinifloat(20, parse("E2M1"), 2**60 + 1), "worth a power of two"),
    (lambda: finn.accumulator(True), "acc_bits is a whole number of at least 1, not True")])
def test_flags_and_floats_are_no_bit_counts(make, message):
    with pytest.raises(BadInput, match=message):
        make()


SMALL = whole_numbers(1, 12)


@given(LENGTHS, LENGTHS, LENGTHS, LENGTHS, SMALL, LENGTHS, LENGTHS)
def test_finns_closed_forms_in_exact_integers(pe, simd, weights, inputs, outputs, acc, channels):
    P, S, W, A, B, acc_bits, depth = map(int, (pe, simd, weights, inputs, outputs, acc, channels))
    terms = [(finn.multipliers(simd, weights, inputs), S * (2 * ceil(Fraction(W + A, 6)) - 1) * (W + A)),
             (finn.adder_tree(simd, weights, inputs), (W + A) * (2 * S - 1)), (finn.accumulator(acc), acc_bits),
             (finn.thresholds(outputs, acc, channels), (2**B - 1) * acc_bits * ceil(Fraction(depth, 64))),
             (finn.comparators(outputs, acc), (2**B - 1) * acc_bits),
             (finn.weight_memory(pe, simd, weights, channels), P * S * W * ceil(Fraction(depth, 64)))]
    assert all(found == wanted and type(found) is int for found, wanted in terms)
    *lane, memory = [wanted for _, wanted in terms]
    found = finn.matrix_vector_unit(pe, simd, weights, inputs, acc, outputs, channels, channels)
    assert type(found) is int and found == floor(300 + Fraction(11, 10) * P * sum(lane) + memory)
    assert finn.mac(weights, inputs, acc) == (2 * ceil(Fraction(W + A, 6)) - 1) * (W + A) + acc_bits


@pytest.mark.parametrize("name", ["E10M5", "E10M2", "E9M6", "E4M3", "INT16", "UINT1"])
def test_values_in_steps_are_exact_where_the_quotient_leaves_float64(name):
    fmt = parse(name)
    codes = np.array([0, 1, 2 ** (fmt.bits - 1) - 1])
    assert units(fmt, codes) == [Fraction(value) / Fraction(fmt.min_subnormal) for value in fmt.decode(codes).tolist()]
