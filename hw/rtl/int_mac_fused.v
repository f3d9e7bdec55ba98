// Multiply-accumulate for integers without a multiplier: the rows of a Booth
// multiplier start from the accumulator instead of from zero.
//
// Ports as in int_mac.v. Recoding as in booth_product.v: digit i of b times a, at
// weight 4**i (an odd number of bits starts with a digit of one bit). A product made
// first costs its rows and then P bits more to be added. Here row 0 adds its multiple
// of a to the lowest bits of acc, row 1 adds the next two places up, and so on; each
// row is only as wide as a. What is left at the end is one carry a row, and one last
// chain adds them all.
//
// Signs, without extending any: a row's number is -2**(n-1) times its top bit plus the
// rest. Inverting the top bit turns that into a plain unsigned number minus 2**(n-1).
// With the row's carry c, worth 2**n, what is owed is (2c - 1) * 2**(n-1): a digit of
// plus or minus one, at every second place. Such digits need no adder to become a
// binary number: 1 below the first, then ~c0, c0, ~c1, c1, ... and above the last
// one ~c for ever, which is the sign.

module int_mac_fused #(
    parameter WA = 8,           // bits of a
    parameter WB = 8,           // bits of b; fewer rows if b is the narrower one
    parameter A_SIGNED = 1,     // 1: two's complement, 0: unsigned
    parameter B_SIGNED = 1,
    parameter MAGNITUDE = 0,    // 1: both are a sign above a magnitude of WA-1 and WB-1 bits
    parameter P = 28            // bits of the accumulator
) (
    input  wire                clk,
    input  wire                clear,
    input  wire [WA-1:0]       a,
    input  wire [WB-1:0]       b,
    output reg  signed [P-1:0] acc
);

    localparam EXTEND_A = A_SIGNED && !MAGNITUDE;
    localparam EXTEND_B = B_SIGNED && !MAGNITUDE;
    localparam MA = MAGNITUDE ? WA - 1 : WA;
    localparam MB = MAGNITUDE ? WB - 1 : WB;
    localparam NA = EXTEND_A ? MA : MA + 1;     // bits with a sign
    localparam NB = EXTEND_B ? MB : MB + 1;
    localparam ODD = NB % 2;
    localparam ROWS = (NB + 1) / 2;
    localparam BASE = NA - ODD;                 // weight of the first digit owed
    localparam TOP = NA + 2 * ROWS - ODD - 1;   // the rows end below this bit
    localparam Q = ((P > TOP) ? P : TOP) + 1;   // working width: bits above P are dropped at the end

    wire flip = MAGNITUDE ? a[WA-1] ^ b[WB-1] : 1'b0;
    wire [NA:0] x = {{(NA-MA+1){EXTEND_A ? a[MA-1] : 1'b0}}, a[MA-1:0]};
    wire [NB:0] y;
    wire [MB-NB+1:0] unused_y;
    wire [2*ROWS:0] owed;

    assign {unused_y, y} = {{2{EXTEND_B ? b[MB-1] : 1'b0}}, b[MB-1:0], 1'b0};
    assign owed[0] = 1'b1;

    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : row
            localparam LOW = (i == 0) ? 0 : 2 * i - ODD;
            localparam SHORT = ODD == 1 && i == 0;  // the digit of one bit: no twice a
            localparam N = SHORT ? NA : NA + 1;
            wire minus = SHORT ? y[1] : y[LOW+2];
            wire one = y[LOW+1] ^ y[LOW];       // y[0] is 0
            wire two = !SHORT && (y[LOW+2] ^ y[LOW+1]) & ~one;
            wire negative = minus ^ flip;
            wire [N-1:0] multiple = (x[N-1:0] & {N{one}}) | ({x[N-2:0], 1'b0} & {N{two}});
            wire [N-1:0] term = multiple ^ {~negative, {(N-1){negative}}};

            wire [Q-1:0] above;                 // the accumulator before this row, and after it
            wire [Q-1:0] sum;
            wire carry;
            wire unused;

            if (i == 0) begin : first
                assign above = {{(Q-P){acc[P-1]}}, acc};
            end else begin : later
                assign above = row[i-1].sum;
            end

            // A sum, written as a difference for the reason given in booth_product.v.
            assign {carry, sum[LOW +: N], unused} = {1'b0, above[LOW +: N], negative} - {1'b1, ~term, 1'b1};
            assign owed[2*i+1] = ~carry;
            assign owed[2*i+2] = (i == ROWS - 1) ? ~carry : carry;

            if (LOW > 0) begin : below
                assign sum[LOW-1:0] = above[LOW-1:0];
            end
            if (LOW + N < Q) begin : beyond
                assign sum[Q-1:LOW+N] = above[Q-1:LOW+N];
            end
        end
    endgenerate

    wire [Q-1:0] last = row[ROWS-1].sum;
    wire [Q-BASE-1:0] debt;
    wire [2*ROWS:0] unused_debt;
    wire [Q-BASE-1:0] upper;
    wire signed [P-1:0] next;
    wire [Q-P-1:0] unused_next;
    wire unused;

    assign {unused_debt, debt} = {{(Q-BASE){owed[2*ROWS]}}, owed};
    assign {upper, unused} = {last[Q-1:BASE], 1'b0} - {~debt, 1'b1};
    assign {unused_next, next} = {upper, last[BASE-1:0]};

    always @(posedge clk)
        if (clear)
            acc <= 0;
        else
            acc <= next;

endmodule
