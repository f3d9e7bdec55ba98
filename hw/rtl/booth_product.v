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

    wire [N-1:0] x = {{(N-WA){A_SIGNED ? a[WA-1] : 1'b0}}, a};
    wire [2*ROWS:0] y;
    wire [WB-2*ROWS+2:0] unused_y;
    wire [2*ROWS-1:0] finished;
    wire [N+2*ROWS-WA-WB-2:0] unused_top;

    assign {unused_y, y} = {{3{B_SIGNED ? b[WB-1] : 1'b0}}, b, 1'b0};

    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : row
            wire negative = y[2*i+2];
            wire one = y[2*i+1] ^ y[2*i];
            wire two = (y[2*i+2] ^ y[2*i+1]) & ~one;
            wire [N-1:0] multiple = (x & {N{one}}) | ({x[N-2:0], 1'b0} & {N{two}});
            wire [N-1:0] term = multiple ^ {N{negative}};
            wire [N-1:0] above;
            wire [N-1:0] sum;
            wire unused;

            if (i == 0) begin : first
                assign above = 0;
            end else begin : later
                assign above = {{2{row[i-1].sum[N-1]}}, row[i-1].sum[N-1:2]};
            end

            // above + term + negative. Written as a difference, because then the tools keep `above`
            // at the chain's data input, and `term` disappears into the LUTs. The lowest bit only
            // makes the carry.
            assign {sum, unused} = {above, negative} - {~term, 1'b1};
            assign finished[2*i +: 2] = sum[1:0];
        end
    endgenerate

    assign {unused_top, product} = {row[ROWS-1].sum[N-1], row[ROWS-1].sum[N-1:2], finished};

endmodule
