"""Recompute rows and compare: does what is written down still come out?"""

import math
import random
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from repro import runner, store
from repro.experiments.base import Experiment


@dataclass(frozen=True)
class Check:
    """One metric of one recomputed row."""

    experiment: str
    row: str
    metric: str
    written: float
    recomputed: float
    tolerance: float
    """Largest absolute difference that is accepted."""

    @property
    def ok(self) -> bool:
        """Whether the two agree within the tolerance. Two missing values agree; an infinity agrees with nothing: a share of it
        would be a tolerance that accepts every number.
        """
        if math.isnan(self.written) and math.isnan(self.recomputed):
            return True
        if not (math.isfinite(self.written) and math.isfinite(self.recomputed)):
            return False
        return abs(self.written - self.recomputed) <= self.tolerance


def verify(experiment: Experiment, folder: Path, points: int = 1, seed: int = 0) -> list[Check]:
    """Recompute the rows of `points` sampled grid points and compare every metric with what the folder holds.

    A row that is written but no longer comes out, the reverse, or a row that belongs to no point of the grid is a failed
    check of the metric "row".
    Raises BadInput when the experiment's data are missing or its file is broken.
    """
    checks: list[Check] = []
    rows = store.read(experiment, folder)
    for scale in sorted(set(rows["scale"])):
        written = rows[rows["scale"] == scale]
        grid = experiment.grid(scale)
        known = pd.concat([store.matches(written, point) for point in grid], axis=1).any(axis=1)
        checks += [Check(experiment.name, _key(experiment, row), "row", 1, 0, 0) for row in written[~known].to_dict("records")]
        recorded = [point for point in grid if store.matches(written, point).any()]
        for point in random.Random(seed).sample(recorded, min(points, len(recorded))):
            mine = {_key(experiment, row): row for row in written[store.matches(written, point)].to_dict("records")}
            again = {_key(experiment, row): row for row in runner.rows_of(experiment, [point], scale)}
            for key in mine.keys() ^ again.keys():
                checks.append(Check(experiment.name, key, "row", float(key in mine), float(key in again), 0))
            for key in mine.keys() & again.keys():
                checks += [_check(experiment, key, metric, mine[key], again[key]) for metric in experiment.metrics]
    return checks


def _check(experiment: Experiment, key: str, metric: str, mine: dict, again: dict) -> Check:
    written, recomputed, tolerance = _number(mine[metric]), _number(again[metric]), experiment.metrics[metric]
    if isinstance(tolerance, str):
        tolerance = float(tolerance.removesuffix("%")) / 100 * abs(written)
    return Check(experiment.name, key, metric, written, recomputed, tolerance)


def _key(experiment: Experiment, row: dict) -> str:
    return " ".join(f"{column}={row[column]}" for column in experiment.keys)


def _number(value) -> float:
    return math.nan if value in ("", None) else float(value)
