"""What the papers say beside what was measured here: claims with computed verdicts, and values.

Both lie in data/paper/: claims.yml (statements) and values.yml (numbers; an empty value was not read). Marks: V read in
the source, Q quoted by a third party who checked, S a third party's summary, C read in the authors' public code,
D derived by arithmetic.
"""

import csv
import importlib
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from repro import paths, runner, store
from repro.errors import BadInput
from repro.exhibits import Table, exhibit
from repro.experiments import experiment
from repro.experiments.verdict import Verdict

MARKS = {"V": "read in the source", "Q": "quoted by a third party who checked", "S": "a third party's summary",
         "C": "the authors' public code", "D": "derived by arithmetic"}
SIGNS = {"reproduced": "✔", "partly": "◐", "not reproduced": "✘", "not testable here": "–"}
NOT_READ = "not read; to be filled from the paper"


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
        rows = [store.load(experiment(name)) for name in self.experiments]
        module, function = self.check.split(":")
        return getattr(importlib.import_module(module), function)(*rows)


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
    items = []
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{path} cannot be read ({str(error).splitlines()[0]}): restore it with git") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"{path} is not a list of entries with fields: restore it with git")
    for entry in entries:
        label = f"{path} entry {entry.get('id', '?')!r}"
        if unknown := set(entry) - known:
            raise BadInput(f"{label}: unknown field {sorted(unknown)[0]!r}; known are {', '.join(sorted(known))}")
        if lacking := {"id", "paper", "where", "mark", "chapters"} - set(entry):
            raise BadInput(f"{label}: the field {sorted(lacking)[0]!r} is missing")
        if entry["mark"] not in MARKS:
            raise BadInput(f"{label}: the mark {entry['mark']!r} is none of {', '.join(MARKS)}")
        items.append(kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}))
    return items


def read_paper_values(path: Path) -> dict[str, float]:
    """A reader's own values from the papers: a CSV file with the columns id and value.

    Raises BadInput, naming the line, on an unknown id or a value that is no number.
    """
    known = {value.id for value in values()}
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}): give a CSV file, id,value") from None
    if not {"id", "value"} <= set(reader.fieldnames or ()):
        raise BadInput(f"{path} line 1: the columns id and value are needed")
    found = {}
    for number, line in enumerate(lines, start=2):
        if line["id"] not in known:
            raise BadInput(f"{path} line {number}: unknown id {line['id']!r}; known are {', '.join(sorted(known))}")
        number_given = pd.to_numeric(line["value"], errors="coerce")
        if not np.isfinite(number_given):
            raise BadInput(f"{path} line {number}: {line['value']!r} is not a number")
        found[line["id"]] = float(number_given)
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
