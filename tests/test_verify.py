"""`repro verify` recomputes, and notices what changed."""

import math
from dataclasses import replace

import pytest

from repro import runner
from repro.errors import BadInput
from repro.verify import Check, verify


def test_what_was_just_written_verifies(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)
    checks = verify(toy, tmp_path, points=6)
    assert len(checks) == 12 and all(check.ok for check in checks)


def test_a_changed_figure_fails_and_one_within_tolerance_passes(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)
    path = tmp_path / "toy.csv"
    path.write_text(path.read_text().replace(",8.0,", ",8.05,", 1).replace(",9.0,", ",9.2,", 1))
    bad = [check for check in verify(toy, tmp_path, points=6) if not check.ok]
    assert [(check.metric, check.written, check.recomputed) for check in bad] == [("value", 9.2, 9.0)]


def test_a_row_that_no_longer_comes_out_fails(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)
    path = tmp_path / "toy.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    bad = [check for check in verify(toy, tmp_path, points=6) if not check.ok]
    assert [(check.metric, check.written, check.recomputed) for check in bad] == [("row", 0.0, 1.0)]


def test_a_row_of_no_point_fails(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)
    path = tmp_path / "toy.csv"
    path.write_text(path.read_text().replace("odd,3,", "odd,7,", 1))
    bad = [check for check in verify(toy, tmp_path, points=1) if not check.ok]
    assert ("name=odd power=7 layer=0", "row", 1, 0) in [(c.row, c.metric, c.written, c.recomputed) for c in bad]


def test_a_tolerance_may_be_a_share_of_what_is_written(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)
    relative = replace(toy, metrics={"value": "10%"})
    path = tmp_path / "toy.csv"
    path.write_text(path.read_text().replace(",8.0,", ",8.5,", 1).replace(",9.0,", ",11.0,", 1))
    bad = [check for check in verify(relative, tmp_path, points=6) if not check.ok]
    assert [check.written for check in bad] == [11.0]


def test_the_sample_depends_on_the_seed_alone(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)
    rows = [{check.row for check in verify(toy, tmp_path, points=2, seed=seed)} for seed in (1, 1, 2, 3, 4)]
    assert rows[0] == rows[1] and len({frozenset(r) for r in rows}) > 1


@pytest.mark.parametrize("written, recomputed, tolerance, ok", [
    (1.0, 1.5, 0.5, True), (1.0, 1.6, 0.5, False), (math.nan, math.nan, 0.0, True), (math.nan, 1.0, 9.0, False),
    (1.0, math.nan, 9.0, False), (math.inf, 1.0, math.inf, False), (1.0, math.inf, math.inf, False),
    (math.inf, -math.inf, math.inf, False), (-math.inf, math.inf, math.inf, False), (math.inf, math.inf, 0.0, False),
    (math.inf, math.nan, math.inf, False), (1.0, 2.0, math.nan, False),
])
def test_infinities_agree_with_nothing(written, recomputed, tolerance, ok):
    assert Check("toy", "row", "value", written, recomputed, tolerance).ok == ok


@pytest.mark.parametrize("text", ["inf", "-inf", "1e400", "Infinity", "1" * 400])
def test_a_written_infinity_is_refused_whatever_the_tolerance(toy, tmp_path, text):
    """10 % of infinity would accept every number."""
    runner.run(toy, "laptop", tmp_path)
    path = tmp_path / "toy.csv"
    path.write_text(path.read_text().replace(",4.0,", f",{text},", 1))
    with pytest.raises(BadInput, match="toy.csv line 4: value is '-?(inf|Infinity|1).*', not a finite number"):
        verify(replace(toy, metrics={"value": "10%"}), tmp_path, points=6)


def test_a_recomputed_infinity_fails(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)

    def infinite(points, scale):
        return [row | {"value": math.inf} for row in toy.compute(points, scale)]

    checks = verify(replace(toy, compute=infinite, metrics={"value": "10%"}), tmp_path, points=6)
    assert len(checks) == 12 and not any(check.ok for check in checks)
