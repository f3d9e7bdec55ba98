"""What is taken away: names that live beside each other, a script that counts as the book does, test benches that check."""

import json
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from hw import emit, lane_bench, readout_bench, testbench, yosys
from hw.check import exhaustive
from hw.generate import PLAIN, Mac, verilog
from hw.lane import Lane
from hw.netlist import Netlist
from hw.readout import Requantize, ToInteger, ToMinifloat
from hw.synth import CARRY_ROWS, DSP_ALLOWED, UNIT_COST, YOSYS_DEFAULT, count, mapping_script, synthesise
from hw.variants import build
from repro.errors import BadInput
from repro.formats import parse

needs_simulator = pytest.mark.skipif(not shutil.which("iverilog"), reason="no simulator: install iverilog")


def mac(a, b, k=9, *options, **more):
    return Mac(parse(a), parse(b), k, *options, **more)


def minifloat(acc_bits, name, offset):
    fmt = parse(name)
    return ToMinifloat(acc_bits, fmt, fmt.min_subnormal / 2.0**offset)


# Each inner module several times, with other parameters.
TOGETHER = [mac("INT8", "INT8"), mac("INT4", "INT4"), mac("INT4", "INT4", pipeline=True), mac("INT4", "INT4", 9, 5),
            mac("E4M3", "E4M3"), mac("E4M3B-3", "E4M3"), mac("E2M1", "E3M4", architecture=PLAIN), mac("E2M1", "INT8"),
            Lane(parse("INT8"), parse("INT4"), 9, 2), Lane(parse("E3M2"), parse("E2M1"), 9, 4),
            minifloat(12, "E2M1", 3), minifloat(9, "E2M2", -2), ToInteger(12, parse("INT4"), 5), Requantize(9, parse("INT4"), 3, 6)]
READOUTS = [minifloat(12, "E2M1", 3), minifloat(12, "E3M0", 1), minifloat(7, "E2M2", -2), minifloat(8, "E1M0", 2),
            minifloat(6, "E2M3", 9), minifloat(22, "E3M2", 9), ToInteger(12, parse("INT4"), 5), ToInteger(8, parse("INT6"), 0),
            ToInteger(6, parse("INT8"), 1), ToInteger(20, parse("UINT3"), 9), Requantize(8, parse("UINT4"), 4, 0),
            Requantize(9, parse("INT4"), 3, 6), Requantize(12, parse("INT4"), 6, 11)]
LANES = [Lane(parse("INT4"), parse("UINT3"), 9, 3), Lane(parse("E2M1"), parse("E3M0"), 9, 4), Lane(parse("UINT3"), parse("UINT4"), 5, 1),
         Lane(parse("INT4"), parse("INT3"), 9, 2, acc_bits=5)]


def bench_of(design):
    makers = {Mac: testbench.testbench, Lane: lane_bench.testbench}
    return makers.get(type(design), readout_bench.testbench)(design)


def test_designs_of_every_kind_live_in_one_project(tmp_path):
    files = {f"{design.name}.v": verilog(design) for design in TOGETHER}
    names = re.findall(r"^module (\w+)", "\n".join(files.values()), re.MULTILINE)
    assert len(set(names)) == len(names) > 2 * len(TOGETHER)
    for design, text in zip(TOGETHER, files.values()):
        assert all(name == design.name or name.startswith(f"{design.name}_")
                   for name in re.findall(r"^module (\w+)", text, re.MULTILINE))
    script = [*(f"read_verilog {file}" for file in files), "hierarchy -check", "proc", "write_json all.json"]
    assert set(names) >= {design.name for design in TOGETHER} <= set(json.loads(yosys.run(script, files, "all.json"))["modules"])


