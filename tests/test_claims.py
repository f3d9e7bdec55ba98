"""Verdicts and values come from rows, never from a file."""

import pandas as pd
import pytest

from repro import claims
from repro.accumulators import paper_width
from repro.errors import BadInput
from repro.experiments import experiment
from repro.experiments.verdict import VERDICTS, Verdict, judge
from repro.formats import parse
from repro.paths import ROOT


def test_every_claim_of_both_papers_has_a_verdict_with_evidence():
    papers = {claim.paper for claim in claims.claims()}
    assert {"Shedding the Bits", "A2Q"} <= papers
    for claim in claims.claims():
        verdict = claim.verdict()
        assert verdict.verdict in VERDICTS and len(verdict.evidence) > 10, claim.id
        assert bool(claim.check) != bool(claim.untested), f"{claim.id}: a check, or the reason why there is none"
        assert bool(claim.untested) == (verdict.verdict == "not testable here"), verdict.evidence


def test_closed_forms_give_the_papers_widths():
    for value, name in (("width-e4m3", "E4M3"), ("width-int8", "INT8"), ("width-e5m2", "E5M2")):
        said = next(v.value for v in claims.values() if v.id == value)
        assert said == paper_width(parse(name), parse(name), 4608)


def test_rows_of_a_part_of_the_grid_decide_nothing(tmp_path, monkeypatch):
    """A shard or a killed run must not give a verdict."""
    monkeypatch.setattr("repro.paths.LIVE", tmp_path)
    monkeypatch.setattr("repro.paths.RECORDED", tmp_path)
    mac = experiment("mac")
    whole = pd.read_csv(ROOT / "data" / "results" / "mac.csv", dtype=str, keep_default_na=False)
    whole.iloc[:3].to_csv(tmp_path / "mac.csv", index=False)
    claim = next(claim for claim in claims.claims() if claim.id == "shedding-footprint")
    verdict = claim.verdict()
    assert verdict.verdict == "not testable here" and "47 of 50 points of mac are not computed" in verdict.evidence
    assert len(mac.grid("laptop")) == 50


def test_every_check_exists_and_takes_its_experiments_rows():
    checked = [item for item in (*claims.claims(), *claims.values()) if item.check]
    assert checked
    for item in checked:
        module, function = item.check.split(":")
        assert callable(getattr(__import__(module, fromlist=[function]), function)), item.id


def test_an_empty_value_is_never_a_number():
    empty = [value for value in claims.values() if value.value is None]
    assert empty, "the papers' tables were not read; their cells must stay empty"
    assert all(value.chapters for value in empty), "each is shown in some chapter"
    for chapter in sorted({chapter for value in empty for chapter in value.chapters}):
        frame = claims.side_by_side(chapter).frame
        for value in (value for value in empty if chapter in value.chapters):
            cell = frame.loc[frame["what"].str.contains(value.quantity, regex=False), "the paper"].item()
            assert cell.startswith(claims.NOT_READ)


@pytest.mark.parametrize("show", [claims.side_by_side, claims.verdicts], ids=lambda show: show.__name__)
def test_a_chapter_without_claims_is_named(show):
    with pytest.raises(BadInput, match="nothing of the papers belongs to a chapter 'mac'"):
        show("mac")


def test_claims_and_values_name_chapters_of_the_book():
    items = (*claims.claims(), *claims.values())
    assert items
    for item in items:
        for chapter in item.chapters:
            assert (ROOT / "book" / f"{chapter}.md").is_file(), f"{item.id}: there is no chapter {chapter}"


def test_no_mark_is_memory():
    assert {item.mark for item in (*claims.claims(), *claims.values())} <= set("VQSCD")


@pytest.mark.parametrize("entry, message", [
    ("- {id: x, paper: A2Q, where: y, mark: V, chapters: [], colour: red}", "unknown field 'colour'"),
    ("- {id: x, paper: A2Q, where: y, chapters: []}", "field 'mark' is missing"),
    ("- {id: x, paper: A2Q, where: y, mark: M, chapters: []}", "mark 'M'"),
    ("- {id: x, paper: A2Q, where: y, mark: [V], chapters: []}", "'x': the mark .* is not one of V, Q"),
    ("- {id: x, paper: A2Q, where: y, mark: V, chapters: mac}", "the chapters 'mac' is not a list of names"),
    ("- {id: x, paper: A2Q, where: y, mark: V, chapters: [1]}", "the chapters .* is not a list of names"),
    ("- {id: x, paper: 2023, where: y, mark: V, chapters: []}", "the paper 2023 is not a text"),
    ("- {id: 7, paper: A2Q, where: y, mark: V, chapters: []}", "entry 1: the id 7 is not a text"),
    ("- {id: x, paper: A2Q, where: y, mark: V, chapters: [], check: 'os:system'}", "the check 'os:system' is not repro"),
    ("- {id: x, paper: A2Q, where: y, mark: V, mark: Q, chapters: []}", "line 1 .*a field stands there twice"),
    ("- {id: x, paper: A2Q, where: y, mark: V, chapters: [], 1: a, b: c}", "unknown field '1'"),
    ("- &x {id: x, paper: A2Q, where: y, mark: V, chapters: []}\n- *x", "entry 'x': the id stands there twice"),
    ("- {id: x\n- [", "claims.yml line 2 cannot be read"),
    ("- 2001-99-99", "cannot be read .month must be in"), ("- !!int ''", "cannot be read .string index out of range"),
    ("- !!bool maybe", "cannot be read .'maybe'"), ("- ? [a]\n  : b", "line 1 cannot be read"),
    ("[" * 2000, "nested more than 20 deep"), ("- " * 2000, "maximum recursion depth"), ("x: y", "is not a list of entries"),
    ("- \x00", "special characters are not allowed"), ("", "is not a list of entries"),
])
def test_a_wrong_entry_is_named(tmp_path, monkeypatch, entry, message):
    (tmp_path / "claims.yml").write_text(entry)
    monkeypatch.setattr("repro.paths.PAPER", tmp_path)
    claims.claims.cache_clear()
    try:
        with pytest.raises(BadInput, match=message) as caught:
            claims.claims()
        assert str(caught.value).isprintable()
    finally:
        claims.claims.cache_clear()


