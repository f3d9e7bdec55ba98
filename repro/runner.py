"""Runs experiments: what is missing or stale, batch by batch, each batch on disk before the next begins."""

import datetime
import os
import platform
import time
from importlib import metadata
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from repro import store
from repro.datasets import fetch
from repro.digest import ENGINES, code_digest
from repro.errors import BadInput
from repro.experiments.base import SCALES, Experiment


def versions() -> str:
    """What computed a row: Python, the packages that matter, and the processor or GPU."""
    parts = [f"python {platform.python_version()}"]
    parts += [f"{name} {metadata.version(name)}" for name in ENGINES]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu {platform.machine()}"
    return "; ".join([*parts, device])


def grid(experiment: Experiment, scale: str) -> list[dict]:
    """The experiment's points at a scale. Raises BadInput for an unknown scale."""
    if scale not in SCALES:
        raise BadInput(f"unknown scale {scale!r}: choose one of {', '.join(SCALES)}")
    return experiment.grid(scale)


def missing(experiment: Experiment, scale: str, rows: pd.DataFrame) -> list[dict]:
    """The points of the grid that have no row among these, or rows of other code, in the grid's order.

    Raises BadInput for an unknown scale.
    """
    rows = rows[rows["scale"] == scale]

    points = grid(experiment, scale)
    owner = store.owners(rows, points)
    done = set(owner) - set(owner[stale(experiment, rows)])
    return [point for place, point in enumerate(points) if place not in done]


def unmet(experiment: Experiment) -> str:
    """Why the experiment cannot be computed here: one line with the way out, or nothing when it can."""
    lacking = [f"needs the data set {name}: run `repro fetch {name}`" for name in experiment.needs if not fetch.is_present(name)]
    return lacking[0] if lacking else experiment.lacks()


def todo(experiment: Experiment, scale: str, folder: Path, shard: tuple[int, int] = (1, 1)) -> list[dict]:
    """The points of a grid's `shard[0]`-th of `shard[1]` parts whose rows the folder lacks, or has of other code.

    Raises BadInput for an unknown scale, a shard that is none, or a broken file.
    """
    lacking = missing(experiment, scale, store.read(experiment, folder))
    mine = {tuple(point.items()) for point in _part(experiment, scale, shard)}
    return [point for point in lacking if tuple(point.items()) in mine]


def _part(experiment: Experiment, scale: str, shard: tuple[int, int]) -> list[dict]:
    if not 1 <= shard[0] <= shard[1]:
        raise BadInput(f"shard {shard[0]}/{shard[1]}: write I/N with 1 <= I <= N")
    return grid(experiment, scale)[shard[0] - 1::shard[1]]


def run(experiment: Experiment, scale: str, folder: Path, shard: tuple[int, int] = (1, 1), anew: bool = False) -> int:
    """Compute what is missing of the grid (of its `shard[0]`-th of `shard[1]` parts) into the folder; the number of points.

    `anew` computes all of it, whether it is there or not.

    Rows are written atomically after each batch: a kill loses at most the batch under way, and the next call goes on.
    Rows that no longer belong to the grid are left alone. Raises BadInput when a data set or a tool is not there.
    """
    if reason := unmet(experiment):
        raise BadInput(f"{experiment.name}: {reason}")
    part = _part(experiment, scale, shard)
    folder.mkdir(parents=True, exist_ok=True)  # before hours of work, not after
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{folder} cannot be written to: name another folder with --results")
    points = part if anew else todo(experiment, scale, folder, shard)
    with tqdm(total=len(points), desc=f"{experiment.name} ({scale})", unit="point", disable=not points) as bar:
        for start in range(0, len(points), experiment.batch):
            batch = points[start:start + experiment.batch]
            store.update(experiment, batch, rows_of(experiment, batch, scale), folder)
            bar.update(len(batch))
    return len(points)


def rows_of(experiment: Experiment, points: list[dict], scale: str) -> list[dict]:
    """Compute the points and add provenance. `seconds` is the batch's time divided by its number of rows."""
    start = time.perf_counter()
    rows = experiment.compute(points, scale)
    seconds = (time.perf_counter() - start) / max(len(rows), 1)
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    provenance = {"scale": scale, "seconds": round(seconds, 3), "code": code_digest(experiment),
                  "versions": versions(), "date": stamp}
    return [row | provenance for row in rows]


def stale(experiment: Experiment, rows: pd.DataFrame) -> pd.Series:
    """Which rows were computed by other code, or with other pinned versions, than today's."""
    return rows["code"] != code_digest(experiment)
