"""Recompute rows and compare: does what is written down still come out?"""

import math
import random
from dataclasses import dataclass
from pathlib import Path

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

    @property
    def ok(self) -> bool:
        """Whether the two agree within the tolerance (equal infinities and two missing values agree)."""
        if self.written == self.recomputed or (math.isnan(self.written) and math.isnan(self.recomputed)):
            return True
        return abs(self.written - self.recomputed) <= self.tolerance


def verify(experiment: Experiment, folder: Path, points: int = 1, seed: int = 0) -> list[Check]:
    """Recompute the rows of `points` sampled grid points and compare every metric with what the folder holds.

    A row that is written but no longer comes out, or the reverse, is a failed check of the metric "row".
    Raises BadInput when the experiment's data are missing or its file is broken.
    """
    checks: list[Check] = []
    rows = store.read(experiment, folder)
    for scale in sorted(set(rows["scale"])):
        written = rows[rows["scale"] == scale]
        recorded = [point for point in experiment.grid(scale) if store.matches(written, point).any()]
        for point in random.Random(seed).sample(recorded, min(points, len(recorded))):
            mine = {_key(experiment, row): row for row in written[store.matches(written, point)].to_dict("records")}
            again = {_key(experiment, row): row for row in runner.rows_of(experiment, [point], scale)}
            for key in mine.keys() ^ again.keys():
                checks.append(Check(experiment.name, key, "row", float(key in mine), float(key in again), 0))
            for key in mine.keys() & again.keys():
                checks += [Check(experiment.name, key, metric, _number(mine[key][metric]), _number(again[key][metric]), tolerance)
                           for metric, tolerance in experiment.metrics.items()]
    return checks


def _key(experiment: Experiment, row: dict) -> str:
    return " ".join(f"{column}={row[column]}" for column in experiment.keys)


def _number(value) -> float:
    return math.nan if value in ("", None) else float(value)
