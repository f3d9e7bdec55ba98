"""A self-checking test bench to take away with a MAC: plain Verilog-2001, no files, no includes, any simulator.

It feeds the MAC every operand pair and compares each sum with a reference of its own. The reference works by value, not
as the RTL does: it doubles a significand as often as the exponent says, and adds what `*` makes of two whole numbers.
Every expression has the size of what it is assigned to, so that no simulator and no lint has anything to say
(tests/hw/test_simulators.py).
"""

from hw.generate import Mac
from repro.formats import Format

PAIRS = 2**16
"""The most pairs that are all run; of more, this many pseudo-random ones are."""

_LIMITS = """\
    localparam signed [W-1:0] HIGHEST = $signed({{{{{above}{{1'b0}}}}, {{{top}{{1'b1}}}}}});
    localparam signed [W-1:0] LOWEST = ~HIGHEST;

"""
_SATURATE = """\
            if (total > HIGHEST) total = HIGHEST;
            if (total < LOWEST) total = LOWEST;
"""
_RANDOM = """\
    reg [31:0] word;    // pseudo-random, the same in every simulator

    function [31:0] after(input [31:0] last);
        begin
            after = last ^ (last << 13);
            after = after ^ (after >> 17);
            after = after ^ (after << 5);
        end
    endfunction
"""
"""Marsaglia's xorshift (Xorshift RNGs, Journal of Statistical Software 8, 2003)."""


def testbench(mac: Mac) -> str:
    """Verilog of the module ``<mac.name>_tb``, which needs mac_verilog's text beside it.

    Runs all operand pairs in code order as one sum (of more than 2**16 pairs, that many pseudo-random ones), then clears
    the register. Prints "PASS n sums", or "FAIL" with both sums at the first difference, and stops.
    """
    bits = mac.a.bits + mac.b.bits
    every = 2**bits <= PAIRS
    width = max(sum(value_width(fmt) for fmt in (mac.a, mac.b)), mac.acc_bits) + 1
    top = mac.acc_bits - 1
    above = width - mac.acc_bits
    return f"""\
// Checks {mac.name}: prints "PASS" and the number of sums compared, or "FAIL" and the first that differs.
// Compile both files, for example: iverilog -g2001 -o check mac.v mac_tb.v && vvp check
// or: verilator --binary --timing mac.v mac_tb.v && obj_dir/Vmac (with -Wall, add -Wno-DECLFILENAME: a file holds modules of
// other names).
module {mac.name}_tb;
    localparam W = {width};     // bits that hold every value, product and sum here
    localparam LATENCY = {mac.latency};
    reg clk, clear, failed;
    reg [{mac.a.bits - 1}:0] a;
    reg [{mac.b.bits - 1}:0] b;
    wire signed [{top}:0] acc;

    {mac.name} dut (.clk(clk), .clear(clear), .a(a), .b(b), .acc(acc));

    reg signed [{top}:0] wanted, due;   // the sum with this edge's product, and what the register shows by now
    reg signed [W-1:0] total;
    reg [W-{mac.acc_bits + 1}:0] unused_top;
    integer count, edges, sums;
    reg [{bits - 1}:0] pair;
{"" if every else _RANDOM}
{_LIMITS.format(top=top, above=above + 1) * mac.saturate}{value_function(mac.a, "a", width)}
{value_function(mac.b, "b", width)}
    task step(input drop, input [{bits - 1}:0] operands);
        begin
            {{a, b}} = operands;
            clear = drop;
            #5 clk = 1;
            #5 clk = 0;
            if (LATENCY == 2) due = wanted;
            if (drop) total = 0;
            else total = $signed({{{{{above}{{wanted[{top}]}}}}, wanted}}) + value_a(a) * value_b(b);
{_SATURATE * mac.saturate}            {{unused_top, wanted}} = $unsigned(total);
            if (LATENCY == 1) due = wanted;
            edges = edges + 1;
            if (edges >= LATENCY) begin
                if (acc !== due && !failed) begin
                    failed = 1;
                    $display("FAIL after %0d sums: a = %h, b = %h, clear = %b: acc is %h and should be %h",
                             sums, a, b, clear, acc, due);
                    $finish;
                end
                sums = sums + 1;
            end
        end
    endtask

    initial begin
        clk = 0;
        failed = 0;
        edges = 0;
        sums = 0;
{"" if every else "        word = 1;" + chr(10)}        step(1'b1, {{{bits}{{1'b1}}}});
        for (count = 0; count < {min(2**bits, PAIRS)}; count = count + 1) begin
            {f"pair = count[{bits - 1}:0];" if every else _draw(bits)}
            step(1'b0, pair);
        end
        step(1'b1, {{{bits}{{1'b1}}}});     // a product that clear drops
        step(1'b1, {{{bits}{{1'b0}}}});
        if (!failed) $display("PASS %0d sums", sums);
        $finish;
    end
endmodule
"""


def value_width(fmt: Format) -> int:
    """Bits of a signed number that holds every value of the format, in subnormal steps."""
    return fmt.bits + 1 if fmt.kind == "integer" else 2**fmt.exponent_bits + fmt.mantissa_bits + 1


def _draw(bits: int) -> str:
    """Statements that fill `pair` with pseudo-random bits, a word at a time."""
    pieces = [(low, min(bits, low + 32) - 1) for low in range(0, bits, 32)]
    return " ".join(f"word = after(word); pair[{high}:{low}] = word[{high - low}:0];" for low, high in pieces)


def value_function(fmt: Format, name: str, width: int) -> str:
    """Verilog of the function value_<name>: a code's value in subnormal steps, in so many bits."""
    value, sign, size = f"value_{name}", fmt.bits - 1, f"{width}'sd"
    if fmt.kind == "integer":
        counter, lines = "", [f"{value} = $signed({{{{{width - fmt.bits}{{1'b0}}}}, code}});"]
        lines += [f"if (code[{sign}]) {value} = {value} - {size}{2**fmt.bits};"] * fmt.signed
    else:
        m, e = fmt.mantissa_bits, fmt.exponent_bits + 1
        counter = f"        reg [{e - 1}:0] exponent;\n"
        mantissa = f"$signed({{{{{width - m}{{1'b0}}}}, code[{m - 1}:0]}})" if m else "0"
        lines = [f"exponent = {{1'b0, code[{sign - 1}:{m}]}};",
                 f"{value} = {mantissa};",
                 f"if (exponent > 0) {value} = {value} + {size}{2**m};",
                 f"for (exponent = exponent; exponent > 1; exponent = exponent - 1) {value} = {value} + {value};",
                 f"if (code[{sign}]) {value} = -{value};"]
    body = "\n".join(f"            {line}" for line in lines)
    return f"""\
    function signed [W-1:0] {value}(input [{sign}:0] code);
{counter}        begin
{body}
        end
    endfunction
"""
