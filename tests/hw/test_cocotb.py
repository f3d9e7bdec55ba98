"""The RTL itself in a simulator, before any synthesis: driven by cocotb, with the values of repro.formats as the oracle."""

import json
import os
import random
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from hw.generate import Mac, mac_verilog
from repro.formats import parse

TOOLS = {"iverilog": "icarus", "verilator": "verilator"}
SIMULATOR = next((TOOLS[command] for command in TOOLS if shutil.which(command)), None)
REASON = ("no simulator: install iverilog or verilator" if not SIMULATOR else
          "cocotb is not installed: pip install cocotb==2.1.0" if not find_spec("cocotb") else "")
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON or "both are here")

RUN = """
import sys
from pathlib import Path
from cocotb_tools.runner import get_runner
simulator, folder, top = sys.argv[1:]
runner = get_runner(simulator)
runner.build(sources=[Path(folder) / "mac.v"], hdl_toplevel=top, build_dir=folder, always=True)
runner.test(hdl_toplevel=top, test_module="cocotb_mac", build_dir=folder, test_dir=folder, results_xml=folder + "/results.xml")
"""


def vectors(mac, pairs):
    """[clear, a, b, the sum after this edge] for a run: clear, all pairs, clear. Sums of decoded values wrap or saturate."""
    values = [[int(fmt.decode(code) / fmt.min_subnormal) for code in range(2**fmt.bits)] for fmt in (mac.a, mac.b)]
    edges = [(1, 0, 0), *((0, a, b) for a, b in pairs), (1, 1, 1)]
    half, total, sums = 2 ** (mac.acc_bits - 1), 0, [None] * (mac.latency - 1)
    for clear, a, b in edges:
        total = 0 if clear else total + values[0][a] * values[1][b]
        total = min(max(total, -half), half - 1) if mac.saturate else (total + half) % (2 * half) - half
        sums.append(total)
    return [[*edge, total] for edge, total in zip(edges, sums)]


def simulate(folder, mac, listed):
    """The simulator's report (JUnit XML), or what it said instead of one."""
    (folder / "mac.v").write_text(mac_verilog(mac.a, mac.b, mac.k, mac.acc_bits, architecture=mac.architecture,
                                              pipeline=mac.pipeline, saturate=mac.saturate))
    (folder / "vectors.json").write_text(json.dumps(listed))
    environment = os.environ | {"MAC_VECTORS": str(folder / "vectors.json"), "PYTHONPATH": os.path.dirname(__file__)}
    done = subprocess.run([sys.executable, "-c", RUN, SIMULATOR, str(folder), mac.name], env=environment,
                          capture_output=True, text=True, timeout=600)
    report = folder / "results.xml"
    return report.read_text() if report.exists() else done.stdout + done.stderr


@pytest.mark.parametrize("a, b, options", [
    ("E2M1", "E2M1", {}), ("E2M1", "E2M1", {"architecture": "plain"}), ("INT4", "INT4", {}), ("INT3", "UINT4", {}),
    ("E2M1", "INT4", {"pipeline": True}), ("INT4", "INT4", {"saturate": True, "acc_bits": 9}),
], ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)) or "tuned")
def test_every_pair(tmp_path, a, b, options):
    mac = Mac(parse(a), parse(b), 4608, **options)
    report = simulate(tmp_path, mac, vectors(mac, [(x, y) for x in range(2**mac.a.bits) for y in range(2**mac.b.bits)]))
    assert "<testcase" in report and "<failure" not in report and "<error" not in report, report[-2000:]


def test_a_sample_of_e4m3(tmp_path):
    mac, rng = Mac(parse("E4M3"), parse("E4M3"), 4608), random.Random(0)
    report = simulate(tmp_path, mac, vectors(mac, [(rng.randrange(256), rng.randrange(256)) for _ in range(2000)]))
    assert "<testcase" in report and "<failure" not in report and "<error" not in report, report[-2000:]


def test_a_wrong_sum_is_noticed(tmp_path):
    mac = Mac(parse("INT3"), parse("INT3"), 9)
    listed = vectors(mac, [(1, 1), (2, 3)])
    listed[2][3] += 1
    assert "<failure" in (report := simulate(tmp_path, mac, listed)) and "a = 2, b = 3" in report
