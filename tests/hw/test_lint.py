"""Each rule of the lint notices the snippets that break it, and hw/rtl breaks none."""

import pytest

from hw.lint import RULES, Finding, lint, lint_folder
from repro import paths

GOOD = """\
// Adds.
module m #(
    parameter W = 4
) (
    input  wire         clk,
    input  wire         clear,
    input  wire [W-1:0] a,
    output reg  [W-1:0] y
);
    reg [W-1:0] next;
    always @* begin
        next = y;
        if (a[0]) next = y + a;
    end
    always @(posedge clk)
        if (clear) y <= 0;
        else y <= next;
endmodule
"""

BAD = {
    "header": [("// Adds.\n", "")],
    "length": [("// Adds.", "// Adds." + 130 * " ")],
    "directive": [("// Adds.", "// Adds.\n`timescale 1ns/1ps"),
                  ("    reg [W-1:0] next;", '`include "x.vh"\n    reg [W-1:0] next;')],
    "systemverilog": [("always @*", "always_comb"), ("always @(posedge clk)", "always_ff @(posedge clk)"), ("next", "packed")],
    "syntax": [("y + a", "4'(y + a)"), ("next = y;", "next = '0;"), ("clear", "5clear"), ("endmodule", "")],
    "module": [("module m", "module n"),
               ("endmodule", "endmodule\nmodule n (input wire a, output wire b);\nassign b = a;\nendmodule")],
    "parameter": [("W = 4", "W = 4, V = W"), ("    reg [W-1:0] next;", "    parameter V = 1;\n    reg [W-V:0] next;"),
                  ("    reg [W-1:0] next;", "    localparam U = 1, V = U;\n    reg [W-V:0] next;")],
    "ports": [("input  wire         clear", "input clear"), ("output reg  [W-1:0] y", "inout wire [W-1:0] y")],
    "synthesis": [("    always @*", "    initial next = 0;\n    always @*"), ("y + a", "y + $random + a"),
                  ("y <= 0", "y <= 4'bx")],
    "clock": [("posedge clk", "negedge clk"), ("posedge clk", "posedge clk or posedge clear"),
              ("posedge clk", "posedge clear")],
    "assignment": [("y <= next", "y = next"), ("next = y + a", "next <= y + a")],
    "sensitivity": [("always @*", "always @(a or y)")],
    "latch": [("        next = y;\n", ""), ("        next = y;\n", "        next[0] = y[0];\n"),
              ("next = y;\n        if (a[0]) next = y + a;", "case (a) 0: next = y; 1: next = a; endcase")],
    "undeclared": [("    reg [W-1:0] next;\n", ""),
                   ("    reg [W-1:0] next;", "    reg [W-1:0] next;\n    wire u = v;\n    wire v = u;")],
    "unused": [("if (clear) y <= 0;\n        else y", "y"),
               ("    reg [W-1:0] next;", "    wire u = clear;\n    reg [W-1:0] next;"),
               ("    parameter W = 4", "    parameter W = 4,\n    parameter V = 4"),
               ("y <= 0;\n        else y <= next", "next <= 0")],
    "undriven": [("    reg [W-1:0] next;", "    wire u;\n    wire v = u;\n    reg [W-1:0] next;")],
    "loop": [("    reg [W-1:0] next;", "    wire [1:0] u;\n    assign u[0] = a[0];\n    assign u[1] = u[0];\n    reg [W-1:0] next;"),
             ("    reg [W-1:0] next;", "    wire [1:0] u;\n    wire v = u[0];\n    assign u = {v, a[0]};\n    reg [W-1:0] next;")],
}
"""Rule -> replacements in GOOD that break it."""
def test_the_snippet_that_the_others_break_is_clean():
    assert lint(GOOD, "m.v") == []


def test_every_rule_is_tried():
    assert set(BAD) == set(RULES)


@pytest.mark.parametrize("rule, old, new", [(rule, *change) for rule, changes in BAD.items() for change in changes])
def test_a_broken_rule_is_found(rule, old, new):
    assert old in GOOD
    assert rule in {finding.rule for finding in lint(GOOD.replace(old, new), "m.v")}


def test_a_finding_names_file_and_line():
    first, *rest = lint(GOOD.replace("posedge clk", "negedge clk"), "m.v")
    assert rest == [] and first == Finding("m.v", 15, "clock", first.message)
    assert str(first).startswith("m.v:15: ") and str(first).endswith("(clock)")


@pytest.mark.parametrize("always", [
    "always @* case (a) 0: next = 1; default: next = y; endcase",
    "always @* if (clear) next = 1; else if (a > 2) next = a; else next = y;",
    "integer i;\n    always @* for (i = 0; i < W; i = i + 1) next[i] = a[i] ^ y[i];",
])
def test_complete_blocks_are_no_latches(always):
    start, end = GOOD.index("    always @*"), GOOD.index("    always @(posedge")
    assert lint(f"{GOOD[:start]}    {always}\n{GOOD[end:]}", "m.v") == []


def test_loops_generates_functions_and_instances_are_clean():
    text = """\
// A tree.
module m #(
    parameter N = 4
) (
    input  wire [N-1:0] a,
    output wire [N-1:0] y,
    output wire         z
);
    function [1:0] twice;
        input x;
        twice = {x, x};
    endfunction

    genvar i;
    generate
        for (i = 0; i < N; i = i + 1) begin : row
            wire [1:0] pair = twice(a[i]);
            assign y[i] = pair[0] ^ pair[1];
        end
    endgenerate

    leaf #(.N(N)) one (.a(a), .z(z));
endmodule
"""
    assert lint(text, "m.v") == []


def test_a_comment_in_another_encoding_is_no_finding(tmp_path):
    (tmp_path / "m.v").write_bytes(GOOD.replace("Adds.", "Adds bits (Jürgen).").encode("latin-1"))
    assert lint_folder(tmp_path) == []
    (tmp_path / "m.v").write_bytes(GOOD.replace("clear", "clé").encode("latin-1"))
    assert {finding.rule for finding in lint_folder(tmp_path)} == {"syntax"}


def test_stages_with_wires_of_their_own_and_bits_that_no_one_wants_are_clean():
    text = """\
// Counts.
module m #(
    parameter N = 4
) (
    input  wire [N-1:0] a,
    output wire [N-1:0] y
);
    genvar i;
    generate
        for (i = 0; i < N; i = i + 1) begin : row
            wire [N-1:0] sum;
            wire unused;
            if (i == 0) begin : first
                assign {unused, sum} = {1'b0, a};
            end else begin : later
                assign {unused, sum} = row[i-1].sum + {1'b0, a};
            end
        end
    endgenerate
    assign y = row[N-1].sum;
endmodule
"""
    assert lint(text, "m.v") == []


def test_hw_rtl_is_clean():
    assert list(paths.RTL.glob("*.v")) and lint_folder() == []
