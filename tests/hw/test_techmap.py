"""The mapping carry-rows, proved equal to a * b by Yosys' SAT solver for every input."""

import subprocess
import sys

import pytest

from repro import paths

TECHMAP = paths.RTL.parent / "techmap" / "carry_rows.v"


def prove(folder, a, b, y, signed, techmap):
    """Whether Yosys proves that `techmap` turns y = a * b (widths in bits) into an equal circuit."""
    sign = "signed" if signed else ""
    text = "".join(f"module {name} (input {sign} [{a - 1}:0] a, input {sign} [{b - 1}:0] b, output {sign} [{y - 1}:0] y);\n"
                   "assign y = a * b;\nendmodule\n" for name in ("gold", "gate"))
    (folder / "m.v").write_text(text)
    (folder / "t.v").write_text(techmap)
    (folder / "run.ys").write_text(
        "read_verilog m.v\nproc\ntechmap -map t.v gate\nselect -assert-none gate/t:$mul\nselect -assert-any gate/t:$alu\n"
        "techmap gate\nmiter -equiv -flatten gold gate miter\nsat -verify -prove trigger 0 miter\n")
    done = subprocess.run([sys.executable, "-c", "from pyosys import libyosys; libyosys.run_pass('script run.ys')"],
                          cwd=folder, capture_output=True, text=True)
    log = done.stdout + done.stderr
    assert done.returncode == 0 or "proof did fail" in log, log[-2000:]
    return done.returncode == 0


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("a, b", [(1, 4), (4, 1), (2, 2), (4, 4), (3, 5), (5, 3), (2, 6), (6, 6)])
def test_equal_to_a_times_b(tmp_path, a, b, signed):
    assert prove(tmp_path, a, b, a + b, signed, TECHMAP.read_text())


@pytest.mark.parametrize("y", [3, 5, 12], ids=lambda y: f"{y} bits")
def test_any_product_width(tmp_path, y):
    """Fewer bits drop the top ones; more repeat the sign."""
    assert prove(tmp_path, 4, 4, y, True, TECHMAP.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_equal_to_a_times_b_at_eight_bits(tmp_path, signed):
    assert prove(tmp_path, 8, 8, 16, signed, TECHMAP.read_text())


@pytest.mark.parametrize("old, new", [
    ("SIGNED && j == B_WIDTH - 1", "0"),        # the last row adds instead of subtracting
    (".CI(SUBTRACT)", ".CI(1'b0)"),             # ... or subtracts one too much
    ("A & {A_WIDTH{B[j]}}", "A | {A_WIDTH{B[j]}}"),
])
def test_the_proof_fails_for_a_wrong_mapping(tmp_path, old, new):
    text = TECHMAP.read_text()
    assert text.count(old) == 1
    assert not prove(tmp_path, 4, 4, 8, True, text.replace(old, new))
