"""The dataflow of a module against Yosys, which elaborates the same text, and against small modules done by hand."""

import json
import os
import random
import subprocess
import sys

import pytest

from hw.analyse import DEEPEST, interfaces, operators
from hw.blocks import Arrow, diagram
from hw.dataflow import Edge, Operation, dataflow
from hw.generate import ARCHITECTURES, Mac, rtl
from hw.lint import lint
from repro import paths
from repro.errors import BadInput
from repro.formats import parse

PAIRS = [("INT8", "INT8"), ("INT3", "INT6"), ("E4M3", "E4M3"), ("E2M1", "E5M2"), ("E1M6", "E6M1"), ("E3M0", "E3M2")]
CELLS = {"Times": "$mul", "Plus": "$add", "Minus": "$sub", "Sll": "$shl"}


def elaborated(texts: list[str], module: str, parameters: dict[str, int], folder, trimmed: bool = False) -> dict:
    """The module as Yosys elaborates it, from its JSON; ``trimmed``: operands only as wide as they need."""
    pytest.importorskip("pyosys")
    (folder / "design.v").write_text("\n".join(texts))
    values = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    steps = "proc; flatten; " + "wreduce; " * trimmed
    script = f"read_verilog design.v; hierarchy -top {module} {values}; {steps}write_json out.json"
    (folder / "run.ys").write_text(script.replace("; ", "\n"))
    done = subprocess.run([sys.executable, "-c", "from pyosys import libyosys; libyosys.run_pass('script run.ys')"], cwd=folder,
                          capture_output=True, text=True, env=os.environ)
    assert (folder / "out.json").exists(), done.stdout[-500:] + done.stderr[-500:]
    modules = json.loads((folder / "out.json").read_text())["modules"]
    return next(body for body in modules.values() if int(body["attributes"].get("top", "0"), 2))


@pytest.mark.parametrize("module", sorted(path.stem for path in paths.RTL.glob("*.v")))
def test_every_module_has_yosys_widths(module, tmp_path):
    texts = [path.read_text() for path in paths.RTL.glob("*.v")]
    found = elaborated(texts, module, {}, tmp_path)
    named = {name: len(net["bits"]) for name, net in found["netnames"].items() if not net["hide_name"]}
    assert {signal.name: signal.bits for signal in dataflow(rtl(module)).signals} == named


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("a, b", PAIRS)
def test_widths_and_arithmetic_are_those_of_yosys(a, b, architecture, tmp_path):
    mac = Mac(parse(a), parse(b), 4608, architecture=architecture)
    graph = dataflow(rtl(mac.module), mac.parameters)
    texts = [path.read_text() for path in paths.RTL.glob("*.v")]
    found = elaborated(texts, mac.module, mac.parameters, tmp_path)
    named = {name: len(net["bits"]) for name, net in found["netnames"].items() if not net["hide_name"]}
    assert {signal.name: signal.bits for signal in graph.signals} == named
    trimmed = elaborated(texts, mac.module, mac.parameters, tmp_path, trimmed=True)
    for kind, cell in CELLS.items():
        cells = trimmed["cells"] if kind == "Times" else found["cells"]  # Yosys first extends what $signed() marks
        built = sorted(sorted(int(c["parameters"][side], 2) for side in ("A_WIDTH", "B_WIDTH"))
                       for c in cells.values() if c["type"] == cell)
        assert sorted(sorted(op.operands) for op in graph.operations if op.kind == kind) == built
    registers = sum(int(c["parameters"]["WIDTH"], 2) for c in found["cells"].values() if c["type"] in ("$dff", "$sdff"))
    assert sum(signal.bits for signal in graph.signals if signal.register) == registers


LEAF = "module leaf #(parameter W = 2) (input wire [W-1:0] x, output wire [W:0] y);\nassign y = x + {W{1'b1}};\nendmodule\n"

TREE = """\
module top #(parameter N = 3, parameter W = 4) (input wire clk, input wire clear, input wire [N*W-1:0] a,
    input wire [1:0] pick, output reg [W:0] acc);
    wire [N*(W+1)-1:0] all;
    reg [W:0] one;
    genvar i;
    // 1. Increment each.
    generate
        for (i = 0; i < N; i = i + 1) begin : row
            leaf #(.W(W)) plus (.x(a[i*W +: W]), .y(all[i*(W+1) +: W+1]));
        end
        if (N > 7) begin : wide
            wire never = a[0] * a[1];
        end
    endgenerate
    // 2. Choose one.
    always @* case (pick)
        0: one = all[W:0];
        default: one = all[pick * (W + 1) +: W + 1];
    endcase
    // 3. Keep.
    always @(posedge clk)
        if (clear) acc <= 0;
        else acc <= one << 1;
endmodule
"""


