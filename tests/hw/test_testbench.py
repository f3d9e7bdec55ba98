"""The test bench that goes with a MAC, run by a simulator: it passes right MACs and fails wrong ones."""

import shutil
import subprocess

import pytest

from hw.generate import Mac, mac_verilog
from hw.testbench import testbench as bench  # pytest would collect a name that starts with test
from repro.formats import parse

needs_simulator = pytest.mark.skipif(not shutil.which("iverilog"), reason="no simulator: install iverilog")

CASES = {
    "minifloats": ("E2M1", "E2M1", {}), "plain": ("E3M1", "E2M2", {"architecture": "plain"}),
    "no mantissa": ("E3M0", "E2M1", {}),
    "integers": ("INT4", "INT4", {}), "unsigned": ("UINT4", "UINT3", {}), "one unsigned": ("INT3", "UINT4", {}),
    "mixed": ("E2M1", "INT4", {}), "mixed and swapped": ("UINT4", "E2M2", {}),
    "saturating": ("INT4", "INT4", {"saturate": True, "acc_bits": 9}),
    "saturating unsigned": ("UINT4", "UINT4", {"saturate": True, "acc_bits": 9}),
    "pipelined": ("INT4", "INT4", {"pipeline": True}), "pipelined minifloats": ("E2M1", "E2M1", {"pipeline": True}),
    "pipelined and saturating": ("INT4", "INT4", {"pipeline": True, "saturate": True, "acc_bits": 7}),
    "pipelined and mixed": ("E2M1", "INT4", {"pipeline": True}), "narrower than a product": ("INT4", "INT4", {"acc_bits": 5}),
}


def said(folder, mac, verilog):
    (folder / "mac.v").write_text(verilog)
    (folder / "bench.v").write_text(bench(mac))
    subprocess.run(["iverilog", "-g2001", "-Wall", "-o", "check", "mac.v", "bench.v"], cwd=folder, check=True)
    return subprocess.run(["vvp", "-n", "check"], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def build(case):
    a, b, options = CASES[case]
    mac = Mac(parse(a), parse(b), 100, **options)
    return mac, mac_verilog(mac.a, mac.b, mac.k, **options)


@needs_simulator
@pytest.mark.parametrize("case", CASES)
def test_right_macs_pass(tmp_path, case):
    mac, verilog = build(case)
    sums = 2 ** (mac.a.bits + mac.b.bits) + 3 - (mac.latency - 1)
    assert said(tmp_path, mac, verilog) == f"PASS {sums} sums"


@needs_simulator
@pytest.mark.parametrize("case, right, wrong", [
    ("minifloats", "^ b[EB+MB]", ""), ("integers", "acc <= 0", "acc <= acc"), ("integers", "acc <= next", "acc <= ~next"),
    ("saturating", "fits ?", "1'b1 ?"), ("pipelined", "clear_before <= clear", "clear_before <= 0"),
    ("mixed", "exponent[0] ^ normal", "exponent[0]"), ("unsigned", "owed[0] = 1'b1", "owed[0] = 1'b0"),
])
def test_wrong_macs_fail(tmp_path, case, right, wrong):
    mac, verilog = build(case)
    assert right in verilog
    answer = said(tmp_path, mac, verilog.replace(right, wrong))
    assert answer.startswith("FAIL after ") and "PASS" not in answer and "should be" in answer


def test_plain_verilog():
    """Nothing that reads a file or needs more than Verilog-2001, and one module named after the MAC."""
    mac, _ = build("pipelined and saturating")
    text = bench(mac)
    assert f"module {mac.name}_tb;" in text and text.count("endmodule") == 1
    assert not any(word in text for word in ("$readmem", "`include", "logic", "always_ff", "$fopen"))
