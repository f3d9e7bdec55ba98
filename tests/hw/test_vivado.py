"""The reader of Vivado's reports and the Tcl script that makes them.

No report of a real project is kept here: the texts below are written for these tests in the layout that AMD documents
(UG906, Report Utilization), with counts that no tool produced.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw import vivado
from repro import paths
from repro.errors import BadInput

HEADER = """Copyright
---------------------------------------------------------------------------------
| Tool Version : Vivado v.2023.2 (lin64) Build 1 Fri Jan  1 00:00:00 UTC 2100
| Date         : Fri Jan  1 00:00:00 2100
| Command      : report_utilization -file mac_utilisation.rpt
| Design       : {design}
| Device       : {device}
| Speed File   : -2
| Design State : {state}
---------------------------------------------------------------------------------

Utilization Design Information

"""
ULTRASCALE = HEADER + """1. CLB Logic
------------

+-------------------------+------+-------+------------+-----------+-------+
|        Site Type        | Used | Fixed | Prohibited | Available | Util% |
+-------------------------+------+-------+------------+-----------+-------+
| CLB LUTs*               |   91 |     0 |          0 |    230400 |  0.04 |
|   LUT as Logic          |   91 |     0 |          0 |    230400 |  0.04 |
|   LUT as Memory         |    0 |     0 |          0 |    101760 |  0.00 |
| CLB Registers           |   49 |     0 |          0 |    460800 |  0.01 |
|   Register as Flip Flop |   49 |     0 |          0 |    460800 |  0.01 |
|   Register as Latch     |    0 |     0 |          0 |    460800 |  0.00 |
| CARRY8                  |    9 |     0 |          0 |     28800 |  0.03 |
| F7 Muxes                |    0 |     0 |          0 |    115200 |  0.00 |
+-------------------------+------+-------+------------+-----------+-------+
* Warning! The Final LUT count, after physical optimizations and full implementation, is typically lower.

4. ARITHMETIC
-------------

+-----------+------+-------+------------+-----------+-------+
| Site Type | Used | Fixed | Prohibited | Available | Util% |
+-----------+------+-------+------------+-----------+-------+
| DSPs      |    {dsp} |     0 |          0 |      1728 |  0.00 |
+-----------+------+-------+------------+-----------+-------+

9. Primitives
-------------

+----------+------+---------------------+
| Ref Name | Used | Functional Category |
+----------+------+---------------------+
| LUT6     |   40 |                 CLB |
| FDRE     |   49 |            Register |
| LUT2     |   33 |                 CLB |
| LUT3     |   20 |                 CLB |
| CARRY8   |    9 |                 CLB |
| INV      |    1 |                 CLB |
+----------+------+---------------------+

10. Black Boxes
---------------

+----------+------+
| Ref Name | Used |
+----------+------+
"""
SERIES7 = HEADER + """1. Slice Logic
--------------

+-------------------------+------+-------+-----------+-------+
|        Site Type        | Used | Fixed | Available | Util% |
+-------------------------+------+-------+-----------+-------+
| Slice LUTs              |   74 |     0 |     53200 |  0.14 |
|   LUT as Logic          |   74 |     0 |     53200 |  0.14 |
| Slice Registers         |   28 |     0 |    106400 |  0.03 |
+-------------------------+------+-------+-----------+-------+

4. DSP
------

+-----------+------+-------+-----------+-------+
| Site Type | Used | Fixed | Available | Util% |
+-----------+------+-------+-----------+-------+
| DSPs      |    {dsp} |     0 |       220 |  0.00 |
+-----------+------+-------+-----------+-------+

8. Primitives
-------------

+----------+------+---------------------+
| Ref Name | Used | Functional Category |
+----------+------+---------------------+
| LUT2     |   52 |                 LUT |
| LUT4     |   30 |                 LUT |
| FDRE     |   28 |        Flop & Latch |
| CARRY4   |   19 |          CarryLogic |
+----------+------+---------------------+
"""


VERSAL = HEADER + """1. Netlist Logic
----------------

+-----------------------+------+-------+------------+-----------+-------+
|       Site Type       | Used | Fixed | Prohibited | Available | Util% |
+-----------------------+------+-------+------------+-----------+-------+
| Registers             |   49 |     0 |          0 |   1799680 | <0.01 |
| CLB LUTs              |   91 |     0 |          0 |    899840 |  0.01 |
|   LUT as Logic        |   91 |     0 |          0 |    899840 |  0.01 |
| LOOKAHEAD8            |    7 |     0 |          0 |    112480 | <0.01 |
+-----------------------+------+-------+------------+-----------+-------+

4. ARITHMETIC
-------------

