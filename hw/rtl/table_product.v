// An exact product of two small unsigned numbers, two bits of b at a time.
//
// a times two bits of b is a table: with up to four bits of a, every bit of it depends
// on at most six wires and is one LUT. The tables are written out as gates, so that a
// mapper is free to see them as tables; a carry chain adds them up.

module table_product #(
    parameter WA = 4,           // bits of a; more than 4 work, but need more than a LUT a bit
    parameter WB = 4            // bits of b
) (
    input  wire [WA-1:0]    a,
    input  wire [WB-1:0]    b,
    output wire [WA+WB-1:0] product
);

    localparam ROWS = (WB + 1) / 2;
    localparam N = WA + 2;              // bits of a times three

    wire [2*ROWS-1:0] y = b;
    wire [N*(ROWS+1)-1:0] sums;         // row i's sum from bit N*(i+1)
    wire [2*ROWS+N-3:0] all;

    assign sums[N-1:0] = 0;

    genvar i;
    genvar j;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : row
            wire [N-1:0] once = a & {WA{y[2*i]}};
            wire [N-1:0] twice = {a & {WA{y[2*i+1]}}, 1'b0};
            wire [N:0] carry;
            wire [N-1:0] term;

            assign carry[0] = 1'b0;
            for (j = 0; j < N; j = j + 1) begin : column
                assign term[j] = once[j] ^ twice[j] ^ carry[j];
                assign carry[j+1] = (once[j] & twice[j]) | (carry[j] & (once[j] | twice[j]));
            end

            if (i == 0) begin : first
                assign sums[N +: N] = term;
            end else begin : later
                // A sum, written as a difference for the reason given in booth_product.v.
                wire [N:0] sum = {2'b00, sums[N*i+2 +: N-2], 1'b0} - {~term, 1'b1};
                assign sums[N*(i+1) +: N] = sum[N:1];
            end
            assign all[2*i +: 2] = sums[N*(i+1) +: 2];
        end
    endgenerate

    assign all[2*ROWS +: N-2] = sums[N*ROWS+2 +: N-2];
    assign product = all;

endmodule
