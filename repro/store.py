"""Rows on disk: one sorted CSV per experiment, written atomically, read strictly."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from repro import csvfile, paths
from repro.atomic import alone_with, replacing
from repro.digest import code_digest
from repro.errors import BadInput
from repro.experiments.base import SCALES, Experiment


def load(experiment: Experiment, scale: str = "laptop") -> pd.DataFrame:
    """The rows of a scale to show, each key once: rows of today's code before stale ones, then those computed on this
    machine (`origin` "live") before recorded ones. Raises BadInput on a broken file.
    """
    frames = [read(experiment, folder).assign(origin=origin)
              for folder, origin in ((paths.LIVE, "live"), (paths.RECORDED, "recorded"))]
    rows = pd.concat([f for f in frames if not f.empty] or frames[:1], ignore_index=True)
    rows = rows[rows["scale"] == scale]
    fresh_first = rows.iloc[(rows["code"] != code_digest(experiment)).argsort(kind="stable")]
    return _sorted(experiment, fresh_first.drop_duplicates(list(experiment.keys)))


def file(experiment: Experiment, folder: Path) -> Path:
    """Where the experiment's rows lie in a results folder."""
    return Path(folder) / f"{experiment.name}.csv"


def read(experiment: Experiment, folder: Path) -> pd.DataFrame:
    """The rows in one results folder; an empty frame when there is no file.

    Raises BadInput, naming file and line, when the header or a line is not as the experiment declares. Numbers are finite or
    missing.
    """
    path = file(experiment, folder)
    if not path.exists():
        return pd.DataFrame(columns=list(experiment.columns))
    remedy = f"restore it with git, or delete it and run `repro run {experiment.name}`"
    frame = csvfile.read(path, experiment.columns, (*experiment.metrics, "n", "seconds"), remedy)
    for number, scale in enumerate(frame["scale"], start=2):
        if scale not in SCALES:
            raise BadInput(f"{path} line {number}: unknown scale {scale!r}: {remedy}")
    doubled = frame.duplicated([*experiment.keys, "scale"])
    if doubled.any():
        raise BadInput(f"{path} line {int(doubled.idxmax()) + 2}: this row stands there twice: {remedy}")
    for column in experiment.keys:
        numbers = pd.to_numeric(frame[column], errors="coerce")
        if len(frame) and np.isfinite(numbers).all():
            frame[column] = numbers
    return frame


def write(experiment: Experiment, rows: pd.DataFrame, folder: Path) -> None:
    """Replace the experiment's file by these rows, sorted by key: either the whole file changes or nothing does."""
    text = _sorted(experiment, rows)[list(experiment.columns)].to_csv(index=False, lineterminator="\n")
    with replacing(file(experiment, folder)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def update(experiment: Experiment, points: list[dict], rows: list[dict], folder: Path) -> None:
    """Put the rows of these points in place of whatever the file held for them; safe among several processes.

    Raises BadInput when a row holds an infinity, which `read` would refuse, or when the file is broken; nothing is written.
    """
    for row in rows:
        for metric in experiment.metrics:
            if row.get(metric) in (math.inf, -math.inf):
                named = " ".join(f"{key}={row[key]}" for key in experiment.keys)
                raise BadInput(f"{experiment.name}: {metric} of {named} came out as {row[metric]}: rows hold finite numbers, "
                               "so correct what computes it")
    with alone_with(file(experiment, folder)):
        old = read(experiment, folder)
        scales = {row["scale"] for row in rows}
        replaced = old["scale"].isin(scales) & (owners(old, points) >= 0)
        new = pd.DataFrame(rows, columns=list(experiment.columns))
        kept = old[~replaced]
        write(experiment, pd.concat([kept, new], ignore_index=True) if len(kept) else new, folder)


def matches(rows: pd.DataFrame, point: dict) -> pd.Series:
    """Which rows belong to a grid point (compared as text, as the file holds them)."""
    same = pd.Series(True, index=rows.index)
    for column, value in point.items():
        same &= rows[column].astype(str) == str(value)
    return same


def owners(rows: pd.DataFrame, points: list[dict]) -> pd.Series:
    """For each row the place, in the list, of the point that it belongs to; -1 for none. Quick for thousands of both."""
    found = pd.Series(-1, index=rows.index)
    by_columns: dict[tuple, dict[tuple, int]] = {}
    for place, point in enumerate(points):
        by_columns.setdefault(tuple(point), {})[tuple(map(str, point.values()))] = place
    for columns, places in by_columns.items():
        texts = zip(*(rows[column].astype(str) for column in columns))
        mine = pd.Series([places.get(text, -1) for text in texts], index=rows.index, dtype=int)
        found = found.where(mine < 0, mine)
    return found


def _sorted(experiment: Experiment, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values([*experiment.keys, "scale"], kind="stable", ignore_index=True)
