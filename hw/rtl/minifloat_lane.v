// A lane of a dot product, for minifloats, exact: acc <- acc + the sum of SIMD products.
//
// Ports as in int_lane.v. The products are fixed-point numbers, as wide as the two
// formats reach together, and so are the tree's adders: what the exponent bits cost is
// paid at every adder, not only at the accumulator.

module minifloat_lane #(
    parameter EA = 4,       // exponent bits of an operand a
    parameter MA = 3,       // mantissa bits of a
    parameter EB = 4,       // exponent bits of an operand b
    parameter MB = 3,       // mantissa bits of b
    parameter F = 3,        // as in minifloat_product.v
    parameter BOOTH = 0,
    parameter SIMD = 4,     // products in a clock cycle
    parameter P = 49        // bits of the accumulator
) (
    input  wire                       clk,
    input  wire                       clear,
    input  wire [SIMD*(1+EA+MA)-1:0]  a,
    input  wire [SIMD*(1+EB+MB)-1:0]  b,
    output reg  signed [P-1:0]        acc
);

    localparam WA = 1 + EA + MA;
    localparam WB = 1 + EB + MB;
    localparam CHAIN = (SIMD % 4 == 0) ? 4 : 1;
    localparam W = 2**EA + 2**EB + MA + MB - 1;     // bits of a product with its sign
    wire [SIMD*W-1:0] products;
    wire [SIMD-1:0] negative;
    localparam T = W + $clog2(CHAIN) + $clog2(SIMD / CHAIN);    // bits of a sum of products
    wire signed [T-1:0] sum;
    wire carry;

    genvar i;
    generate
        for (i = 0; i < SIMD; i = i + 1) begin : multiplier
            wire signed [W-1:0] product;
            minifloat_product #(.EA(EA), .MA(MA), .EB(EB), .MB(MB), .F(F), .BOOTH(BOOTH)) multiply (
                .a(a[WA*i +: WA]), .b(b[WB*i +: WB]), .product(product), .negative(negative[i])
            );
            assign products[W*i +: W] = $unsigned(product);
        end
    endgenerate

    adder_tree #(.N(SIMD), .W(W), .CHAIN(CHAIN)) tree (
        .terms(products), .carries(negative), .sum(sum), .carry(carry)
    );

    // A sum, written as a difference for the reason given in booth_product.v.
    wire [P-1:0] extended;
    wire [T-1:0] unused_sign;
    wire signed [P-1:0] next;
    wire unused;

    assign {unused_sign, extended} = {{P{sum[T-1]}}, sum};
    assign {next, unused} = {acc, carry} - {~extended, 1'b1};

    always @(posedge clk)
        if (clear)
            acc <= 0;
        else
            acc <= next;

endmodule
