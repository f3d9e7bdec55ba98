"""A self-checking test bench to take away with a lane: as hw.testbench makes one for a MAC, with several products a cycle."""

from hw.lane import Lane
from hw.testbench import PAIRS, value_function, value_width


def testbench(lane: Lane) -> str:
    """Verilog of the module ``<lane.name>_tb``, which needs the lane's Verilog beside it.

    Every position runs through all operand pairs in an order of its own (of more than 2**16 pairs, it gets that many
    pseudo-random ones), all as one sum; then the register is cleared. Prints "PASS n sums", or "FAIL" with both sums at the
    first difference, and stops.
    """
    bits_a, bits_b = lane.a.bits, lane.b.bits
    bits = bits_a + bits_b
    pair = f"(2 * i + 1) * count + {2**bits // 3} * i" if 2**bits <= PAIRS else "$random"
    width = max(sum(value_width(fmt) for fmt in (lane.a, lane.b)) + lane.simd.bit_length(), lane.acc_bits) + 1
    top = lane.acc_bits - 1
    above, drawn = (f"    reg [{31 - bits}:0] unused_top;\n", "{unused_top, pair}") if bits < 32 else ("", "pair")
    return f"""\
// Checks {lane.name}: prints "PASS" and the number of sums compared, or "FAIL" and the first that differs.
// Compile both files, for example: iverilog -g2001 -o check lane.v lane_tb.v && vvp check
module {lane.name}_tb;
    localparam SIMD = {lane.simd};
    localparam W = {width};     // bits that hold every value, product and sum here
    reg clk, clear, failed;
    reg [SIMD*{bits_a}-1:0] a;
    reg [SIMD*{bits_b}-1:0] b;
    wire signed [{top}:0] acc;

    {lane.name} dut (.clk(clk), .clear(clear), .a(a), .b(b), .acc(acc));

    reg signed [{top}:0] wanted;
    reg signed [W-1:0] total;
    reg [{bits - 1}:0] pair;
{above}    integer count, sums, i;

{value_function(lane.a, "a", width)}
{value_function(lane.b, "b", width)}
    task step(input drop);
        begin
            clear = drop;
            #5 clk = 1;
            #5 clk = 0;
            total = {{{{W-{lane.acc_bits}{{wanted[{top}]}}}}, wanted}};
            for (i = 0; i < SIMD; i = i + 1)
                total = total + value_a(a[{bits_a}*i +: {bits_a}]) * value_b(b[{bits_b}*i +: {bits_b}]);
            if (drop) total = 0;
            wanted = total[{top}:0];
            if (acc !== wanted && !failed) begin
                failed = 1;
                $display("FAIL after %0d sums: a = %h, b = %h, clear = %b: acc is %h and should be %h",
                         sums, a, b, clear, acc, wanted);
                $finish;
            end
            sums = sums + 1;
        end
    endtask

    initial begin
        clk = 0;
        failed = 0;
        sums = 0;
        a = {{SIMD*{bits_a}{{1'b1}}}};
        b = {{SIMD*{bits_b}{{1'b1}}}};
        step(1'b1);
        for (count = 0; count < {min(2**bits, PAIRS)}; count = count + 1) begin
            for (i = 0; i < SIMD; i = i + 1) begin
                {drawn} = {pair};
                {{a[{bits_a}*i +: {bits_a}], b[{bits_b}*i +: {bits_b}]}} = pair;
            end
            step(1'b0);
        end
        step(1'b1);    // products that clear drops
        if (!failed) $display("PASS %0d sums", sums);
        $finish;
    end
endmodule
"""
