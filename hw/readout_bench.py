"""A self-checking test bench to take away with a read-out: plain Verilog-2001, no files, no includes, any simulator.

It looks each code up in a table of the smallest sum that gets it, which comes from the values and codes of repro.formats.
The RTL has no such table: it shifts, rounds and saturates.
"""

import math
from fractions import Fraction

from hw.readout import EXHAUSTIVE_BITS, Readout, Requantize, ToMinifloat

RANDOM = 2**14
"""Pseudo-random inputs where there are too many to run all."""


def least(design: Readout) -> list[tuple[int, int]]:
    """Ascending (smallest number that gets a code, the code): for acc, or for acc times the multiplier.

    Only of codes that some input can get; the first has no number below it, so its own stands for every smaller one.
    """
    worth = Fraction(design.unit) if isinstance(design, ToMinifloat) else Fraction(1, 2**design.shift)
    values = design.fmt.values()
    ranked = list(zip(map(Fraction, values.tolist()), design.fmt.encode(values).tolist()))
    if isinstance(design, ToMinifloat):     # a negative sum that rounds to nothing is minus zero
        ranked.insert(len(ranked) // 2, (Fraction(0), int(design.fmt.encode(-0.0))))
    largest = 2 ** (design.acc_bits - 1) * (2 ** getattr(design, "multiplier_bits", 0) - 1 or 1)
    table = [(-largest, ranked[0][1])]
    for (low, code_below), (high, code) in zip(ranked, ranked[1:]):
        middle = (low + high) / 2 / worth
        first = math.ceil(middle)
        first += first == middle and code_below % 2 == 0 and low != high    # a tie goes to the even code
        if first <= table[-1][0]:   # no number gets the code before
            table[-1] = (table[-1][0], code)
        elif first < largest:
            table.append((first, code))
    return table


def testbench(design: Readout) -> str:
    """Verilog of the module ``<design.name>_tb``, which needs the read-out's Verilog beside it.

    Runs every input, when there are at most 2**16. Else: the sums at which the code changes and their neighbours (with a
    multiplier: for pseudo-random ones), both ends of the register, and pseudo-random sums of every length. Prints "PASS n
    codes", or "FAIL" with both codes at the first difference, and stops.
    """
    table, scaled, p, bits = least(design), isinstance(design, Requantize), design.acc_bits, design.fmt.bits
    factor = getattr(design, "multiplier_bits", 0)
    width = p + factor + 1
    entries = "\n".join(f"        least[{i}] = {'-' * (number < 0)}{width}'sd{abs(number)}; codes[{i}] = {bits}'d{code};"
                        for i, (number, code) in enumerate(table))
    declared = f"    reg [{factor - 1}:0] multiplier;\n" if scaled else ""
    port = ".multiplier(multiplier), " if scaled else ""
    value = f"$signed({{{{{factor + 1}{{acc[{p - 1}]}}}}, acc}}) * $signed({{{p + 1}'d0, multiplier}})" if scaled else (
        f"{{acc[{p - 1}], acc}}")
    shown = ("multiplier = %0d, ", "multiplier, ") if scaled else ("", "")
    every = p + factor <= EXHAUSTIVE_BITS
    inputs = "{multiplier, acc}" if scaled else "acc"
    run = _EVERY.format(inputs=inputs, last=p + factor - 1, count=2 ** (p + factor)) if every else (
        _SAMPLE.format(p=p, top=p - 1, random=RANDOM, entries=len(table),
                       draw=_DRAW.format(factor=factor) if scaled else "",
                       near=f"least[i] / $signed({{{p + 1}'d0, multiplier}})" if scaled else "least[i]",
                       when="count % 2048 == 0 && multiplier != 0" if scaled else "count == 0",
                       full=f"        multiplier = {{{factor}{{1'b1}}}};\n" if scaled else ""))
    return f"""\
// Checks {design.name}: prints "PASS" and the number of codes compared, or "FAIL" and the first that differs.
// Compile both files, for example: iverilog -g2001 -o check read.v read_tb.v && vvp check
module {design.name}_tb;
    localparam W = {width};     // bits that hold every number here
    localparam N = {len(table)};     // codes that can come out
    reg signed [{p - 1}:0] acc;
{declared}    wire [{bits - 1}:0] code;

    {design.name} dut (.acc(acc), {port}.code(code));

    reg signed [W-1:0] least [0:N-1];   // smallest number that gets a code, ascending
    reg [{bits - 1}:0] codes [0:N-1];
    reg signed [W-1:0] number;
    reg [{bits - 1}:0] wanted;
    reg failed;
    integer compared, low, high, middle;
{_NAMES_EVERY if every else _NAMES_SAMPLE}
    task compare;
        begin
            #1 number = {value};
            low = 0;
            high = N;
            while (high - low > 1) begin
                middle = (low + high) / 2;
                if (number >= least[middle]) low = middle;
                else high = middle;
            end
            wanted = codes[low];
            if (code !== wanted && !failed) begin
                failed = 1;
                $display("FAIL after %0d codes: acc = %0d, {shown[0]}code is %b and should be %b",
                         compared, acc, {shown[1]}code, wanted);
                $finish;
            end
            compared = compared + 1;
        end
    endtask

    initial begin
{entries}
        failed = 0;
        compared = 0;
{run}        if (!failed) $display("PASS %0d codes", compared);
        $finish;
    end
endmodule
"""


_NAMES_EVERY = "    integer count;\n"
_NAMES_SAMPLE = """\
    integer count, i, j, bits;
    reg signed [W-1:0] near;
    localparam signed [W-1:0] ONE = 1;
"""
_EVERY = """\
        for (count = 0; count < {count}; count = count + 1) begin
            {inputs} = count[{last}:0];
            compare;
        end
"""
_DRAW = """\
            bits = $random;
            for (i = 0; i < {factor}; i = i + 1) begin
                multiplier[i] = bits[0];
                bits = bits >>> 1;
                if (i % 32 == 31) bits = $random;
            end
"""
_SAMPLE = """\
        for (count = 0; count < {random}; count = count + 1) begin
{draw}            bits = $random;
            for (i = 0; i < {p}; i = i + 1) begin
                acc[i] = bits[0];
                bits = bits >>> 1;
                if (i % 32 == 31) bits = $random;
            end
            acc = acc >>> count % {p};
            compare;
            if ({when})
                for (i = 0; i < N; i = i + 1) begin
                    near = {near} - ONE;
                    for (j = 0; j < 3; j = j + 1) begin
                        acc = near[{top}:0];
                        compare;
                        near = near + ONE;
                    end
                end
        end
{full}        acc = {{1'b1, {{{top}{{1'b0}}}}}};
        compare;
        acc = ~acc;
        compare;
"""
