// A lane of a dot product, for integers: acc <- acc + the sum of SIMD products.
//
// Ports as in int_mac.v, but a and b hold SIMD operands each, operand i from bit WA*i
// and WB*i. Only one accumulator is as wide as the whole dot product: the adders of the
// tree are as wide as a few products.

module int_lane #(
    parameter WA = 8,           // bits of an operand a
    parameter WB = 8,           // bits of an operand b; fewer rows if b is the narrower one
    parameter A_SIGNED = 1,     // 1: two's complement, 0: unsigned
    parameter B_SIGNED = 1,
    parameter SIMD = 4,         // products in a clock cycle
    parameter P = 28            // bits of the accumulator
) (
    input  wire                clk,
    input  wire                clear,
    input  wire [SIMD*WA-1:0]  a,
    input  wire [SIMD*WB-1:0]  b,
    output reg  signed [P-1:0] acc
);

    localparam UNSIGNED = !A_SIGNED && !B_SIGNED;
    localparam W = UNSIGNED ? WA + WB + 1 : WA + WB;     // the tree's terms have a sign
    wire [SIMD*W-1:0] products;
    localparam T = W + $clog2(SIMD);        // bits of a sum of products
    wire signed [T-1:0] sum;
    wire unused;

    genvar i;
    generate
        for (i = 0; i < SIMD; i = i + 1) begin : multiplier
            wire [WA+WB-1:0] product;
            booth_product #(.WA(WA), .WB(WB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED)) rows (
                .a(a[WA*i +: WA]), .b(b[WB*i +: WB]), .product(product)
            );
            if (UNSIGNED) begin : positive
                assign products[W*i +: W] = {1'b0, product};
            end else begin : whole
                assign products[W*i +: W] = product;
            end
        end
    endgenerate

    adder_tree #(.N(SIMD), .W(W)) tree (
        .terms(products), .carries({SIMD{1'b0}}), .sum(sum), .carry(unused)
    );

    wire signed [P-1:0] term;
    wire [T-1:0] unused_sign;

    assign {unused_sign, term} = {{P{sum[T-1]}}, sum};

    always @(posedge clk)
        if (clear)
            acc <= 0;
        else
            acc <= acc + term;

endmodule
