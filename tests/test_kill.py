"""Kill a run at any moment: no row is lost or doubled, and the next run goes on."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from repro import paths, runner, store
from repro.cli import main

SCRIPT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import conftest
from repro import runner
from repro.experiments.base import Experiment

def grid(scale):
    return [{{"name": "x", "power": power}} for power in range(40)]

def compute(points, scale):
    time.sleep(0.02)
    return conftest.toy_compute(points, scale)

spec = Experiment(name="toy", title="", keys=("name", "power", "layer"), metrics={{"value": 0.1}}, grid=grid, compute=compute,
                  module="repro.experiments.ptq_points", batch=1)
if __name__ == "__main__":
    print("ready", flush=True)
    print(runner.run(spec, "laptop", Path({folder!r})), flush=True)
"""


def test_killed_runs_lose_nothing_and_double_nothing(toy, tmp_path):
    script = tmp_path / "script.py"
    folder = tmp_path / "results"
    script.write_text(SCRIPT.format(tests=str(paths.ROOT / "tests"), folder=str(folder)))
    moments = random.Random(0)
    kept, kills = 0, 0
    while kills < 4:
        process = subprocess.Popen([sys.executable, script], cwd=paths.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.readline()
        time.sleep(moments.uniform(0.05, 0.35))
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        rows = store.read(toy, folder)
        assert not rows.duplicated(["name", "power", "layer"]).any()
        assert (rows.groupby("power").size() == 2).all()  # a point's rows come together or not at all
        assert len(rows) >= kept
        kept = len(rows)
    assert 0 < kept < 80, "the kills came in the middle of the work"
    done = subprocess.run([sys.executable, script], cwd=paths.ROOT, capture_output=True, text=True)
    assert int(done.stdout.split()[-1]) == 40 - kept // 2  # went on where it was
    rows = store.read(toy, folder)
    assert len(rows) == 80 and not rows.duplicated(["name", "power", "layer"]).any()
    assert (rows["value"] == 2.0 ** rows["power"] + rows["layer"]).all()


def test_two_runs_at_once_share_one_file(toy, tmp_path):
    folder = tmp_path / "results"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(paths.ROOT / "tests"), folder=str(folder)))
    both = [subprocess.Popen([sys.executable, script], cwd=paths.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    rows = store.read(toy, folder)
    assert len(rows) == 80 and not rows.duplicated(["name", "power", "layer"]).any()
    assert runner.versions() in set(rows["versions"])


def test_the_command_line_runs_in_any_thread(capsys):
    """Python lets only the main thread choose what a signal does."""
    with ThreadPoolExecutor(1) as other:
        other.submit(main, ["format", "E2M1"]).result()
        with pytest.raises(SystemExit) as caught:
            other.submit(main, ["format", "FP8"]).result()
    printed = capsys.readouterr()
    assert printed.out.startswith("E2M1: minifloat, 4 bits")
    assert caught.value.code == 2 and "unknown format 'FP8'" in printed.err
