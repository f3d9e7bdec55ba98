"""Rows on disk: sorted, atomic, strict."""

import math
import re
from dataclasses import replace

import pytest

from repro import paths, runner, store


def test_a_run_writes_every_row_once_sorted_and_a_second_run_changes_nothing(toy, tmp_path):
    assert runner.run(toy, "laptop", tmp_path) == 6
    text = (tmp_path / "toy.csv").read_text()
    lines = text.splitlines()
    assert lines[0].split(",") == list(toy.columns)
    assert len(lines) == 1 + 12 and lines[1:] == sorted(lines[1:])
    assert runner.run(toy, "laptop", tmp_path) == 0
    assert (tmp_path / "toy.csv").read_text() == text
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == ["toy.csv"]


def test_shards_together_are_the_whole(toy, tmp_path):
    done = [runner.run(toy, "laptop", tmp_path, (part, 4)) for part in (1, 2, 3, 4)]
    assert sum(done) == 6 and store.read(toy, tmp_path).shape[0] == 12


def test_rows_of_other_code_are_computed_again_and_replaced(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)
    path = tmp_path / "toy.csv"
    digest = store.read(toy, tmp_path)["code"][0]
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace(digest, "old")
    path.write_text("\n".join(lines) + "\n")
    assert store.read(toy, tmp_path)["code"].tolist().count("old") == 1
    assert runner.run(toy, "laptop", tmp_path) == 1
    rows = store.read(toy, tmp_path)
    assert len(rows) == 12 and set(rows["code"]) == {digest}


def test_both_scales_live_side_by_side(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path)
    runner.run(toy, "smoke", tmp_path)
    assert store.read(toy, tmp_path)["scale"].value_counts().to_dict() == {"laptop": 12, "smoke": 12}


def test_live_rows_come_before_recorded_ones(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RECORDED", tmp_path / "recorded")
    monkeypatch.setattr(paths, "LIVE", tmp_path / "live")
    assert store.load(toy).empty
    runner.run(toy, "laptop", paths.RECORDED)
    runner.run(toy, "laptop", paths.LIVE, (1, 3))
    assert store.load(toy)["origin"].value_counts().to_dict() == {"recorded": 8, "live": 4}


@pytest.mark.parametrize("damage, expected", [
    (lambda text: text.replace("odd,2", "odd,2,2", 1), "toy.csv line 10: 12 cells where 11 are expected"),
    (lambda text: text.replace(",4.0,", ",four,", 1), "toy.csv line 4: value is 'four', not a number"),
    (lambda text: text.replace(",4.0,", ",1e400,", 1), "toy.csv line 4: value is '1e400', not a finite number"),
    (lambda text: text.replace(",4.0,", ",-inf,", 1), "toy.csv line 4: value is '-inf', not a finite number"),
    (lambda text: re.sub(",laptop,[0-9.]+,", ",laptop,inf,", text, count=1), "toy.csv line 2: seconds is 'inf', not a finite"),
    (lambda text: text[: len(text) - 40], "toy.csv line 13: "),
    (lambda text: text[: len(text) - 5], "toy.csv line 13: the file ends in the middle of this line"),
    (lambda text: text.replace("layer", "leyer", 1), "toy.csv line 1: expected the columns name,power,layer"),
    (lambda text: text + text.splitlines()[-1] + "\n", "toy.csv line 14: this row stands there twice"),
    (lambda text: text.replace(",laptop,", ",bogus,", 1), "toy.csv line 2: unknown scale 'bogus'"),
    (lambda text: "", "toy.csv line 1"),
    (lambda text: text + '"', "toy.csv"),
])
def test_a_broken_file_is_named_with_its_line_and_left_as_it_is(toy, tmp_path, damage, expected):
    runner.run(toy, "laptop", tmp_path)
    path = tmp_path / "toy.csv"
    path.write_text(damage(path.read_text()))
    before = path.read_text()
    for use in (lambda: store.read(toy, tmp_path), lambda: runner.run(toy, "laptop", tmp_path)):
        with pytest.raises(ValueError) as caught:
            use()
        assert expected in str(caught.value) and "repro run toy" in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_text() == before


def test_stale_live_rows_give_way_to_fresh_recorded_ones(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RECORDED", tmp_path / "recorded")
    monkeypatch.setattr(paths, "LIVE", tmp_path / "live")
    for folder in (paths.RECORDED, paths.LIVE):
        runner.run(toy, "laptop", folder)
    live = paths.LIVE / "toy.csv"
    live.write_text(live.read_text().replace(store.read(toy, paths.LIVE)["code"][0], "old"))
    assert set(store.load(toy)["origin"]) == {"recorded"}


def test_temporary_files_of_killed_runs_are_removed(toy, tmp_path):
    (tmp_path / ".toy.csv.abcd1234").write_text("half a file")
    runner.run(toy, "laptop", tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".toy.csv.lock", "toy.csv"]


def test_a_folder_in_the_place_of_a_file_is_named(toy, tmp_path):
    (tmp_path / "toy.csv").mkdir()
    with pytest.raises(ValueError, match="toy.csv is not a file"):
        runner.run(toy, "laptop", tmp_path)


def test_a_failed_write_leaves_the_old_file(toy, tmp_path, monkeypatch):
    runner.run(toy, "laptop", tmp_path, (1, 2))
    before = (tmp_path / "toy.csv").read_text()
    monkeypatch.setattr("repro.atomic.os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        runner.run(toy, "laptop", tmp_path)
    assert (tmp_path / "toy.csv").read_text() == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".toy.csv.") and not p.name.endswith("lock")]


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n"),
                                    lambda text: "\ufeff" + text.replace("\n", "\r\n")], ids=["mark", "CRLF", "both"])
