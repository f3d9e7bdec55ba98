"""The reader of Vivado's reports and the Tcl script that makes them.

No report of a real project is kept here: the texts below are written for these tests in the layout that AMD documents
(UG906, Report Utilization), with counts that no tool produced.
"""

import pytest

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
