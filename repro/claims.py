"""What the papers say beside what was measured here: claims with computed verdicts, and values.

Both lie in data/paper/: claims.yml (statements) and values.yml (numbers; an empty value was not read). Marks: V read in
the source, Q quoted by a third party who checked, S a third party's summary, C read in the authors' public code,
D derived by arithmetic.
"""

import csv
import importlib
import math
import re
import reprlib
import sys
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import pandas as pd

from repro import paper, paths, runner, store
from repro.errors import BadInput
from repro.exhibits import Table, exhibit
from repro.experiments import experiment
from repro.experiments.verdict import Verdict

MARKS = {"V": "read in the source", "Q": "quoted by a third party who checked", "S": "a third party's summary",
         "C": "the authors' public code", "D": "derived by arithmetic"}
SIGNS = {"reproduced": "✔", "partly": "◐", "not reproduced": "✘", "not testable here": "–"}
NOT_READ = "not read; to be filled from the paper"
_CHECK = re.compile(r"(repro\.experiments\.\w+):([a-z]\w*)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """What claims and values share: where the paper says it, and which function of which rows answers it."""

    id: str
    paper: str
    where: str
    mark: str
    chapters: tuple[str, ...]
    experiments: tuple[str, ...] = ()
    check: str | None = None
    """"module:function"; it takes the rows of each experiment in turn. None: nothing here measures it."""

    def _lacking(self) -> str:
        """Why the rows do not suffice, or nothing: a check sees whole grids only."""
        for name in self.experiments:
            spec = experiment(name)
            grid, rows = runner.grid(spec, "laptop"), store.load(spec)
            absent = len(grid) - len(set(store.owners(rows, grid)) - {-1})
            if absent:
                return f"{absent} of {len(grid)} points of {name} are not computed: run `repro run {name}`"
        return ""

    def _measure(self):
        """What the check returns; None when there is no check or rows are lacking."""
        if self.check is None or self._lacking():
            return None
        module, function = _CHECK.fullmatch(self.check).groups()
        try:
            check = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise BadInput(f"the check of {self.id} is not there ({error}): correct it in data/paper") from None
        return check(*(store.load(experiment(name)) for name in self.experiments))


@dataclass(frozen=True)
class Claim(Item):
    """A statement of a paper, in our words."""

    statement: str = ""
    untested: str = ""
    """Why nothing here can decide it, for a claim without a check."""

    def verdict(self) -> Verdict:
        """The verdict, computed now from the rows."""
        found = self._measure()
        if found is None:
            return Verdict("not testable here", self.untested or self._lacking())
        stale = [name for name in self.experiments if runner.stale(experiment(name), store.load(experiment(name))).any()]
        return replace(found, evidence=f"{found.evidence} (Computed by older code: {', '.join(stale)}.)") if stale else found


@dataclass(frozen=True)
class Value(Item):
    """A number in a paper (None: not read), with the quantity's name and unit."""

    quantity: str = ""
    unit: str = ""
    value: float | None = None
    note: str = ""

    def here(self) -> float | None:
        """The same quantity as measured or derived here, or None."""
        return self._measure()


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of data/paper/claims.yml. Raises BadInput on an entry with unknown or missing fields."""
    return tuple(_load("claims.yml", Claim))


@cache
def values() -> tuple[Value, ...]:
    """All values, in the order of data/paper/values.yml. Raises BadInput on an entry with unknown or missing fields."""
    return tuple(_load("values.yml", Value))


def _load(name: str, kind: type) -> list:
    path = paths.PAPER / name
    known = {field.name for field in fields(kind)}
    entries = paper.read(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"{path} is not a list of entries with fields: restore it with git")
    items = {}
    for number, entry in enumerate(entries, start=1):
        label = f"{path} entry {entry['id']!r}" if isinstance(entry.get("id"), str) else f"{path} entry {number}"
        if unknown := set(map(str, entry)) - known:
            raise BadInput(f"{label}: unknown field {min(unknown)!r}; known are {', '.join(sorted(known))}")
        if lacking := {"id", "paper", "where", "mark", "chapters"} - set(entry):
            raise BadInput(f"{label}: the field {min(lacking)!r} is missing")
        for field, content in entry.items():
            wanted, fits = _FIELDS.get(field, _TEXT)
            if not fits(content):
                raise BadInput(f"{label}: the {field} {reprlib.repr(content)} is not {wanted}")
        if entry["id"] in items:
            raise BadInput(f"{label}: the id stands there twice")
        items[entry["id"]] = kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()})
    return list(items.values())


def _texts(content) -> bool:
    return isinstance(content, list) and all(isinstance(item, str) for item in content)


_TEXT = ("a text", lambda content: isinstance(content, str))
_FIELDS = {
    "mark": (f"one of {', '.join(MARKS)}", lambda content: isinstance(content, str) and content in MARKS),
    "chapters": ("a list of names", _texts),
    "experiments": ("a list of names", _texts),
    "check": ("repro.experiments.module:function", lambda content: isinstance(content, str) and _CHECK.fullmatch(content)),
    "value": ("a finite number or empty",
              lambda content: content is None or type(content) in (int, float) and abs(content) <= sys.float_info.max),
}
"""Field -> what it holds, and the test for that; all others are texts."""


def read_paper_values(path: Path) -> dict[str, float]:
    """A reader's own values from the papers: a CSV file with the columns id and value; further columns do not count.

    Raises BadInput, naming the line, on an unknown or repeated id, a value that is no finite number, or a cell too many (as
    in 0,5 for 0.5) or too few.
    """
    known = {value.id for value in values()}
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, line) for line in reader if line]
    except (OSError, ValueError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}): give a CSV file, id,value") from None
    header = lines[0][1] if lines else []
    if header.count("id") != 1 or header.count("value") != 1:
        raise BadInput(f"{path} line 1: the columns id and value are needed, once each")
    found = {}
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise BadInput(f"{path} line {number}: {len(line)} cells where {len(header)} are expected")
        name, given = line[header.index("id")], line[header.index("value")].strip()
        if name not in known:
            raise BadInput(f"{path} line {number}: unknown id {name!r}; known are {', '.join(sorted(known))}")
        if name in found:
            raise BadInput(f"{path} line {number}: the id {name} stands there twice")
        if not _NUMBER.fullmatch(given) or not math.isfinite(float(given)):
            raise BadInput(f"{path} line {number}: {given!r} is not a number")
        found[name] = float(given)
    return found


@exhibit
def verdicts(chapter: str | None = None) -> Table:
    """Every claim (of a chapter, or all) with its verdict and the evidence."""
    chosen = [claim for claim in claims() if chapter is None or chapter in claim.chapters]
    _require(chosen, chapter)
    found = [claim.verdict() for claim in chosen]
    frame = pd.DataFrame({
        "paper": [claim.paper for claim in chosen],
        "the paper says": [f"{claim.statement} ({claim.where}; {claim.mark})" for claim in chosen],
        "here": [f"{SIGNS[verdict.verdict]} {verdict.verdict}" for verdict in found],
        "because": [verdict.evidence for verdict in found],
    })
    return Table("Claims of the papers, in our words, and verdicts computed from the rows of this book. Marks: "
                 + "; ".join(f"{mark}, {meaning}" for mark, meaning in MARKS.items()) + ".",
                 rows=_all_rows(chosen), frame=frame)


@exhibit
def side_by_side(chapter: str) -> Table:
    """Claims and values of one chapter: the paper beside this book."""
    claimed = [claim for claim in claims() if chapter in claim.chapters]
    valued = [value for value in values() if chapter in value.chapters]
    _require([*claimed, *valued], chapter)
    records = []
    for claim in claimed:
        verdict = claim.verdict()
        records.append((f"{claim.paper}: {claim.statement}", f"{claim.where}; {claim.mark}", verdict.evidence,
                        f"{SIGNS[verdict.verdict]} {verdict.verdict}"))
    for value in valued:
        said = NOT_READ if value.value is None else f"{value.value:g} {value.unit}".strip()
        here = value.here()
        records.append((f"{value.paper}: {value.quantity}", f"{said} ({value.where}; {value.mark})",
                        "not measured here" if here is None else f"{here:g} {value.unit}".strip(),
                        "; ".join(text for text in (_difference(value.value, here), value.note) if text)))
    frame = pd.DataFrame(records, columns=["what", "the paper", "here", "verdict or difference"])
    return Table("The paper and this page. Marks say how the paper's side is known: "
                 + "; ".join(f"{mark}, {meaning}" for mark, meaning in MARKS.items()) + ".",
                 rows=_all_rows([*claimed, *valued]), frame=frame)


def _require(items: list, chapter: str | None) -> None:
    """Raises BadInput where there is nothing to show: the chapter was renamed, perhaps."""
    if not items:
        raise BadInput(f"nothing of the papers belongs to a chapter {chapter!r}: see `chapters` in data/paper/claims.yml "
                       "and values.yml")


def _difference(said: float | None, here: float | None) -> str:
    if said is None or here is None:
        return ""
    return "equal" if said == here else f"{here - said:+g}"


def _all_rows(items: list) -> pd.DataFrame | None:
    names = sorted({name for item in items for name in item.experiments})
    frames = [frame for name in names if not (frame := store.load(experiment(name))).empty]
    return pd.concat(frames) if frames else None
