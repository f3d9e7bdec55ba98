"""Rows from Vivado's reports: added, replaced, shown beside ours. The reports are written here; no tool made the counts."""

import multiprocessing

import pandas as pd
import pytest

from hw.generate import Mac
from repro.errors import BadInput
from repro.experiments import vivado
from repro.formats import parse

REPORT = """\
| Tool Version : Vivado v.2023.2 (lin64)
| Design       : {design}
| Device       : xczu7ev-ffvc1156-2-e
| Design State : {state}
| Site Type | Used | Fixed | Available | Util% |
| CLB LUTs* | {lut} | 0 | 230400 | 0.04 |
| CLB Registers | 49 | 0 | 460800 | 0.01 |
| DSPs | {dsp} | 0 | 1728 | 0.00 |
| Ref Name | Used | Functional Category |
| LUT6 | 30 | CLB |
| LUT2 | 70 | CLB |
| CARRY8 | 9 | CLB |
"""


@pytest.fixture
def report(tmp_path):
    def write(design="mac_E4M3_E4M3_k4608_p49", state="Synthesized", lut=91, dsp=0):
        path = tmp_path / "mac.rpt"
        path.write_text(REPORT.format(design=design, state=state, lut=lut, dsp=dsp))
        return path

    return write


def test_add_and_replace(report, tmp_path):
    row = vivado.add(report(), tmp_path)
    assert (row["a"], row["b"], row["k"], row["acc_bits"], row["lut"], row["lut_cells"]) == ("E4M3", "E4M3", 4608, 49, 91, 100)
    vivado.add(report(design="mac_E4M3Bn2_INT4_k9_p30".replace("INT4", "E2M1")), tmp_path)
    vivado.add(report(state="Routed", lut=88), tmp_path)
    vivado.add(report(lut=90), tmp_path)  # the same key again
    rows = vivado.load(tmp_path)
    assert list(rows.columns) == vivado.COLUMNS and set(rows["rtl"]) == {"tuned"}
    assert rows[["a", "b", "state", "lut"]].values.tolist() == [
        ["E4M3", "E4M3", "Routed", 88], ["E4M3", "E4M3", "Synthesized", 90], ["E4M3B-2", "E2M1", "Synthesized", 91]]


@pytest.mark.parametrize("a, b, options, rtl", [
    ("INT8", "UINT3", {"architecture": "plain"}, "plain"), ("E4M3", "INT4", {"pipeline": True}, "tuned piped"),
    ("INT8N", "INT8", {"architecture": "plain", "pipeline": True, "saturate": True}, "plain piped saturating"),
    ("E4M3B-2", "E2M1", {}, "tuned")])
def test_names_that_the_generator_gives_are_understood(report, tmp_path, a, b, options, rtl):
    mac = Mac(parse(a), parse(b), 9, **options)
    row = vivado.add(report(design=mac.name), tmp_path)
    assert (row["a"], row["b"], row["k"], row["acc_bits"], row["rtl"]) == (a, b, 9, mac.acc_bits, rtl)


def test_earlier_folders_win(report, tmp_path):
    vivado.add(report(lut=1), tmp_path / "mine")
    vivado.add(report(lut=2), tmp_path / "theirs")
    assert list(vivado.load(tmp_path / "mine", tmp_path / "theirs")["lut"]) == [1]
    assert vivado.load(tmp_path / "none").empty


@pytest.mark.parametrize("changes, message", [
    ({"design": "uart"}, "uart is no MAC of this package"), ({"dsp": 2}, "uses 2 DSPs"),
    ({"design": "mac_E9Q_E4M3_k1_p9"}, "unknown format 'E9Q'"), ({"design": f"mac_INT8_INT8_k{'9' * 5000}_p28"}, "is no MAC"),
    ({"design": "mac_E4M3_E4M3_k9_p49_saturating"}, "only integer MACs saturate")])
def test_refused(report, tmp_path, changes, message):
    with pytest.raises(BadInput, match=message):
        vivado.add(report(**changes), tmp_path)
    assert vivado.load(tmp_path).empty


