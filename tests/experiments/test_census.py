"""The census against closed forms of the formats, and the drawing against the graph that it shows."""

import numpy as np
import pandas as pd
import pytest

from hw.blocks import diagram
from hw.generate import ARCHITECTURES, PLAIN, Mac
from repro import accumulators
from repro.experiments import block_drawing, census
from repro.experiments.mac_rows import DOT_PRODUCT
from repro.formats import catalogue, parse


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    points = census.EXPERIMENT.grid("laptop")
    return pd.DataFrame(census.EXPERIMENT.compute(points, "laptop"))


def test_every_format_of_the_catalogue_has_one_row_with_all_columns(rows):
    plain = rows[rows["architecture"] == PLAIN]
    assert list(plain["a"]) == [fmt.name for fmt in catalogue()] and len(plain) == 27 and len(rows) == 54
    assert set(rows) >= {*census.EXPERIMENT.keys, *census.EXPERIMENT.metrics, "n", "seed"}


def test_sizes_are_those_of_the_formats(rows):
    for row in rows.itertuples():
        fmt = parse(row.a)
        assert row.register_bits == accumulators.exact_width(fmt, fmt, DOT_PRODUCT)
        if row.architecture != PLAIN:
            assert row.times == 0  # tuned ones spell their multipliers out
            continue
        assert row.times == 1
        if fmt.kind == "integer":
            assert row.multiplier_products == fmt.bits**2
            assert row.shifter_positions == row.shift == row.xor == 0
        else:
            assert row.multiplier_products == (fmt.mantissa_bits + 1) ** 2
            assert row.shifter_positions == 2 ** (fmt.exponent_bits + 1)  # the sum of two exponents
            assert row.shift == 1
        assert row.adder_bits >= row.register_bits


def test_table_shows_each_formats_own_row(rows):
    frame = census.table(rows).frame.set_index("format")
    assert list(frame.index) == list(census.SHOWN)
    assert frame.loc["E4M3", "one-bit products"] == 16 and frame.loc["INT8", "one-bit products"] == 64


@pytest.mark.parametrize("a, b", [("INT8", "INT8"), ("INT8", "INT3"), ("E4M3", "E4M3"), ("E2M1", "E5M2"), ("E6M1", "E6M1")])
def test_drawing_names_every_box_and_its_width(a, b):
    a, b = parse(a), parse(b)
    figure = census.drawing(a, b)
    written = [text.get_text() for text in figure.figure.axes[0].texts]
    boxes = diagram(census.graph(Mac(a, b, DOT_PRODUCT, architecture=PLAIN))).boxes
    assert 2 < len(boxes) <= 14
    assert {f"{a.bits} bits", f"{b.bits} bits", f"{accumulators.exact_width(a, b, DOT_PRODUCT)} bits"} <= set(written)
    for box in boxes:
        assert block_drawing.label(box) in written and f"{box.name}, {block_drawing.width(box)}" in figure.alt


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", ["INT8", "E4M3", "E2M1"])
def test_boxes_do_not_overlap_and_texts_stay_inside(name, architecture):
    figure = census.drawing(parse(name), parse(name), architecture=architecture).figure
    figure.draw_without_rendering()
    axis = figure.axes[0]
    edges = axis.get_window_extent()
    for text in axis.texts:
        place = text.get_window_extent()
        assert edges.x0 <= place.x0 and place.x1 <= edges.x1 and edges.y0 <= place.y0 and place.y1 <= edges.y1
    mac = Mac(parse(name), parse(name), DOT_PRODUCT, architecture=architecture)
    drawn = {block_drawing.label(box) for box in diagram(census.graph(mac)).boxes}
    names = [text for text in axis.texts if text.get_text() in drawn]
    assert {text.get_text() for text in names} == drawn != set()
    middles = np.array([text.get_position() for text in names])
    for index, (x, y) in enumerate(middles):
        others = np.delete(middles, index, axis=0)
        apart = (np.abs(others[:, 0] - x) > block_drawing.WIDTH) | (np.abs(others[:, 1] - y) > block_drawing.HEIGHT)
        assert apart.all()


def test_stages_come_from_the_comments_of_the_verilog():
    found = diagram(census.graph(Mac(parse("E4M3"), parse("E4M3"), DOT_PRODUCT, architecture=PLAIN)))
    assert block_drawing.stages(found) == ["Decode", "Multiply", "Shift", "Accumulate"]


def test_module_drawing_takes_parameters():
    assert "WA = 5" in census.module_drawing("int_mac", WA=5).caption
