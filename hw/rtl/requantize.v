// Read-out: an exact sum times a scale, rounded half to even, saturated to an integer.
//
//   acc         the register of a MAC: P bits, two's complement
//   multiplier  the scale's digits: WM bits, unsigned
//   code        acc * multiplier / 2**S in WO bits; beyond their range, its nearest end
//
// A scale written as multiplier / 2**S is a dyadic number. S is a constant here, so a
// channel's scale is its multiplier. The product is exact; rounding happens once.
// Booth recodes the accumulator, not the multiplier: that is as many LUTs a row as the
// multiplier is wide, and no row for the sign that an unsigned number has not got.

module requantize #(
    parameter P = 28,       // bits of the accumulator
    parameter WM = 8,       // bits of the multiplier
    parameter S = 22,       // bits of the product that are rounded away
    parameter WO = 8,       // bits of the code
    parameter SIGNED = 1    // code: 1 two's complement, 0 unsigned
) (
    input  wire signed [P-1:0]  acc,
    input  wire        [WM-1:0] multiplier,
    output wire        [WO-1:0] code
);

    wire [P-1:0] sum = $unsigned(acc);
    wire [P+WM-1:0] product;
    wire signed [P+WM-1:0] scaled = $signed(product);

    booth_product #(.WA(WM), .WB(P), .A_SIGNED(0), .B_SIGNED(1)) scale (
        .a(multiplier), .b(sum), .product(product)
    );

    to_integer #(.P(P+WM), .S(S), .WO(WO), .SIGNED(SIGNED)) round (
        .acc(scaled), .code(code)
    );

endmodule
