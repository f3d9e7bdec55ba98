// Multiply-accumulate for two's-complement integers: acc <- acc + a * b.
//
// The contract that every MAC in this folder keeps:
//   clk    everything happens on its rising edge
//   clear  synchronous: the register becomes zero and this cycle's product is
//          dropped. It drives the reset pin that every flip-flop has anyway, so
//          it costs no LUT.
//   a, b   the operands, as codes of their formats
//   acc    the register: P bits, two's complement, wrapping modulo 2**P
//
// A dot product of length k is one cycle of clear and k cycles of operands; acc
// holds the sum after the last. It never wraps when P is
// repro.accumulators.exact_width(a, b, k).

module int_mac #(
    parameter WA = 8,   // bits of a, sign included
    parameter WB = 8,   // bits of b, sign included
    parameter P = 28    // bits of the accumulator
) (
    input  wire                 clk,
    input  wire                 clear,
    input  wire signed [WA-1:0] a,
    input  wire signed [WB-1:0] b,
    output reg  signed [P-1:0]  acc
);

    // The product is exact: |a * b| <= 2**(WA+WB-2) fits WA+WB bits with its sign.
    wire signed [WA+WB-1:0] product = a * b;

    // Both operands are signed, so Verilog extends the product's sign to P bits.
    always @(posedge clk)
        if (clear)
            acc <= 0;
        else
            acc <= acc + product;

endmodule
