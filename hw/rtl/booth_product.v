// An exact product by radix-4 Booth recoding: half as many rows as b has bits.
//
// Three neighbouring bits of b make one digit, -2, -1, 0, 1 or 2, and the digits
// weigh 1, 4, 16, ... Row i adds digit i times a to what the rows above it left.
// Twice a is a shift; minus x is ~x + 1, where the 1 is the carry into the row. So a
// bit of a row needs two bits of a, three of b and one from above: six inputs, one LUT
// in front of a carry chain.
//
// The rows' numbers are signed and shrink from below: two bits of the product are
// finished after each row.

module booth_product #(
    parameter WA = 8,           // bits of a
    parameter WB = 8,           // bits of b
    parameter A_SIGNED = 1,     // 1: two's complement, 0: unsigned
    parameter B_SIGNED = 1
) (
    input  wire [WA-1:0]    a,
    input  wire [WB-1:0]    b,
    output wire [WA+WB-1:0] product
);

    localparam NB = B_SIGNED ? WB : WB + 1;     // bits of b once it has a sign
    localparam ROWS = (NB + 1) / 2;
    localparam N = A_SIGNED ? WA + 2 : WA + 3;  // bits of a row: of 2a, and one for the sum

    wire [N-1:0] x = {{3{A_SIGNED ? a[WA-1] : 1'b0}}, a};
    wire [2*ROWS:0] y = {{2{B_SIGNED ? b[WB-1] : 1'b0}}, b, 1'b0};

    wire [N*(ROWS+1)-1:0] sums;                 // row i's sum from bit N*(i+1)
    wire [2*ROWS+N-3:0] all;

    assign sums[N-1:0] = 0;

    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : row
            wire negative = y[2*i+2];
            wire one = y[2*i+1] ^ y[2*i];
            wire two = (y[2*i+2] ^ y[2*i+1]) & ~one;
            wire [N-1:0] multiple = (x & {N{one}}) | ({x[N-2:0], 1'b0} & {N{two}});
            wire [N-1:0] term = multiple ^ {N{negative}};
            wire [N-1:0] above = {{2{sums[N*i+N-1]}}, sums[N*i+2 +: N-2]};

            // above + term + negative. Written as a difference, because then the tools keep `above`
            // at the chain's data input, and `term` disappears into the LUTs. The lowest bit only
            // makes the carry.
            wire [N:0] sum = {above, negative} - {~term, 1'b1};
            assign sums[N*(i+1) +: N] = sum[N:1];
            assign all[2*i +: 2] = sum[2:1];
        end
    endgenerate

    assign all[2*ROWS +: N-2] = sums[N*ROWS+2 +: N-2];
    assign product = all;

endmodule
