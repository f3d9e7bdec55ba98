"""Bands: each contains the curve that it belongs to, on any axis and in every figure."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.path import Path

from repro import paths, store
from repro.errors import BadInput
from repro.exhibits import band
from repro.experiments import accumulator_width, overflow, rtl_loop

FIGURES = {
    "overflow": lambda: [draw(store.load(overflow.EXPERIMENT)) for draw in (
        overflow.accuracy_figure, overflow.overflow_figure, overflow.sparsity_figure)],
    "accumulator_width": lambda: [accumulator_width.came_back(store.load(rtl_loop.EXPERIMENT))],
}
"""Every module that draws a band, and its figures with one, from the recorded rows."""


def outlines(shade: PolyCollection) -> list[np.ndarray]:
    """The polygons (n, 2) that a renderer fills, in pixels: after a corner that is no number it begins another one."""
    found = []
    for path in shade.get_paths():
        kept = shade.get_transform().transform_path(path).cleaned(remove_nans=True)
        begins = np.flatnonzero(kept.codes == Path.MOVETO)
        found += np.split(kept.vertices[kept.codes != Path.STOP], begins[1:])
    return found


def outside(figure: Canvas) -> list[tuple[float, float]]:
    """Points of curves, as data, at which the band of their own colour is no strip about them, to a pixel."""
    figure.draw_without_rendering()
    found = []
    for axes in figure.axes:
        for shade in (c for c in axes.collections if isinstance(c, PolyCollection)):
            colour = tuple(shade.get_facecolor()[0, :3])
            for line in (line for line in axes.lines if to_rgb(line.get_color()) == colour):
                found += [tuple(point) for point in line.get_xydata()
                          if beside(axes.transData.transform(point), outlines(shade))]
    return found


def beside(point: np.ndarray, polygons: list[np.ndarray]) -> bool:
    """Whether what is filled at the x of a point, in pixels, is anything but one strip that holds it; not where nothing is."""
    if not np.isfinite(point).all():
        return False
    for x in (point[0] - 0.05, point[0] + 0.05):  # beside corners, where edges meet
        heights = sorted(y0 + (y1 - y0) * (x - x0) / (x1 - x0) for polygon in polygons
                         for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0)) if min(x0, x1) < x < max(x0, x1))
        if heights and not (len(heights) == 2 and heights[0] - 1 <= point[1] <= heights[1] + 1):
            return True
    return False


def test_every_module_that_shades_is_asked():
    sources = {path: path.read_text() for folder in ("repro", "hw", "book") for path in (paths.ROOT / folder).rglob("*")
               if path.suffix in (".py", ".md") and "_build" not in path.parts}
    shading = {path.stem for path, text in sources.items() if re.search(r"^ +band\(", text, re.MULTILINE)}
    assert shading == set(FIGURES)
    assert [path.name for path, text in sources.items() if "fill_between(" in text] == ["exhibits.py"]


@pytest.mark.parametrize("module", FIGURES)
def test_each_band_contains_its_own_curve(module):
    shades = 0
    for exhibit in FIGURES[module]():
        shades += sum(isinstance(c, PolyCollection) for axes in exhibit.figure.axes for c in axes.collections)
        assert outside(exhibit.figure) == []
    assert shades >= len(FIGURES[module]())


def test_the_old_wedge_is_found():
    """`fill_between` with a lower edge of zero on an axis that masks it: at 10 bits 2 to 20 % was shaded, the mean is 81 %."""
    widths = [8, 9, 10, 11, 12, 13]
    lower, mean, upper = [99.96, 97.93, 81.15, 37.21, 3.8, 0], [99.97, 98.07, 81.47, 37.89, 4.03, 0.0033], [
        99.99, 98.24, 81.91, 38.3, 4.35, 0.01]
    figure, axes = plt.subplots()
    plt.close(figure)
    axes.plot(widths, mean, color="#E69F00")
    axes.fill_between(widths, lower, upper, color="#E69F00", linewidth=0)
    axes.set_yscale("log", nonpositive="mask")
    assert 10 in [x for x, _ in outside(figure)]


CASES = {  # lower, curve, upper
    "positive": ([1, 2, 3], [2, 3, 4], [3, 4, 5]),
    "ends at zero": ([90, 3, 0], [95, 4, 0.003], [99, 5, 0.01]),
    "begins at zero": ([0, 3, 90], [1e-9, 4, 95], [0.01, 5, 99]),
    "zero in the middle": ([5, 0, 5], [6, 0.1, 6], [7, 0.3, 7]),
    "below zero": ([-5, 1, 1], [0.5, 2, 2], [6, 3, 3]),
    "nothing at the end": ([5, 1, 0], [6, 2, 0], [7, 3, 0]),
    "one seed": ([5, 1, 2], [5, 1, 2], [5, 1, 2]),
    "nothing at all": ([0, 0, 0], [0, 0, 0], [0, 0, 0]),
}


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("handling", ["clip", "mask"])
@pytest.mark.parametrize("case", CASES)
def test_a_band_contains_its_curve_on_any_axis(case, handling, scale):
    lower, curve, upper = CASES[case]
    figure, axes = plt.subplots()
    plt.close(figure)
    axes.set_yscale(scale, **({"nonpositive": handling} if scale == "log" else {}))
    axes.plot([1, 2, 3], curve, color="red")
    band(axes, [1, 2, 3], lower, upper, color="red")
    assert outside(figure) == []
    if scale == "log" and min(lower) <= 0 < max(curve):
        foot = axes.get_ylim()[0]  # the axis ends where the band does, below all that is drawn
        assert 0 < foot < min(y for y in (*curve, *upper) if y > 0)
        (corners,) = outlines(axes.collections[0])
        if any(low <= 0 < high for low, high in zip(lower, upper)):
            assert 10 ** round(np.log10(foot)) == pytest.approx(foot)
            assert corners[:, 1].min() == pytest.approx(axes.transData.transform((1, foot))[1])


@pytest.mark.parametrize(("lower", "upper"), [([1, 2, 5], [2, 3, 4]), ([1, np.nan, 1], 2), (1, [2, np.nan, 2])])
def test_edges_in_the_wrong_order_get_one_line(lower, upper):
    figure, axes = plt.subplots()
    plt.close(figure)
    with pytest.raises(BadInput, match="lower edges that are at most the upper ones"):
        band(axes, [1, 2, 3], lower, upper)
    assert not axes.collections
