"""The command line: what it prints, and one line with exit status 2 for whatever is wrong."""

import pytest

from repro import paths, store
from repro.cli import main
from repro.experiments import experiment


def test_help_explains_every_command(repro):
    text = repro("--help").stdout
    for command in ("list", "run", "bench", "show", "verify", "claims", "fetch", "doctor", "format", "mac", "vivado"):
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
    assert done.stdout.count("256 operand pairs run on the netlist, 0 wrong") == 2
    assert "module mac_E2M1_E2M1_k9_p12" in file.read_text()
    assert "PASS" in file.with_name("mac_tb.v").read_text()
    assert {p.name for p in file.parent.iterdir()} == {"mac.v", "mac_tb.v"}


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
    (["mac", "E2M1", "--n", "2000000"], "stops at 2**20"),
    (["mac", "E2M1", "--n", "9", "--verilog", "/dev/null/mac.v"], "/dev/null"),
    (["mac", "E2M1", "--n", "9", "--verilog", "."], "name a file"),
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