def test_files_that_a_spreadsheet_saved_are_read(toy, tmp_path, change):
    runner.run(toy, "laptop", tmp_path)
    rows, path = store.read(toy, tmp_path), tmp_path / "toy.csv"
    path.write_bytes(change(path.read_text()).encode())
    assert store.read(toy, tmp_path).equals(rows)
    assert runner.run(toy, "laptop", tmp_path) == 0


def test_a_computed_infinity_is_named_and_not_written(toy, tmp_path):
    runner.run(toy, "laptop", tmp_path, (1, 2))
    before = (tmp_path / "toy.csv").read_text()
    wrong = replace(toy, compute=lambda points, scale: [row | {"value": -math.inf} for row in toy.compute(points, scale)])
    with pytest.raises(ValueError, match="toy: value of name=.* power=. layer=0 came out as -inf"):
        runner.run(wrong, "laptop", tmp_path, anew=True)
    assert (tmp_path / "toy.csv").read_text() == before


def test_a_link_to_the_rows_stays_a_link(toy, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "toy.csv").symlink_to(tmp_path / "there" / "toy.csv")
    runner.run(toy, "laptop", tmp_path / "here", (1, 2))
    runner.run(toy, "laptop", tmp_path / "there")
    assert (tmp_path / "here" / "toy.csv").is_symlink() and len(store.read(toy, tmp_path / "here")) == 12
    assert sorted(p.name for p in (tmp_path / "there").iterdir()) == [".toy.csv.lock", "toy.csv"]


def test_what_is_left_to_do_shrinks_with_the_rows(toy, tmp_path):
    assert len(runner.todo(toy, "laptop", tmp_path)) == 6
    runner.run(toy, "laptop", tmp_path, (1, 2))
    assert runner.todo(toy, "laptop", tmp_path, (1, 2)) == []
    others = runner.grid(toy, "laptop")[1::2]
    assert runner.todo(toy, "laptop", tmp_path) == runner.todo(toy, "laptop", tmp_path, (2, 2)) == others


def test_wrong_scale_and_shard_are_one_line(toy, tmp_path):
    with pytest.raises(ValueError, match="unknown scale 'huge'"):
        runner.run(toy, "huge", tmp_path)
    with pytest.raises(ValueError, match="shard 5/4"):
        runner.run(toy, "laptop", tmp_path, (5, 4))
    assert not list(tmp_path.iterdir())
