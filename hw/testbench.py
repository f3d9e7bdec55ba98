"""A self-checking test bench to take away with a MAC: plain Verilog-2001, no files, no includes, any simulator.

It feeds the MAC every operand pair and compares each sum with a reference of its own. The reference works by value, not
as the RTL does: it doubles a significand as often as the exponent says, and adds what `*` makes of two whole numbers.
"""

from hw.generate import Mac
from repro.formats import Format

PAIRS = 2**16
"""The most pairs that are all run; of more, this many pseudo-random ones are."""

_LIMITS = """\
    localparam signed [W-1:0] HIGHEST = {{1'b0, {{{top}{{1'b1}}}}}};
    localparam signed [W-1:0] LOWEST = -HIGHEST - 1;

"""
_SATURATE = """\
            if (total > HIGHEST) total = HIGHEST;
            if (total < LOWEST) total = LOWEST;
"""


def testbench(mac: Mac) -> str:
    """Verilog of the module ``<mac.name>_tb``, which needs mac_verilog's text beside it.

    Runs all operand pairs in code order as one sum (of more than 2**16 pairs, that many pseudo-random ones), then clears
    the register. Prints "PASS n sums", or "FAIL" with both sums at the first difference, and stops.
    """
    bits = mac.a.bits + mac.b.bits
    every = 2**bits <= PAIRS
    pair = "count" if every else "{$random(seed), $random(seed)}"
    width = max(sum(_width(fmt) for fmt in (mac.a, mac.b)), mac.acc_bits) + 1
    top = mac.acc_bits - 1
    return f"""\
// Checks {mac.name}: prints "PASS" and the number of sums compared, or "FAIL" and the first that differs.
// Compile both files, for example: iverilog -g2001 -o check mac.v mac_tb.v && vvp check
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
    integer count, edges, sums, seed;

{_LIMITS.format(top=top) * mac.saturate}{_function(mac.a, "a")}
{_function(mac.b, "b")}
    task step(input drop, input [{bits - 1}:0] operands);
        begin
            {{a, b}} = operands;
            clear = drop;
            #5 clk = 1;
            #5 clk = 0;
            if (LATENCY == 2) due = wanted;
            total = drop ? 0 : wanted + value_a(a) * value_b(b);
{_SATURATE * mac.saturate}            wanted = total;             // its lowest {mac.acc_bits} bits
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
        seed = 1;
        step(1, {{{bits}{{1'b1}}}});
        for (count = 0; count < {min(2**bits, PAIRS)}; count = count + 1)
            step(0, {pair});
        step(1, {{{bits}{{1'b1}}}});    // a product that clear drops
        step(1, 0);
        if (!failed) $display("PASS %0d sums", sums);
        $finish;
    end
endmodule
"""


def _width(fmt: Format) -> int:
    """Bits of a signed number that holds every value of the format, in subnormal steps."""
    return fmt.bits + 1 if fmt.kind == "integer" else 2**fmt.exponent_bits + fmt.mantissa_bits + 1


def _function(fmt: Format, name: str) -> str:
    """Verilog of the function value_<name>: a code's value in subnormal steps."""
    value, sign = f"value_{name}", fmt.bits - 1
    if fmt.kind == "integer":
        lines = [f"{value} = code;"] + [f"if (code[{sign}]) {value} = {value} - {2**fmt.bits};"] * fmt.signed
    else:
        m = fmt.mantissa_bits
        lines = [f"exponent = code[{sign - 1}:{m}];",
                 f"{value} = {f'code[{m - 1}:0]' if m else '0'};",
                 f"if (exponent > 0) {value} = {value} + {2**m};",
                 f"for (i = 1; i < exponent; i = i + 1) {value} = {value} + {value};",
                 f"if (code[{sign}]) {value} = -{value};"]
    body = "\n".join(f"            {line}" for line in lines)
    return f"""\
    function signed [W-1:0] {value}(input [{sign}:0] code);
        integer exponent, i;
        begin
{body}
        end
    endfunction
"""
