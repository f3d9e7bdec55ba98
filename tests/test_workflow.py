"""Snakemake runs the same experiments in shards, and comes to the same rows."""

import os
import subprocess
import sys

import pytest

from repro import paths, runner, store
from repro.experiments import experiment

PROFILE = "repro/workflow/profiles/local"


def snakemake(tmp_path, *args, chosen=("experiments=mac",)):
    settings = ["scale=smoke", "shards=2", *chosen, f"results={tmp_path / 'results'}"]
    command = [sys.executable, "-m", "snakemake", "-s", "repro/workflow/Snakefile", "--workflow-profile", PROFILE,
               "--config", *settings, *args]
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return subprocess.run(command, cwd=paths.ROOT, text=True, capture_output=True,
                          env=os.environ | {"PATH": path, "PYTHONWARNINGS": "ignore", "XDG_CACHE_HOME": str(tmp_path)})


@pytest.fixture
def no_shards_yet():
    import shutil

    shards = paths.BUILD / "shards" / "smoke" / "mac"
    shutil.rmtree(shards, ignore_errors=True)
    yield
    shutil.rmtree(shards, ignore_errors=True)


def test_shards_by_snakemake_equal_a_plain_run(tmp_path, no_shards_yet):
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    spec = experiment("mac")
    found = store.read(spec, tmp_path / "results")
    runner.run(spec, "smoke", tmp_path / "plain")
    expected = store.read(spec, tmp_path / "plain")
    columns = [*spec.keys, *spec.metrics, "n", "scale", "code"]
    assert found[columns].equals(expected[columns])
    again = snakemake(tmp_path, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_benchmarks_are_left_to_a_quiet_machine(tmp_path):
    """Timed beside other jobs they would measure those."""
    planned = snakemake(tmp_path, "--dry-run", chosen=())
    assert planned.returncode == 0, planned.stderr[-2000:]
    text = planned.stdout + planned.stderr
    assert "/equality/" in text and "_speed" not in text
