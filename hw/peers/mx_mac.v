// MX-for-FPGA's minifloat multiplier in our shell: the ports, the register and the
// clear of hw/rtl's MACs, so that it is counted and checked as they are.
//
// Its product is exact, two's complement, and counts in units of
// min_subnormal(a) * min_subnormal(b), as ours does; only the way there differs.

module mx_mac #(
    parameter E = 4,    // exponent bits of a and b
    parameter M = 3,    // mantissa bits of a and b
    parameter P = 49    // bits of the accumulator
) (
    input  wire                clk,
    input  wire                clear,
    input  wire [E+M:0]        a,
    input  wire [E+M:0]        b,
    output reg  signed [P-1:0] acc
);

    wire signed [2*((1<<E)+M)-1:0] product;

    mul_fp #(.exp_width(E), .man_width(M)) multiply (.i_op0(a), .i_op1(b), .o_prd(product));

    always @(posedge clk)
        if (clear)
            acc <= 0;
        else
            acc <= acc + product;

endmodule