+-----------+------+-------+------------+-----------+-------+
| Site Type | Used | Fixed | Prohibited | Available | Util% |
+-----------+------+-------+------------+-----------+-------+
| DSP58     |    {dsp} |     0 |          0 |      1968 |  0.00 |
+-----------+------+-------+------------+-----------+-------+

9. Primitives
-------------

+------------+------+---------------------+
|  Ref Name  | Used | Functional Category |
+------------+------+---------------------+
| LUTCY2     |   49 |                 CLB |
| LUTCY1     |   49 |                 CLB |
| FDRE       |   49 |            Register |
| LUT3       |   22 |                 CLB |
| LUT6       |   20 |                 CLB |
| LOOKAHEAD8 |    7 |                 CLB |
+------------+------+---------------------+
"""


def filled(text, design="mac_E4M3_E4M3_k4608_p49", device="xczu7ev-ffvc1156-2-e", state="Synthesized", dsp=0):
    return text.format(design=design, device=device, state=state, dsp=dsp)


def test_ultrascale():
    assert vivado.parse(filled(ULTRASCALE)) == vivado.Utilisation(
        design="mac_E4M3_E4M3_k4608_p49", device="xczu7ev-ffvc1156-2-e", state="Synthesized", tool="Vivado v.2023.2",
        lut=91, lut_cells=40 + 33 + 20 + 1, ff=49, carry_cell="CARRY8", carry=9, dsp=0)


def test_series7(tmp_path):
    path = tmp_path / "report.rpt"
    path.write_text(filled(SERIES7, design="mac_INT8_INT8_k4608_p28", device="7z020clg484-1", state="Routed", dsp=3))
    assert vivado.read(path) == vivado.Utilisation(
        design="mac_INT8_INT8_k4608_p28", device="7z020clg484-1", state="Routed", tool="Vivado v.2023.2",
        lut=74, lut_cells=82, ff=28, carry_cell="CARRY4", carry=19, dsp=3)


def test_versal_counts_the_luts_of_carry_logic():
    """Two halves are one LUT6CY, and a LUT6CY is one LUT."""
    assert vivado.parse(filled(VERSAL, device="xcvc1902-vsva2197-2MP-e-S")) == vivado.Utilisation(
        design="mac_E4M3_E4M3_k4608_p49", device="xcvc1902-vsva2197-2MP-e-S", state="Synthesized", tool="Vivado v.2023.2",
        lut=91, lut_cells=91, ff=49, carry_cell="LOOKAHEAD8", carry=7, dsp=0)


@pytest.mark.parametrize("old, new, cells", [
    ("| LUTCY1     |   49 |", "| LUT6CY     |   49 |", 91),          # the cell and one of its halves
    ("| LUTCY1     |   49 |", "| LUTCY1     |   30 |", 91),          # a half of which nothing is used goes
    ("| LUT6       |   20 |", "| LUT6_2     |   20 |", 91),
    ("| LUT6       |   20 |", "| LUT6       |   20 |                 CLB |\n| INV        |    3 |", 94),
])
def test_every_lut_cell_is_counted_once(old, new, cells):
    assert filled(VERSAL).count(old) == 1
    assert vivado.parse(filled(VERSAL).replace(old, new)).lut_cells == cells


@pytest.mark.parametrize("text", [ULTRASCALE, SERIES7, VERSAL], ids=["UltraScale", "7 series", "Versal"])
def test_a_lut_cell_that_is_not_known_is_no_silent_zero(text):
    text = filled(text).replace("| FDRE ", "| LUT9X ", 1)
    with pytest.raises(BadInput, match="mine.rpt: its cells LUT9X are not known here"):
        vivado.parse(text, "mine.rpt")


def test_dsps_are_found_under_the_names_of_every_family():
    assert [vivado.parse(filled(text, dsp=3)).dsp for text in (ULTRASCALE, SERIES7)] == [3, 3]
    used = filled(VERSAL, dsp=3).replace("| LUT6  ", "| DSP58      |    3 |          Arithmetic |\n| LUT6  ", 1)
    assert vivado.parse(used).dsp == 3


ONE, OTHER = filled(ULTRASCALE), filled(SERIES7, design="mac_INT8_INT8_k4608_p28", device="7z020clg484-1")


@pytest.mark.parametrize("text", [
    ONE + OTHER, OTHER + ONE, ONE + ONE, ONE + "\n\n" + OTHER,
    ONE + OTHER[OTHER.index("8. Primitives"):],                                     # of the second only the last table
    "\n".join(line for line in ONE.splitlines() if "Ref Name" not in line) + OTHER,  # of the first all but that
], ids=["one other", "other one", "twice", "appended", "table", "header"])
def test_two_reports_in_one_file_are_refused(text, tmp_path):
    (tmp_path / "both.rpt").write_text(text)
    with pytest.raises(BadInput, match="both.rpt holds more than one report: give each in a file of its own") as error:
        vivado.read(tmp_path / "both.rpt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("host, encoding", [
    ("Jörg-PC", "cp1252"), ("北京", "gbk"), ("Jörg", "utf-8"), ("Jörg", "utf-8-sig"), ("Jörg", "utf-16"),
    ("北京", "utf-16-be"), ("Jörg", "mac_roman")])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_reports_in_any_encoding(tmp_path, host, encoding, end):
    text = filled(ULTRASCALE).replace("| Command ", f"| Host         : {host} running C:\\{host}\n| Command ", 1)
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "mine.rpt").write_bytes((mark + text.replace("\n", end)).encode(encoding))
    assert vivado.read(tmp_path / "mine.rpt") == vivado.parse(filled(ULTRASCALE))


@given(st.data())
def test_damaged_reports_are_read_or_refused_in_one_line(data):
    """Nothing but BadInput, whatever happened to the bytes."""
    raw = bytearray(data.draw(st.sampled_from([ONE, OTHER, filled(VERSAL), ONE + OTHER])).encode(data.draw(
        st.sampled_from(["utf-8", "utf-16"]))))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(raw)))
        end = start + data.draw(st.sampled_from([0, 1, 7, 80, len(raw)]))
        raw[start:end] = data.draw(st.binary(max_size=6) | st.sampled_from([b"| ", b"9" * 5000, b"\n", b"\r", b"-", b"LUT"]))
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        try:
            found = vivado.read(Path(file.name))
        except BadInput as error:
            assert "\n" not in str(error)
        else:
            assert found.lut >= 0 and found.lut_cells >= 0 and found.design


@pytest.mark.parametrize("dropped, named", [
    ("| CLB LUTs", "CLB LUTs"), ("| CLB Registers", "CLB Registers"), ("| Design       ", "Design"), ("| Device", "Device"),
    ("| Design State", "Design State"), ("| Ref Name", "the table of primitives")])
def test_what_is_missing_is_named_in_one_line(dropped, named):
    text = "\n".join(line for line in filled(ULTRASCALE).splitlines() if not line.startswith(dropped))
    with pytest.raises(BadInput) as error:
        vivado.parse(text, "mine.rpt")
    assert f"mine.rpt is no report of Vivado's report_utilization: it lacks {named};" in str(error.value)
    assert "\n" not in str(error.value)


def test_other_files(tmp_path):
    (tmp_path / "image.rpt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty.rpt").write_text("")
    for name in ("image.rpt", "empty.rpt", "absent.rpt"):
        with pytest.raises(BadInput, match=name):
            vivado.read(tmp_path / name)


@pytest.mark.parametrize("arguments, stages", [
    (("xczu7ev", "mac_x", "m.v"), []),
    (("xczu7ev", "mac_x", "m.v", "implementation"), ["opt_design", "place_design", "route_design"])])
def test_script(arguments, stages):
    assert _calls(*arguments) == [
        "read_verilog m.v", "synth_design -top mac_x -part xczu7ev -max_dsp 0 -mode out_of_context",
        "create_clock -period 2.0 -name clk pins", *stages, "report_utilization -file mac_x_utilisation.rpt",
        "report_timing_summary -file mac_x_timing.rpt"]


@pytest.mark.parametrize("arguments, message", [(("part", "top"), "give three or four arguments"),
                                                (("part", "top", "m.v", "later"), "stage later")])
def test_script_refuses(arguments, message):
    import _tkinter

    with pytest.raises(_tkinter.TclError, match=message):
        _calls(*arguments)


def _calls(*arguments):
    """The Vivado commands that the script issues, in a plain Tcl interpreter where each only records itself."""
    tcl = pytest.importorskip("tkinter", reason="Python has no Tcl here").Tcl()
    tcl.eval("set calls {}; proc get_ports name {return pins}")
    for command in ("read_verilog", "synth_design", "create_clock", "opt_design", "place_design", "route_design",
                    "report_utilization", "report_timing_summary"):
        tcl.eval(f"proc {command} args {{lappend ::calls [string trim \"{command} $args\"]}}")
    tcl.eval(f"set argc {len(arguments)}; set argv [list {' '.join(arguments)}]")
    tcl.eval((paths.ROOT / "hw" / "vivado" / "utilisation.tcl").read_text(encoding="utf-8"))
    return list(tcl.splitlist(tcl.eval("set calls")))