@pytest.mark.parametrize("damage, message", [
    (lambda text: "a,b\n1,2\n", "line 1: expected the columns a,b,k,acc_bits"), (lambda text: "", "line 1"),
    (lambda text: text.replace(",91,", ",many,"), "line 2: lut is 'many', not a number"),
    (lambda text: text.replace(",91,", ",inf,"), "line 2: lut is 'inf', not a finite number"),
    (lambda text: text.replace(",91,", ",91.5,"), "line 2: lut is not a whole number"),
    (lambda text: text.replace(",91,", ",,"), "line 2: lut is not a whole number"),
    (lambda text: text + "E4M3,E4M3\n", "line 3: 2 cells where 14"), (lambda text: text[:-3], "line 2: "),
])
def test_a_broken_file_is_named_and_left_as_it_is(report, tmp_path, damage, message):
    vivado.add(report(), tmp_path)
    path = tmp_path / "vivado.csv"
    path.write_text(damage(path.read_text()))
    before = path.read_text()
    with pytest.raises(BadInput, match=f"vivado.csv {message}"):
        vivado.add(report(), tmp_path)
    assert path.read_text() == before


def test_a_file_that_a_spreadsheet_saved_is_read(report, tmp_path):
    vivado.add(report(), tmp_path)
    rows, path = vivado.load(tmp_path), tmp_path / "vivado.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert vivado.load(tmp_path).equals(rows)


def test_reports_added_at_once_are_all_kept(tmp_path):
    """Twelve processes read the rows, add one, and replace the file."""
    lengths = range(1, 13)
    for k in lengths:
        (tmp_path / f"{k}.rpt").write_text(REPORT.format(design=f"mac_INT4_INT4_k{k}_p20", state="Routed", lut=k, dsp=0))
    forked = multiprocessing.get_context("fork")
    start = forked.Barrier(len(lengths))
    workers = [forked.Process(target=lambda k=k: (start.wait(), vivado.add(tmp_path / f"{k}.rpt", tmp_path / "rows")))
               for k in lengths]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert [worker.exitcode for worker in workers] == [0] * 12
    assert vivado.load(tmp_path / "rows")[["k", "lut"]].values.tolist() == [[k, k] for k in lengths]


def test_two_reports_in_one_file_make_no_row(report, tmp_path):
    both = report().read_text() + report(design="mac_INT8_INT8_k4608_p28", lut=33).read_text()
    (tmp_path / "both.rpt").write_text(both)
    with pytest.raises(BadInput, match="both.rpt holds more than one report"):
        vivado.add(tmp_path / "both.rpt", tmp_path)
    assert vivado.load(tmp_path).empty


def test_beside_ours(report, tmp_path):
    ours = pd.DataFrame([{"a": name, "b": name, "k": 4608, "acc_bits": bits, "variant": variant, "lut": lut - less}
                         for name, bits, lut in (("E4M3", 49, 110), ("INT8", 28, 98))
                         for variant, less in (("tuned", 20), ("default", 0))])
    vivado.add(report(), tmp_path)
    vivado.add(report(design="mac_E4M3_E4M3_k4608_p49_plain", lut=95), tmp_path)
    vivado.add(report(design="mac_E4M3_E4M3_k4608_p49_piped", lut=1), tmp_path)  # no row of ours has a pipeline
    frame = vivado.beside(ours, tmp_path).frame.set_index(["a", "Verilog for Vivado"])
    shown = ["default", "tuned", "Vivado LUT sites", "Vivado LUT cells", "Vivado FF"]
    assert list(frame.columns[3:8]) == shown and len(frame) == 3
    assert frame.loc[("E4M3", "tuned"), shown].tolist() == [110, 90, 91, 100, 49]
    assert frame.loc[("E4M3", "plain"), shown].tolist() == [110, 90, 95, 100, 49]
    int8 = frame.loc["INT8"].iloc[0]
    assert int8[["default", "tuned"]].tolist() == [98, 78] and pd.isna(int8["Vivado LUT sites"])
    assert ">–<" in vivado.beside(ours, tmp_path / "none")._repr_html_()
