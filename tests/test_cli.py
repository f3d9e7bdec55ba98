"""The command line: what it prints, and one line with exit status 2 for whatever is wrong."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from hw import synth
from hw.generate import ARCHITECTURES, PLAIN, Mac
from hw.lane import Lane
from hw.readout import Requantize, ToInteger, ToMinifloat
from repro import paths, store
from repro.cli import main
from repro.experiments import experiment
from repro.formats import parse


def test_help_explains_every_command(repro):
    text = repro("--help").stdout
    for command in ("list", "run", "bench", "show", "verify", "claims", "fetch", "doctor", "format", "mac", "lane", "readout", "vivado"):
        assert f"\n  {command} " in text
        helped = repro(command, "--help")
        assert helped.returncode == 0 and "Usage:" in helped.stdout
    assert repro().stdout == text


def test_format_describes_one(repro):
    done = repro("format", "e4m3")
    assert done.returncode == 0
    for fact in ("8 bits", "255 values from -480 to 480", "bias 7", "0.001953125", "49 bits"):
        assert fact in done.stdout
    assert "  1111  -6" in repro("format", "E2M1").stdout


def test_mac_checks_its_netlist_and_writes_verilog(repro, tmp_path):
    file = tmp_path / "a folder" / "mac.v"
    done = repro("mac", "E2M1", "--n", "9", "--verilog", file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("256 operand pairs run on the netlist, 0 wrong") == 3
    luts = dict(re.findall(r"^(default|rewritten|tuned) +(\d+) LUT", done.stdout, re.MULTILINE))
    assert f"mac.v counts {luts['tuned']} LUT with `yosys mac.ys`" in done.stdout
    assert f"and {luts['rewritten']} as synth_xilinx maps it" in done.stdout
    assert f"made the folder {file.parent}" in done.stdout and "checked every operand pair, 256" in done.stdout
    text = file.read_text()
    assert "module mac_E2M1_E2M1_k9_p12 (" in text and "// Checked: every operand pair, 256" in text
    assert "exhaustively" not in text
    assert "PASS" in file.with_name("mac_tb.v").read_text()
    assert {p.name for p in file.parent.iterdir()} == {"mac.v", "mac_tb.v", "mac.ys"}


def minifloat(acc_bits, name, offset):
    fmt = parse(name)
    return ToMinifloat(acc_bits, fmt, fmt.min_subnormal / 2.0**offset)


# Command -> its design, and what it prints. All are mapped in one run.
BUILT = {
    "mac INT11 INT10 --n 2000000": (Mac(parse("INT11"), parse("INT10"), 2_000_000), [
        "of 2,097,152 operand pairs (pseudo-random ones, and all of extreme codes)", "of 2,000,000 steps", "0 wrong, 0 overflows"]),
    "mac E2M1 --n 9 --plain": (Mac(parse("E2M1"), parse("E2M1"), 9, architecture=PLAIN), [
        "checked every operand pair, 256, also", "9 of 9 steps"]),
    "lane E2M1 E3M0 --simd 3 --n 10": (Lane(parse("E2M1"), parse("E3M0"), 4, 3), [
        "3 products of E2M1 x E3M0 a cycle, sums of 4 cycles", "256 operand pairs in each position run on the netlist, 0 wrong"]),
    "lane INT11 INT10 --simd 2 --n 9": (Lane(parse("INT11"), parse("INT10"), 5, 2), ["of 2,097,152 operand pairs", "5 of 5 cycles"]),
    "readout E2M1 --acc-bits 12 --shift 3": (minifloat(12, "E2M1", 3), [
        "A sum of 12 bits as E2M1; one unit of acc is worth 2**-4.", "4,096 inputs run on the netlist, 0 wrong",
        "checked all 4,096 inputs, against repro.formats"]),
    "readout E2M1 --acc-bits 8 --shift -1": (minifloat(8, "E2M1", -1), ["one unit of acc is worth 2**0.", "all 256 inputs"]),
    "readout INT4 --acc-bits 18 --shift 9": (ToInteger(18, parse("INT4"), 9), ["divided by 2**9 as INT4"]),
    "readout UINT4 --acc-bits 8 --shift 5 --multiplier-bits 3": (Requantize(8, parse("UINT4"), 3, 5), [
        "times multiplier / 2**5 as UINT4", "2,048 inputs run on the netlist, 0 wrong"]),
}
SAMPLES = ("mac INT11 INT10 --n 2000000", "lane INT11 INT10 --simd 2 --n 9", "readout INT4 --acc-bits 18 --shift 9")


@pytest.fixture(scope="module")
def mapped():
    jobs = []
    for design, _ in BUILT.values():
        both = [replace(design, architecture=written) for written in ARCHITECTURES] if isinstance(design, Mac) else [design]
        jobs += [(each, mapping) for each in both for mapping in (synth.YOSYS_DEFAULT, synth.UNIT_COST)]
    return dict(zip(jobs, synth.synthesise(jobs)))


@pytest.mark.parametrize("command", BUILT)
def test_designs_are_checked_and_written_and_say_how(mapped, monkeypatch, tmp_path, capsys, command):
    monkeypatch.setattr(synth, "synthesise", lambda jobs: [mapped[job] for job in jobs])
    design, facts = BUILT[command]
    file = tmp_path / "design.v"
    main([*command.split(), "--verilog", str(file)])
    printed, text = capsys.readouterr().out, re.sub(r"\n//\s+", " ", file.read_text())
    assert all(fact in printed for fact in facts), printed
    checked = re.search(r"^checked (.*)$", printed, re.MULTILINE)[1]
    assert f"// Checked: {checked}, on the netlists" in text.replace(" Checked:", "// Checked:")
    assert ("by a sample, not exhaustively: " in checked) == (command in SAMPLES)
    ours, theirs = (mapped[design, mapping].counts.lut for mapping in (synth.UNIT_COST, synth.YOSYS_DEFAULT))
    assert f"design.v counts {ours} LUT with `yosys design.ys`" in printed
    assert f"and {theirs} as synth_xilinx maps it" in printed and f"top module {design.name};" in printed
    assert {p.name for p in tmp_path.iterdir()} == {"design.v", "design_tb.v", "design.ys"}
    if shutil.which("iverilog") and command not in SAMPLES:
        subprocess.run(["iverilog", "-g2001", "-o", "check", "design.v", "design_tb.v"], cwd=tmp_path, check=True)
        assert subprocess.run(["vvp", "-n", "check"], cwd=tmp_path, capture_output=True, text=True).stdout.startswith("PASS ")


@pytest.mark.parametrize("command", BUILT)
def test_a_wrong_netlist_ends_in_status_1_and_writes_nothing(mapped, monkeypatch, tmp_path, capsys, command):
    def faulty(jobs):
        """The last job's netlist with every output bit 0 of a port stuck at 1."""
        right = [mapped[job] for job in jobs]
        netlist = right[-1].netlist
        port = "acc" if "clk" in netlist.ports else "code"
        wire = netlist.ports[port][0]
        cells = [replace(cell, pins={**cell.pins, "D": ("1",)}) if wire in cell.pins.get("Q", ()) else cell for cell in netlist.cells]
        ports = netlist.ports if port == "acc" else {**netlist.ports, port: ("1", *netlist.ports[port][1:])}
        return [*right[:-1], replace(right[-1], netlist=replace(netlist, cells=tuple(cells), ports=ports))]

    monkeypatch.setattr(synth, "synthesise", faulty)
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--verilog", str(tmp_path / "sub" / "wrong.v")])
    printed = capsys.readouterr()
    assert caught.value.code == 1 and "nothing is written" in printed.out and printed.err == ""
    assert not list(tmp_path.iterdir())


