"""FINN's closed form against values worked out by hand, and against what the formula says of a bit of accumulator."""

import pytest

from hw import finn
from repro.errors import BadInput


@pytest.mark.parametrize("bits, luts", [(8, 80), (6, 36), (4, 24), (3, 6), (1, 2)])
def test_multiplier(bits, luts):
    """8 x 8: ceil(16 / 6) = 3, so (2 * 3 - 1) * 16 = 80; and so on."""
    assert finn.multipliers(1, bits, bits) == luts
    assert finn.multipliers(16, bits, bits) == 16 * luts
    assert finn.mac(bits, bits, 20) == luts + 20


def test_terms_by_hand():
    assert finn.adder_tree(1, 4, 8) == 12 and finn.adder_tree(16, 4, 8) == 12 * 31
    assert finn.thresholds(4, 20, 64) == 15 * 20 and finn.thresholds(4, 20, 65) == 2 * 15 * 20
    assert finn.comparators(2, 20) == 3 * 20
    assert finn.weight_memory(2, 4, 8, 129) == 2 * 4 * 8 * 3


def test_whole_units_by_hand():
    assert finn.matrix_vector_unit(1, 1, 8, 8, 28) == 436                    # 300 + 1.1 * (80 + 16 + 28) = 436.4
    assert finn.matrix_vector_unit(1, 1, 8, 8, 28, output_bits=4, channels=64) == 1360  # 300 + 1.1 * (124 + 420 + 420)
    assert finn.matrix_vector_unit(4, 8, 4, 4, 16, weight_words=100) == 1999  # 300 + 4.4 * (192 + 120 + 16) + 4 * 8 * 4 * 2


@pytest.mark.parametrize("output_bits, channels", [(None, 1), (2, 64), (4, 65)])
def test_a_bit_of_accumulator(output_bits, channels):
    """Ten bits cost 11 LUTs a lane, and with thresholds 2**B - 1 times that again for each comparator and LUT memory."""
    wide, narrow = (finn.matrix_vector_unit(10, 4, 8, 8, p, output_bits, channels) for p in (30, 20))
    copies = 0 if output_bits is None else (2**output_bits - 1) * (1 + -(-channels // 64))
    assert wide - narrow == pytest.approx(110 * (1 + copies), abs=1)


@pytest.mark.parametrize("call, message", [
    (lambda: finn.multipliers(0, 8, 8), "simd is a whole number of at least 1, not 0"),
    (lambda: finn.mac(8, 8.5, 20), "input_bits is a whole number"),
    (lambda: finn.accumulator(-1), "acc_bits is a whole number"),
    (lambda: finn.matrix_vector_unit("2", 1, 8, 8, 20), "pe is a whole number"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(BadInput, match=message):
        call()
