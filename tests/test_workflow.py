"""Snakemake runs the same experiments in shards, and comes to the same rows."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from repro import paths, runner, store
from repro.errors import BadInput
from repro.experiments import experiment
from repro.workflow.collect import collect

PROFILE = "repro/workflow/profiles/local"


def snakemake(tmp_path, *args, chosen=("experiments=census",)):
    settings = ["scale=smoke", "shards=2", *chosen, f"results={tmp_path / 'results'}"]
    command = [sys.executable, "-m", "snakemake", "-s", "repro/workflow/Snakefile", "--workflow-profile", PROFILE,
               "--config", *settings, *args]
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return subprocess.run(command, cwd=paths.ROOT, text=True, capture_output=True,
                          env=os.environ | {"PATH": path, "PYTHONWARNINGS": "ignore", "XDG_CACHE_HOME": str(tmp_path)})


@pytest.fixture
def shards():
    """The folder of the shards, empty before and gone after."""
    folder = paths.BUILD / "shards" / "smoke" / "census"
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_shards_by_snakemake_equal_a_plain_run(tmp_path, shards):
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    spec = experiment("census")
    found = store.read(spec, tmp_path / "results")
    runner.run(spec, "smoke", tmp_path / "plain")
    expected = store.read(spec, tmp_path / "plain")
    columns = [*spec.keys, *spec.metrics, "n", "scale", "code"]
    assert found[columns].equals(expected[columns])
    again = snakemake(tmp_path, "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr

    # Flags are believed only while their rows are there: missing ones are computed again, and no others, as after a kill.
    store.write(spec, found[:0], tmp_path / "results")
    first = shards / "1-of-2"
    kept = store.read(spec, first)
    store.write(spec, kept[1:], first)
    assert snakemake(tmp_path).returncode == 0
    healed = store.read(spec, first)
    assert healed[columns].equals(kept[columns]) and healed[1:].equals(kept[1:])
    assert store.read(spec, tmp_path / "results")[columns].equals(found[columns])
    store.file(spec, tmp_path / "results").unlink()
    store.file(spec, first).unlink()
    planned = snakemake(tmp_path, "--dry-run")
    jobs = dict(line.split() for line in planned.stdout.splitlines() if re.fullmatch(r"\w+ +\d+", line))
    assert jobs == {"all": "1", "collect": "1", "shard": "1", "total": "3"}, planned.stdout + planned.stderr


def test_a_folder_without_rows_is_not_collected(toy, tmp_path, monkeypatch):
    monkeypatch.setattr("repro.workflow.collect.experiment", lambda name: toy)
    runner.run(toy, "laptop", tmp_path / "one")
    with pytest.raises(BadInput, match="two holds no rows of toy"):
        collect("toy", tmp_path / "all", [tmp_path / "one", tmp_path / "two"])


def test_benchmarks_are_left_to_a_quiet_machine(tmp_path):
    """Timed beside other jobs they would measure those."""
    planned = snakemake(tmp_path, "--dry-run", chosen=())
    assert planned.returncode == 0, planned.stderr[-2000:]
    text = planned.stdout + planned.stderr
    assert "/equality/" in text and "_speed" not in text