def test_loops_instances_and_tables():
    graph = dataflow(TREE, {"N": 2}, library={"leaf": LEAF}.__getitem__)
    widths = {signal.name: signal.bits for signal in graph.signals}
    assert widths == {"clk": 1, "clear": 1, "a": 8, "pick": 2, "acc": 5, "all": 10, "one": 5,
                      "row[0].plus.x": 4, "row[0].plus.y": 5, "row[1].plus.x": 4, "row[1].plus.y": 5}
    assert graph.parameters == (("N", 2), ("W", 4))
    assert {op for op in graph.operations if op.kind == "Plus"} == {
        Operation("Plus", 5, (4, 4), "row[0].plus.y"), Operation("Plus", 5, (4, 4), "row[1].plus.y")}
    assert [op for op in graph.operations if op.target == "one"] == [
        Operation("Case", 5, (2, 2), "one"), Operation("Select", 5, (2,), "one")]
    assert not any(op.kind in ("Times", "Sll") for op in graph.operations)
    assert {Edge("a", "row[1].plus.x"), Edge("row[1].plus.y", "all"), Edge("clear", "acc", ("Control",)),
            Edge("one", "acc")} <= set(graph.edges)
    stages = {signal.name: signal.stage for signal in graph.signals}
    assert (stages["row[0].plus.y"], stages["one"], stages["acc"]) == ("Increment", "Choose", "Keep")


def test_a_loop_is_drawn_as_one_box():
    small = diagram(dataflow(TREE, {"N": 4}, library={"leaf": LEAF}.__getitem__))
    boxes = {box.name: box for box in small.boxes}
    assert set(boxes) == {"a", "row", "all", "pick", "acc"}  # acc holds what `one` only names
    assert boxes["row"].turns == 4 and boxes["row"].operators == ("Plus",)
    assert boxes["acc"].kind == "register" and boxes["acc"].operators == ("Case", "Select") and boxes["a"].kind == "input"
    assert Arrow("a", "row") in small.arrows and Arrow("row", "all") in small.arrows


@pytest.mark.parametrize("module", sorted(path.stem for path in paths.RTL.glob("*.v")))
def test_every_module_has_a_diagram_without_loops_but_through_registers(module):
    small = diagram(dataflow(rtl(module)))
    assert len(small.boxes) <= 14
    kinds = {box.name: box.kind for box in small.boxes}
    left = set(kinds)
    arrows = [(arrow.source, arrow.target) for arrow in small.arrows if kinds[arrow.source] != "register"]
    while free := {name for name in left if not any(target == name and source in left for source, target in arrows)}:
        left -= free
    assert left == set()
    assert {"input"} <= set(kinds.values())


def test_diagrams_join_what_does_not_fit():
    graph = dataflow(rtl("minifloat_mac"))
    for most in (14, 10, 7):
        small = diagram(graph, most)
        assert len(small.boxes) <= most
        assert {"a", "b", "acc"} <= {box.name for box in small.boxes}
        assert Arrow("acc", "acc") in small.arrows
    assert "Times" in {step for box in small.boxes for step in box.operators}


def test_an_inverted_signal_is_marked():
    small = diagram(dataflow(rtl("minifloat_mac")))
    inverted = {(arrow.source, arrow.target) for arrow in small.arrows if arrow.inverted}
    assert inverted == {("normal_a", "exponent_a"), ("normal_b", "exponent_b")}


@pytest.mark.parametrize("text, reason", [
    ("module m #(parameter W = 2) (input wire a, output wire b); assign b = a; endmodule", "no parameter V: it has W"),
    ("module m #(parameter V = 2) (input wire a, output wire b);\nreg [3:0] t [0:7];\nassign b = a; endmodule",
     "line 2.*t is a memory"),
    ("module m #(parameter V = 2) (input wire a, output wire b);\nwire [a:0] t = 0; endmodule", "line 2.*no constant"),
    ("module m #(parameter V = 2) (input wire a, output wire b);\nassign b = c; endmodule", "line 2.*c is not declared"),
])
def test_what_cannot_be_read_is_named(text, reason):
    with pytest.raises(BadInput, match=reason):
        dataflow(text, {"V": 3})


def small(item: str = "assign b = a;", value: str = "2") -> str:
    return f"module m #(parameter W = {value}) (input wire [3:0] a, output wire [3:0] b);\n{item}\nendmodule"


@pytest.mark.parametrize("value, reason", [
    ("1 / 0", "division by zero"), ("1 % 0", "division by zero"), ("0 ** -1", "division by zero"),
    ("1 << -1", "negative distance"),
    ("1 << 99999999999", "more than 65536 bits"), ("2 ** 9999999999", "more than 65536 bits"), ("9" * 5000, "is no number"),
    ("8'dx", "8'dx is no number"), ("{99999999{1'b1}}", "more than 65536 bits"), ("{-1{1'b1}}", "a width of -1 bits"),
    ("$clog2()", "clog2 is not known"), ("$random(3)", "random is not known"),
    ("+".join("1" * 200), "line:1 .*nested more than 100 deep"),
])
def test_a_parameter_without_a_value_is_named(value, reason):
    with pytest.raises(BadInput, match=reason):
        dataflow(small(value=value))


