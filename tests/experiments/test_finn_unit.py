"""FINN's model term by term adds up to the model, and to figures worked out by hand."""

import pytest

from hw import finn
from repro.experiments import finn_unit


@pytest.mark.parametrize("output_bits", [None, 1, 4])
@pytest.mark.parametrize("pe, simd, bits, p, channels", [(1, 1, 4, 12, 64), (16, 16, 4, 32, 64), (3, 5, 8, 17, 100)])
def test_terms_are_the_whole_estimate(output_bits, pe, simd, bits, p, channels):
    total = finn_unit.terms(p, bits, output_bits, pe, simd, channels).sum()
    assert int(total) == finn.matrix_vector_unit(pe, simd, bits, bits, p, output_bits, channels=channels)


def test_a_bit_by_hand():
    assert finn_unit.per_bit() == pytest.approx(1.1)
    assert finn_unit.per_bit(4, 128) == pytest.approx(1.1 * (1 + 15 * 2 + 15))
    step = finn_unit.terms(21, 4, 4, 1, 1, 128).sum() - finn_unit.terms(20, 4, 4, 1, 1, 128).sum()
    assert finn_unit.per_bit(4, 128) == pytest.approx(step)


def test_figure_tells_both_totals():
    alt = finn_unit.unit_figure(bits=4, narrow=12, output_bits=4, pe=1, simd=1).alt
    assert "sums handed on: 370 LUTs at 32 bits, 348 at 12" in alt  # 300 + 1.1 * (24 + 8 + 32), and 12 for 32
    assert "thresholds to 4 bits: 1,426 LUTs at 32 bits" in alt  # and 2 * 15 * 32 more
