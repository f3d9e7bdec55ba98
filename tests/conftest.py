"""Shared by all tests: a toy experiment, and the command line as a reader calls it."""

import subprocess
import sys

import pytest

from repro import paths
from repro.experiments.base import Experiment


def toy_grid(scale: str) -> list[dict]:
    return [{"name": name, "power": power} for name in ("odd", "even") for power in (1, 2, 3)]


def toy_compute(points: list[dict], scale: str) -> list[dict]:
    """Two rows a point, as experiments with several layers have."""
    return [point | {"layer": layer, "value": 2.0 ** point["power"] + layer, "n": 1, "seed": ""}
            for point in points for layer in (0, 1)]


@pytest.fixture
def toy() -> Experiment:
    return Experiment(name="toy", title="Powers", keys=("name", "power", "layer"), metrics={"value": 0.1}, grid=toy_grid,
                      compute=toy_compute, module="repro.experiments.ptq_points", batch=2)


@pytest.fixture
def repro():
    """Call `repro ARGS` in a process of its own; returns the completed process."""
    def call(*args, **environment):
        import os

        return subprocess.run([sys.executable, "-m", "repro.cli", *map(str, args)], cwd=paths.ROOT, text=True,
                              capture_output=True, env=os.environ | {"PYTHONWARNINGS": "ignore"} | environment)

    return call
