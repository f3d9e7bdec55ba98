"""Density, range and error of the formats, against counting and closed forms; pictures read back from what was drawn."""

import re

import numpy as np
import pytest

from repro.accumulators import exact_width
from repro.experiments import number_line
from repro.formats import Integer, Minifloat, catalogue, parse

FORMATS = catalogue()


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_dynamic_range_from_the_name_alone(fmt):
    expected = ((2 ** (fmt.mantissa_bits + 1) - 1) * 2.0 ** (2**fmt.exponent_bits - 2) if isinstance(fmt, Minifloat)
                else 2 ** (fmt.bits - 1) - 1)
    assert number_line.dynamic_range(fmt) == expected


def test_dynamic_range_without_mantissa_counts_no_zero():
    """E3M0 has the values 0, 2**-2 ... 2**4, and its smallest positive one is not its step around zero."""
    assert number_line.dynamic_range(Minifloat(3, 0)) == 2.0**6


@pytest.mark.parametrize("fmt", [*FORMATS, Minifloat(3, 0), Minifloat(4, 3, bias=9), Integer(8, signed=False)], ids=str)
def test_per_binade_counts_every_positive_value_where_it_lies(fmt):
    counts = number_line.per_binade(fmt)
    top = np.floor(np.log2(fmt.max))
    for below, count in counts.items():
        assert count == ((fmt.values() >= 2 ** (top - below)) & (fmt.values() < 2 ** (top - below + 1))).sum()
    assert counts.sum() == (fmt.values() > 0).sum() and counts.index[0] == 0


def test_density_draws_the_counts_of_each_format():
    lines = number_line.density().figure.axes[0].lines
    assert len(lines) == len(number_line.EIGHT_BITS)
    for name, line in zip(number_line.EIGHT_BITS, lines, strict=True):
        counts = number_line.per_binade(parse(name))
        assert list(line.get_xdata()) == list(-counts.index) and list(line.get_ydata()) == list(counts)


@pytest.mark.parametrize("name", number_line.EIGHT_BITS)
def test_errors_are_the_worst_that_rounding_does(name):
    """Brute force: a fine grid of numbers rounded by the format never errs more than the curves, and comes close to them."""
    fmt = parse(name)
    place = 2 * number_line.EIGHT_BITS.index(name)
    absolute, relative = (axis.lines[place] for axis in number_line.errors().figure.axes)
    x = np.linspace(0.3, 0.999, 20_001)
    error = abs(fmt.round(x * fmt.max) / fmt.max - x)
    edges, half_gap = absolute.get_xdata(), absolute.get_ydata()
    drawn = half_gap[np.searchsorted(edges, x, side="right") - 1]
    assert (error <= drawn * (1 + 1e-9)).all() and error.max() > 0.99 * drawn.max()
    middles, height = relative.get_xdata(), relative.get_ydata()
    at_middles = abs(fmt.round(middles * fmt.max) / fmt.max - middles) / middles
    np.testing.assert_allclose(at_middles, height, rtol=1e-9)


def test_wall_has_every_value_of_every_format_on_both_sides():
    even, powers = number_line.wall().figure.axes
    assert [label.get_text() for label in even.get_yticklabels()] == [fmt.name for fmt in FORMATS]
    for fmt, left, right in zip(FORMATS, even.lines, powers.lines, strict=True):
        values = fmt.values()[fmt.values() >= 0] / fmt.max
        assert np.array_equal(left.get_xdata()[::3], values)
        assert np.array_equal(right.get_xdata()[::3], np.log2(values[1:]))


def test_wall_prints_the_dynamic_range():
    powers = number_line.wall().figure.axes[1]
    printed = [float(re.fullmatch(r"(\d+) dB", text.get_text())[1]) for text in powers.texts]
    exact = [20 * np.log10(number_line.dynamic_range(fmt)) for fmt in FORMATS]
    np.testing.assert_allclose(printed, exact, atol=0.5)


def test_lines_show_both_halves_scaled_to_the_largest_value():
    lines = number_line.lines(("INT4", "E2M1")).figure.axes[0].lines
    assert list(lines[0].get_xdata()) == list(np.arange(-8, 8) / 7)
    assert list(lines[1].get_xdata() * 6) == [-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6]


def test_catalogue_table_has_the_27_formats_with_their_facts():
    frame = number_line.catalogue_table().frame.set_index("format")
    assert list(frame.index) == [fmt.name for fmt in FORMATS] and len(frame) == 27
    e4m3 = frame.loc["E4M3"]
    assert (e4m3["bits"], e4m3["values"], e4m3["largest"], e4m3["smallest > 0"]) == (8, 255, 480.0, 2.0**-9)
    assert e4m3["range, dB"] == pytest.approx(20 * np.log10(15 * 2**14))
    assert e4m3["accumulator, bits"] == exact_width(parse("E4M3"), parse("E4M3"), 4608)