def test_bench_measures_anew_every_time_and_verify_leaves_it_alone(repro, tmp_path):
    dates = []
    for _ in range(2):
        done = repro("bench", "fakequant", "--scale", "smoke", "--results", tmp_path)
        assert done.returncode == 0 and "Brevitas" in done.stdout, done.stderr
        dates.append(store.read(experiment("fakequant_speed"), tmp_path)["median_s"].tolist())
    assert dates[0] != dates[1]
    assert "fakequant_speed: skipped, times differ" in repro("verify", "fakequant_speed", "--results", tmp_path).stdout
    wrong = repro("bench", "everything")
    assert wrong.returncode == 2 and "'everything' is not one of 'fakequant', 'network'" in wrong.stderr


def test_run_show_verify_in_a_folder_of_ones_own(repro, tmp_path):
    assert "mac: 10 points computed" in repro("run", "mac", "--scale", "smoke", "--results", tmp_path).stdout
    assert "mac: nothing to do" in repro("run", "mac", "--scale", "smoke", "--results", tmp_path).stdout
    done = repro("verify", "mac", "--results", tmp_path)
    assert done.returncode == 0 and " 0 failed" in done.stdout
    path = store.file(experiment("mac"), tmp_path)
    rows = store.read(experiment("mac"), tmp_path)
    rows["lut"] += 1
    store.write(experiment("mac"), rows, tmp_path)
    done = repro("verify", "mac", "--results", tmp_path)
    assert done.returncode == 1 and "lut is written" in done.stdout
    path.write_text(path.read_text()[:-20])
    done = repro("verify", "mac", "--results", tmp_path)
    assert done.returncode == 2 and "mac.csv line 11" in done.stderr