@pytest.mark.parametrize("value", [".inf", ".nan", "'7'", "true", "[7]", "1" + "0" * 400])
def test_a_value_is_a_finite_number_or_empty(tmp_path, monkeypatch, value):
    (tmp_path / "values.yml").write_text(f"- {{id: x, paper: A2Q, where: y, mark: V, chapters: [], value: {value}}}")
    monkeypatch.setattr("repro.paths.PAPER", tmp_path)
    claims.values.cache_clear()
    try:
        with pytest.raises(BadInput, match="'x': the value .* is not a finite number or empty"):
            claims.values()
    finally:
        claims.values.cache_clear()


@pytest.mark.parametrize("check", ["repro.experiments.nothing:here", "repro.experiments.mac:nothing"])
def test_a_check_that_is_not_there_is_named(check):
    with pytest.raises(BadInput, match="the check of x is not there .*nothing"):
        claims.Claim("x", "A2Q", "y", "V", (), check=check).verdict()


def test_a_readers_values(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_bytes(b"\xef\xbb\xbfvalue,note,id\r\n 77 ,\"a, b\",lut-int8\r\n\r\n6.5e1,,lut-e4m3\r\n")
    assert claims.read_paper_values(file) == {"lut-int8": 77, "lut-e4m3": 65}


@pytest.mark.parametrize("text, message", [
    ("id,value\nlut-int8,0,5\n", "line 2: 3 cells where 2 are expected"),  # not 0
    ("id,value\nlut-int8\n", "line 2: 1 cells where 2"),
    ("id,value\nlut-int8,1\n\nlut-int8,2\n", "line 4: the id lut-int8 stands there twice"),
    ("id,value,value\nlut-int8,1,2\n", "line 1: .*once each"), ("", "line 1: the columns id and value"),
    *((f"id,value\nlut-int8,{wrong}\n", "line 2: .* is not a number")
      for wrong in ("", "1_0", "0x10", "True", "nan", "inf", "1e400", "\u0663", "1 2", "9" * 5000)),
    ('id,value\n"lut-int8,1\n', "cannot be read .unexpected end of data"), ("id,value\na\n\x1b[31m,1\n", "line 2: 1 cells"),
])
def test_a_readers_wrong_values_are_named(tmp_path, text, message):
    file = tmp_path / "a\nb.csv"
    file.write_text(text)
    with pytest.raises(BadInput, match=message) as caught:
        claims.read_paper_values(file)
    assert str(caught.value).isprintable() and r"a\nb.csv" in str(caught.value)


def test_a_verdict_is_one_of_four_and_judged_in_order():
    assert [judge(*facts, "because").verdict for facts in ((True, True), (False, True), (False, False))] == [
        "reproduced", "partly", "not reproduced"]
    with pytest.raises(ValueError, match="'maybe' is no verdict"):
        Verdict("maybe", "")


def test_a_check_follows_the_rows():
    """The same claim, other rows, another verdict."""
    from repro.experiments.top1 import minifloat_wins_from_four_bits

    def rows(integer, minifloat):
        return pd.DataFrame({"network": "net", "format": ["float", "INT8", "E4M3"], "activations": ["float", "signed", "signed"],
                             "top1": [90.0, integer, minifloat]})

    assert minifloat_wins_from_four_bits(rows(80, 85)).verdict == "reproduced"
    assert minifloat_wins_from_four_bits(rows(85, 80)).verdict == "not reproduced"


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("given, said", [("lut-int8,77", None), ("lut-int8,1e400", "'1e400' is not a number"),
                                         ("lut-int8,inf", "'inf' is not a number"), ("lut-int8", "1 cells where 2 are expected"), ("lut-int8,", "'' is not a number")])
def test_a_readers_values_are_finite_and_may_come_from_a_spreadsheet(tmp_path, start, given, said):
    path = tmp_path / "mine.csv"
    path.write_text(f"{start}id,value\n{given}\n", encoding="utf-8")
    if said is None:
        assert claims.read_paper_values(path) == {"lut-int8": 77.0}
    else:
        with pytest.raises(BadInput, match=f"mine.csv line 2: {said}"):
            claims.read_paper_values(path)
