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

    wire [2*ROWS-1:0] y;
    wire [WB-2*ROWS+1:0] unused_y;
    wire [2*ROWS-1:0] finished;
    wire [N+2*ROWS-WA-WB-2:0] unused_top;

    assign {unused_y, y} = {2'b00, b};

    genvar i;
    genvar j;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : row
            wire [N-1:0] once = {2'b00, a & {WA{y[2*i]}}};
            wire [N-1:0] twice = {1'b0, a & {WA{y[2*i+1]}}, 1'b0};
            wire [N-1:0] term;
            wire [N-1:0] sum;

            for (j = 0; j < N; j = j + 1) begin : column
                wire carry;             // into this column
                if (j == 0) begin : lowest
                    assign carry = 1'b0;
                end else begin : higher
                    assign carry = (once[j-1] & twice[j-1]) | (column[j-1].carry & (once[j-1] | twice[j-1]));
                end
                assign term[j] = once[j] ^ twice[j] ^ carry;
            end

            if (i == 0) begin : first
                assign sum = term;
            end else begin : later
                // A sum, written as a difference for the reason given in booth_product.v.
                wire unused;
                assign {sum, unused} = {2'b00, row[i-1].sum[N-1:2], 1'b0} - {~term, 1'b1};
            end
            assign finished[2*i +: 2] = sum[1:0];
        end
    endgenerate

    assign {unused_top, product} = {1'b0, row[ROWS-1].sum[N-1:2], finished};

endmodule