def test_list_and_show_name_what_there_is(repro):
    listed = repro("list").stdout
    assert "top1" in listed and "needs imagenet-sample" in listed
    shown = repro("show", "top1")
    assert shown.returncode == 0 and "efficientnet-lite0" in shown.stdout


def test_claims_takes_a_readers_values(repro, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("id,value\nlut-int8,77\n")
    assert "LUTs of an INT8 MAC (theirs: VCK190, post-implementation): paper 77 LUTs" in repro("claims", "--paper-values", file).stdout
    for text, message in (("id,value\nlut-int9,77\n", "line 2: unknown id 'lut-int9'"), ("id,value\nlut-int8,x\n", "line 2: 'x' is not"),
                          ("a,b\n1,2\n", "the columns id and value")):
        file.write_text(text)
        done = repro("claims", "--paper-values", file)
        assert done.returncode == 2 and message in done.stderr


@pytest.mark.parametrize("arguments, expected", [
    (["format", "FP8"], "unknown format 'FP8'"),
    (["format", "E9M9"], "19 bits: formats here have at most 16"),
    (["format"], "Missing argument 'NAME'"),
    (["mac", "E2M1", "--n", "0"], "0 is not in the range"),
    (["run"], "name the experiments to run"),
    (["run", "nope"], "unknown experiment 'nope'"),
    (["run", "mac", "--scale", "huge"], "unknown scale 'huge'"),
    (["run", "mac", "--shard", "3/2"], "shard 3/2"),
    (["run", "mac", "--shard", "x"], "shard 'x'"),
    (["show", "nope"], "unknown experiment 'nope'"),
    (["verify", "nope"], "unknown experiment 'nope'"),
    (["fetch", "nope"], "unknown data set 'nope'"),
    (["frobnicate"], "No such command 'frobnicate'"),
    (["list", "--frobnicate"], "No such option"),
    (["claims", "--paper-values", "/nowhere.csv"], "/nowhere.csv cannot be read"),
    (["verify", "--results", "/nowhere"], "/nowhere is not a folder with results"),
    (["run", "mac", "--scale", "smoke", "--results", "/dev/null"], "/dev/null"),
    (["mac", "E2M1", "--n", "9", "--verilog", "/dev/null/mac.v"], "/dev/null"),
    (["mac", "E2M1", "--n", "9", "--verilog", "."], "name a file"),
    (["mac", "E2M1", "--n", "9", "--verilog", "-"], "name a file, such as mac.v"),
    (["lane", "E2M1", "--verilog", "/dev/stdout"], "name a file, such as mac.v"),
    (["lane", "INT8", "E4M3"], "no lane multiplies INT8 by E4M3: give two minifloats or two integers"),
    (["lane", "E10M2", "--n", "8"], "use fewer exponent bits"),
    (["readout", "E4M3", "--shift", "3"], "Missing option '--acc-bits'"),
    (["readout", "E4M3", "--acc-bits", "20", "--shift", "3", "--multiplier-bits", "4"], "leave out --multiplier-bits"),
    (["readout", "INT8", "--acc-bits", "20", "--shift", "-1"], "shift is a whole number of at least 0, not -1"),
    (["readout", "E4M3", "--acc-bits", "20", "--shift", "-2000"], "one unit of acc is worth 2**1991, beyond float64"),
    (["readout", "E4M4", "--acc-bits", "20", "--shift", "3"], "formats of up to 8 bits, not 9"),
    (["readout", "INT8", "--acc-bits", "2000", "--shift", "3"], "smaller --acc-bits"),
    (["mac", "E10M2", "UINT2"], "use fewer exponent bits"),
    (["mac", "E2M1", "--saturate"], "only integer MACs saturate"),
])
def test_what_is_wrong_gets_one_line_and_status_2(capsys, arguments, expected):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    printed = capsys.readouterr()
    assert caught.value.code == 2
    assert printed.err.startswith("repro: ") and expected in printed.err
    assert printed.err.count("\n") == 1


def test_a_mirror_that_is_no_folder_is_one_line(repro):
    done = repro("fetch", "imagenet-sample", REPRO_MIRROR="/nowhere")
    assert done.returncode == 2 and "REPRO_MIRROR names /nowhere, which is not a folder" in done.stderr
    assert "REPRO_MIRROR" in repro("doctor", REPRO_MIRROR="/nowhere").stdout


def test_doctor_reports_and_never_fails(repro):
    done = repro("doctor", PATH="/usr/bin:/bin")
    assert done.returncode == 0
    for thing in ("Python", "data set imagenet-sample", "GPU", "vivado", "rows of mac"):
        assert thing in done.stdout


def test_no_command_leaves_files_in_the_checkout(repro):
    before = {p.name for p in paths.ROOT.iterdir()}
    repro("mac", "E2M1", "--n", "9")
    assert {p.name for p in paths.ROOT.iterdir()} == before
