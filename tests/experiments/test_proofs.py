"""The experiment `proofs`: rows from part of the smoke grid, the worst case against a closed form, exhibits and verdict."""

import pandas as pd
import pytest

from hw.extremes import held
from hw.generate import Mac
from hw.variants import build
from repro import accumulators
from repro.experiments import proofs
from repro.formats import catalogue, parse

CHOSEN = ("carry_rows 3 x 3", "table_product 2 x 2", "shift_left 4 by 2", "mac INT3", "E2M1", "INT3", "E1M1")


@pytest.fixture(scope="module")
def rows():
    points = [point for point in proofs.EXPERIMENT.grid("smoke") if point["subject"] in CHOSEN]
    return pd.DataFrame(proofs.EXPERIMENT.compute(points, "smoke"))


def test_rows(rows):
    assert set(rows) == {*proofs.EXPERIMENT.keys, *proofs.EXPERIMENT.metrics, "n", "seed"}
    assert set(rows["kind"]) == {"sat", "fault", "extreme"}
    assert (rows[["proved", "caught", "unreachable", "harmless", "left"]].sum(axis=1) == rows["cases"]).all()
    assert (rows["left"] == 0).all()


def test_grid_is_whole():
    grid = proofs.EXPERIMENT.grid("laptop")
    assert len({tuple(point.values()) for point in grid}) == len(grid)
    assert sum(point["kind"] == "fault" for point in grid) == 3
    assert [point["subject"] for point in grid if point["kind"] == "extreme"] == [fmt.name for fmt in catalogue()]
    widths = {point["subject"] for point in grid}
    assert {"carry_rows 7 x 7", "booth_product 8 x 6", "table_product 4 x 4"} <= widths


@pytest.mark.parametrize("name", ["INT3", "E2M1", "INT4"])
def test_first_wrap_is_where_arithmetic_says(name):
    fmt, k = parse(name), 300
    width = accumulators.exact_width(fmt, fmt, k)
    wide, narrow = build([(Mac(fmt, fmt, k), "tuned"), (Mac(fmt, fmt, k, width - 1), "tuned")])
    largest = round(max(fmt.max * fmt.max, fmt.min * fmt.min) / fmt.min_subnormal**2)
    assert held(wide.netlist, wide.design).first_wrap is None
    found = held(narrow.netlist, narrow.design)
    assert found.first_wrap == (2 ** (width - 2) - 1) // largest + 1 <= k
    assert (found.mismatches, found.exact_at_end) == (0, False)


def test_exhibits(rows):
    frame = proofs.proofs_table(rows).frame
    assert list(frame["subject"]) == ["carry_rows", "table_product", "shift_left", "mac", "E2M1", "all formats"]
    assert frame.set_index("subject").loc["carry_rows", "proved"] == 2
    assert frame["left"].sum() == 0
    wraps = proofs.wraps_table(rows).frame.set_index("format")
    assert wraps.loc["INT3", "exact width"] == accumulators.exact_width(parse("INT3"), parse("INT3"), 4608)
    assert wraps["first wrong sum one bit below"].between(1, 4608).all()


def test_verdict(rows):
    assert proofs.all_proved(rows).verdict == "reproduced"
    assert proofs.all_proved(rows.assign(left=1)).verdict == "partly"
    assert proofs.all_proved(rows[rows["kind"] == "sat"]).verdict == "partly"
