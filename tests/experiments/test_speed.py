"""The benchmarks: every contender does the same work, and times are never mistaken for results."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

from repro import runner, store
from repro.cli import main
from repro.experiments import NAMES, bit_tricks, experiment, fakequant_speed, network_speed, timing
from repro.fakequant import fake_quantize
from repro.formats import Minifloat, catalogue, parse


def test_in_turns_measures_each_contender_and_interleaves():
    order: list[str] = []
    found = timing.in_turns({"quick": lambda: order.append("quick"), "slow": lambda: (order.append("slow"), time.sleep(0.004))},
                            budget=0.02)
    rounds = [tuple(order[i:i + 2]) for i in range(2, 2 * timing.MINIMUM, 2)]  # after the two calls that warm up
    assert {frozenset(pair) for pair in rounds} == {frozenset(("quick", "slow"))} and len(set(rounds)) == 2
    assert found["slow"]["median_s"] >= 0.004 > found["quick"]["median_s"]
    for times in found.values():
        assert times["low_s"] <= times["median_s"] <= times["high_s"]
    assert timing.MINIMUM <= found["slow"]["n"] < found["quick"]["n"] == timing.MAXIMUM


@pytest.mark.parametrize("name", fakequant_speed.FORMATS)
def test_contenders_round_alike(name):
    """What is timed side by side gives the same numbers (gfloat and ml_dtypes in OCP's flavour, so inside its range)."""
    fmt = parse(name)
    x = torch.randn(3000, generator=torch.Generator().manual_seed(2)).clamp(-3, 3) * (1 if fmt.bits == 8 else 0.01)
    ours = fake_quantize(x, fmt, fakequant_speed.SCALE)
    assert torch.allclose(fakequant_speed.log2_version(x, fmt, fakequant_speed.SCALE), ours, rtol=1e-6)
    calls = fakequant_speed._contenders(x, fmt)
    assert torch.equal(calls["Brevitas"]()[0] + 0.0, ours + 0.0)
    for library in ("gfloat", "ml_dtypes"):
        assert (library in calls) == (name in fakequant_speed.LIBRARIES)
        if library in calls:
            assert np.allclose(calls[library](), ours.numpy(), rtol=1e-6)


def test_smoke_rows_and_tables(tmp_path):
    for module in (fakequant_speed, network_speed):
        spec = module.EXPERIMENT
        assert runner.run(spec, "smoke", tmp_path) == 1
        assert runner.run(spec, "smoke", tmp_path) == 0
        assert runner.run(spec, "smoke", tmp_path, anew=True) == 1
        rows = store.read(spec, tmp_path)
        assert (rows["low_s"] <= rows["median_s"]).all() and (rows["median_s"] <= rows["high_s"]).all() and (rows["low_s"] > 0).all()
    assert (rows["different"] == 0).all()
    assert set(rows["variant"]) == {"float", network_speed.FLOAT, *network_speed.VARIANTS}


def test_exhibits_say_what_the_rows_say():
    contenders = ("ours", "ours, eager", "Brevitas", "log2, eager", "clone", "copy_")
    rows = [{"contender": c, "format": f, "elements": n, "median_s": n * 1e-9 * (1 + i), "threads": 2}
            for i, c in enumerate(contenders) for f in fakequant_speed.FORMATS for n in fakequant_speed.SIZES]
    rows += [{"contender": name, "format": "any", "elements": 0, "median_s": 7.0, "threads": 2} for name in fakequant_speed.COMPILE]
    frame = pd.DataFrame(rows)
    goals = fakequant_speed.goals(frame).frame.set_index("format")
    assert goals.loc["E4M3"].tolist() == ["3.0 (missed)", "5.00 (reached)", "3.0 (reached)"]
    assert fakequant_speed.compile_seconds(frame) == {"first time on a machine": 7.0, "cached on disk": 7.0}
    assert "Brevitas" in fakequant_speed.picture(frame).alt


def test_benchmarks_are_no_part_of_a_live_run(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(runner, "run", lambda spec, *arguments: ran.append(spec.name))
    main(["run", "--live", "--results", str(tmp_path)])
    assert {"fakequant_speed", "network_speed"} == {name for name in NAMES if experiment(name).benchmark}
    assert set(ran) == {name for name in NAMES if experiment(name).live}
    assert not any(experiment(name).benchmark or experiment(name).recorded or experiment(name).needs for name in ran)


def test_the_rounding_trick_equals_the_codec():
    for fmt in catalogue():
        if isinstance(fmt, Minifloat):
            for x in np.float32(np.linspace(-fmt.max, fmt.max, 301)):
                *_, rounded = bit_tricks.steps(x, fmt).values()
                assert rounded == fmt.round(x)
    frame = bit_tricks.step_table(0.7, parse("E4M3")).frame
    assert (frame["sign"] + frame["exponent"] + frame["mantissa"]).str.len().tolist() == [32] * 4
    assert frame["value"].iloc[-1] == "0.6875"