@needs_simulator
def test_a_simulator_compiles_them_together_with_their_benches(tmp_path):
    sources = []
    for design in TOGETHER:
        for name, text in ((design.name, verilog(design)), (f"{design.name}_tb", bench_of(design))):
            sources.append(f"{name}.v")
            (tmp_path / sources[-1]).write_text(text)
    done = subprocess.run(["iverilog", "-g2001", "-t", "null", *sources], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


COUNTED = [mac("INT8", "INT8", 4608), mac("E3M2", "E3M2", 4608), mac("E4M3", "E4M3", 4608),
           mac("INT4", "UINT4", 9, 6, pipeline=True, saturate=True)]
_STOCK = ("import sys; from pyosys import libyosys\n"
          "for line in sys.argv[1:]: libyosys.run_pass(line)")


@pytest.fixture(scope="module")
def counted():
    return dict(zip(COUNTED, build([(design, "tuned") for design in COUNTED])))


@pytest.mark.parametrize("design", COUNTED, ids=lambda design: design.name)
def test_the_script_counts_the_file_as_the_book_does(tmp_path, counted, design):
    files = emit.Files(tmp_path / "with space" / "the mac.v")
    assert emit.write(files, design, "a bench", "nothing.")
    assert {path.name for path in files.verilog.parent.iterdir()} == {"the mac.v", "the mac_tb.v", "the mac.ys"}
    assert not emit.write(files, design, "a bench", "nothing.")    # the folder is there
    files.script.rename(files.script.with_name("mac.ys"))   # the command `script` knows no quotation marks
    done = subprocess.run([sys.executable, "-c", _STOCK, "script mac.ys", "write_json mapped.json"],
                          cwd=files.script.parent, capture_output=True, text=True, check=True)
    netlist = Netlist.from_json(design.name, json.loads((files.script.parent / "mapped.json").read_text())["modules"][design.name])
    wanted = counted[design].counts
    assert count(netlist) == wanted
    assert exhaustive(netlist, design).mismatches == 0
    said = done.stdout.partition("LUT1 to LUT6 and INV:")[2]
    assert [int(number) for number in re.findall(r"^(\d+) objects", said, re.MULTILINE)] == [wanted.lut, wanted.ff, wanted.carry4]


FLOW = "synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top {top}"
MAP_AT_UNIT_COST = [
    FLOW + " -nodsp -run begin:map_luts", "setattr -mod -set abc9_lut 1 =LUT1 =LUT2 =LUT3 =LUT4 =LUT5 =LUT6",
    "setattr -mod -set abc9_lut 2 =$__ABC9_LUT7", "setattr -mod -set abc9_lut 4 =$__ABC9_LUT8",
    "scratchpad -set abc9.D 1000000", 'scratchpad -set abc9.script "+&if {{W}} {{D}}; &mfs"', FLOW + " -nodsp -run map_luts:"]


@pytest.mark.parametrize("mapping, further", [
    (YOSYS_DEFAULT, [FLOW + " -nodsp"]), (UNIT_COST, MAP_AT_UNIT_COST), (DSP_ALLOWED, [FLOW]),
    (CARRY_ROWS, ["select job0 job1", "opt -full", "wreduce", "techmap -map carry_rows.v", "select -clear", FLOW + " -nodsp"])])
def test_what_yosys_is_asked_for_every_row(monkeypatch, mapping, further):
    """Rows rely on these very lines."""
    asked = {}

    def note(script, files, output):
        asked.update(script=script, files=files)
        raise BadInput("enough")

    monkeypatch.setattr(yosys, "run", note)
    with pytest.raises(BadInput, match="enough"):
        synthesise([(design, mapping) for design in (mac("INT8", "INT8"), mac("INT4", "INT4"))])
    assert asked["script"] == [
        "read_verilog designs.v", "hierarchy -check -top bench", "setattr -mod -set keep_hierarchy 1 job0 job1", "proc", "flatten",
        *(line.format(top="bench") for line in further), "write_json mapped.json"]
    assert re.findall(r"^module (\w+)", asked["files"]["designs.v"], re.MULTILINE) == ["int_mac_fused", "job0", "job1", "bench"]


def test_the_script_has_the_lines_of_the_rows():
    lines = mapping_script("the_top", "mac.v").splitlines()
    flow = [line.format(top="the_top") for line in MAP_AT_UNIT_COST]
    assert lines[lines.index(flow[0]):][:len(flow)] == flow
    assert lines[1:lines.index(flow[0])] == ['read_verilog "mac.v"', "hierarchy -check -top the_top", "proc", "flatten"]


@pytest.mark.parametrize("name, message", [
    ("-", "name a file, such as mac.v"), ("/dev/stdout", "name a file"), ("/dev/null", "name a file"), (".", "name a file"),
    ("/proc/self/fd/1", "name a file"), ("mac.ys", "end in .v"), ('a"b.v', "cannot stand in a script"), ("a\nb.v", "cannot stand"),
    ("/dev/null/mac.v", "/dev/null is no folder")])
def test_names_that_cannot_be_are_refused(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=message) as caught:
        emit.Files(Path(name))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def said(folder, design, text):
    (folder / "design.v").write_text(text)
    (folder / "bench.v").write_text(bench_of(design))
    subprocess.run(["iverilog", "-g2001", "-Wall", "-o", "check", "design.v", "bench.v"], cwd=folder, check=True)
    return subprocess.run(["vvp", "-n", "check"], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@needs_simulator
@pytest.mark.parametrize("design", [*LANES, *READOUTS], ids=lambda design: design.name)
def test_right_designs_pass(tmp_path, design):
    bits = design.acc_bits + getattr(design, "multiplier_bits", 0)
    answer = said(tmp_path, design, verilog(design))
    if isinstance(design, Lane):
        assert answer == f"PASS {2 ** (design.a.bits + design.b.bits) + 2} sums"
    else:
        assert answer == f"PASS {2**bits} codes" if bits <= 16 else int(re.fullmatch(r"PASS (\d+) codes", answer)[1]) > 2**14


@needs_simulator
@pytest.mark.parametrize("design, right, wrong", [
    (LANES[0], ".B_SIGNED(0)", ".B_SIGNED(1)"), (LANES[1], ".clear(clear)", ".clear(1'b0)"), (LANES[1], ".clk(clk)", ".clk(!clk)"),
    (LANES[3], ".a(b)", ".a(~b)"), (READOUTS[0], ".OFFSET(3)", ".OFFSET(4)"), (READOUTS[5], ".acc(acc)", ".acc(acc ^ 22'sd1)"),
    (READOUTS[6], ".S(5)", ".S(6)"), (READOUTS[9], ".acc(acc)", ".acc(acc ^ 20'sd1)"),
    (READOUTS[12], ".multiplier(multiplier)", ".multiplier(multiplier ^ 6'd1)"),
])
def test_wrong_designs_fail(tmp_path, design, right, wrong):
    text = verilog(design)
    assert text.count(right) == 1
    answer = said(tmp_path, design, text.replace(right, wrong))
    assert answer.startswith("FAIL after ") and "PASS" not in answer and "should be" in answer


def test_every_position_of_a_lane_meets_every_pair():
    """The order in which the bench walks, in Python."""
    for design in LANES:
        pairs = 2 ** (design.a.bits + design.b.bits)
        expression = re.search(r"pair} = (.*);", lane_bench.testbench(design))[1]
        for i in range(design.simd):
            assert len({eval(expression, {"i": i, "count": count}) % pairs for count in range(pairs)}) == pairs


@pytest.mark.parametrize("design", READOUTS, ids=lambda design: design.name)
def test_the_table_of_a_bench_is_the_nearest_number(design):
    """Of all numbers of the format, by exact distance; a tie goes to the even code."""
    table, worth = readout_bench.least(design), (
        Fraction(design.unit) if isinstance(design, ToMinifloat) else Fraction(1, 2**design.shift))
    numbers = {code: Fraction(float(design.fmt.decode(code))) for code in range(2**design.fmt.bits)}
    largest = 2 ** (design.acc_bits - 1) * max(1, 2 ** getattr(design, "multiplier_bits", 0) - 1)
    assert [first for first, _ in table] == sorted({first for first, _ in table}) and table[0][0] == -largest
    for (first, code), (_, below) in zip(table[1:], table):
        for number, wanted in ((first, code), (first - 1, below)):
            value = number * worth
            best = min(abs(other - value) for other in numbers.values())
            nearest = [c for c, other in numbers.items() if abs(other - value) == best]
            even = [c for c in nearest if c % 2 == 0] if len({numbers[c] for c in nearest}) > 1 else nearest
            assert wanted in even
            if isinstance(design, ToMinifloat):     # -0 is a negative sum rounded away
                assert wanted >> design.fmt.bits - 1 == (number < 0)
    for number in (-largest, largest - 1):
        value, code = number * worth, table[0][1] if number < 0 else table[-1][1]
        assert abs(numbers[code] - value) == min(abs(other - value) for other in numbers.values())