@pytest.mark.parametrize("item, reason", [
    ("wire [99999999999:0] t = 0;", "line 2.*t has more than"), ("wire t; wire t;", "line 2.*t is declared twice"),
    ("nosuch u (.a(a));", "line 2.*no module nosuch"), ("and g (b, a, a);", "line 2.*no module and"),
    ("shift_left u[1:0] (.number(a), .distance(a[2:0]), .shifted(b));", "line 2.*u is an array of instances"),
    ("shift_left u (.number(a), .distance(a[2:0]), .shifted(b + 1));", "line 2.*Plus stands where a name is needed"),
    ("assign W = a;", "line 2.*W is a constant"),
    ("genvar i; generate for (i = 0; i < 4; i = i + 1) assign b[i] = a[i]; endgenerate", "block with a name"),
    ("genvar i; generate for (i = 0; i < 4; i = i) begin : g assign b[i] = a[i]; end endgenerate", "more than 16384 turns"),
    ("integer i, j;\nalways @* for (i = 0; i < 999; i = i + 1) for (j = 0; j < 999; j = j + 1) b = a;", "line 3.*loops of more"),
    ("integer i; always @* for (i[0] = 0; i < 4; i = i + 1) b = a;", "plain name as its counter"),
])
def test_an_item_that_the_walk_does_not_know_is_named(item, reason):
    with pytest.raises(BadInput, match=reason):
        dataflow(small(item))


@pytest.mark.parametrize("header", ["module m (a, b);\ninput a; output b;", "module m (inout wire a, output wire b);"])
def test_ports_stand_in_the_header(header):
    with pytest.raises(BadInput, match="line 1.*in the module's header, as input or output"):
        dataflow(f"{header}\nassign b = a;\nendmodule")


def test_a_module_that_holds_itself_is_named():
    text = small("m u (.a(a), .b(b));")
    with pytest.raises(BadInput, match="line 2.*instances in instances, more than 64 deep"):
        dataflow(text, library=lambda name: text)


def test_what_is_not_too_deep_to_be_read_can_be_walked():
    text = "// Sums.\n" + small("assign b = " + "+".join("a" * (DEEPEST - 6)) + ";")
    assert interfaces(text) and operators(text)["Plus"] == DEEPEST - 7
    assert {finding.rule for finding in lint(text, "m.v")} <= {"length", "unused"}
    assert {box.name for box in diagram(dataflow(text)).boxes} == {"a", "b"}
    with pytest.raises(BadInput, match="nested more than"):
        interfaces(text.replace("a+", "a+" * 9))


def test_nested_expressions_take_time_in_proportion():
    """Forty concatenations in one another: each asks for the width and the value of the next."""
    found = dataflow(small("assign b = " + 40 * "{1 + " + "a" + 40 * "}" + ";"))
    assert sum(operation.kind == "Plus" for operation in found.operations) == 40
    assert dataflow(small(value=40 * "{1'b1 & " + "1'b1" + 40 * "}")).parameters == (("W", 1),)


def test_constants_are_those_of_yosys(tmp_path):
    """Division cuts towards zero and a remainder has the dividend's sign; Python's own round down."""
    rng = random.Random(1364)
    expressions = ["-7 / 2", "-7 % 2", "7 % -2", "2 ** -1", "(-1) ** -3", "1 ** -2"]
    while len(expressions) < 60:
        x, y, z = (f"({rng.randint(-9, 9)})" for _ in range(3))
        first, second = rng.choices("+-*/%", k=2)
        if not (first in "/%" and y == "(0)" or second in "/%"):
            expressions.append(rng.choice((f"{x} {first} {y} {second} {z}", f"({x} {first} {y}) {second} {z}")))
    expressions += ["W[7 -: 4]", "W[4 +: 4]", "W[7:4]", "W[2]"]
    wires = "\n".join(f"wire [800 + ({text}) : 0] w{place} = a;" for place, text in enumerate(expressions))
    text = f"module m #(parameter W = 180) (input wire a, output wire b);\n{wires}\nassign b = a;\nendmodule"
    named = {name: len(net["bits"]) for name, net in elaborated([text], "m", {}, tmp_path)["netnames"].items()}
    assert {signal.name: signal.bits for signal in dataflow(text).signals} == {name: named[name] for name in (
        "a", "b", *(f"w{place}" for place in range(64)))}
    assert named["w0"] == 801 - 3 and named["w1"] == 801 - 1 and named["w2"] == 801 + 1
    assert named["w60"] == named["w61"] == named["w62"] == 801 + 11
