// Multiply-accumulate for a minifloat and an integer, exact: acc <- acc + a * b.
//
// Ports as in int_mac.v; one unit of acc is a's smallest subnormal times b's step. The
// integer has no exponent, so the shift is a's alone: significand times integer, moved
// by (ea - 1 if normal) places. Whichever operand is the minifloat comes in at `a`.

module mixed_mac #(
    parameter EA = 4,           // exponent bits of the minifloat a
    parameter MA = 3,           // mantissa bits of a
    parameter WB = 8,           // bits of the integer b
    parameter B_SIGNED = 1,     // 1: two's complement, 0: unsigned
    parameter P = 39,           // bits of the accumulator
    parameter BOOTH = 0,        // 1: our multiplier, 0: the synthesiser's
    parameter PIPELINE = 0      // 1: a register between multiplier and shifter
) (
    input  wire                clk,
    input  wire                clear,
    input  wire [EA+MA:0]      a,
    input  wire [WB-1:0]       b,
    output reg  signed [P-1:0] acc
);

    // 1. Decode.
    wire [EA-1:0] exponent = a[MA +: EA];
    wire normal = |exponent;
    wire negative = a[EA+MA];
    wire [MA:0] significand;
    wire [EA-1:0] distance;     // exponent - normal: a bit flips if all bits below are zero

    genvar i;
    generate
        if (MA > 0) begin : mantissa
            assign significand = {normal, a[0 +: MA]};
        end else begin : no_mantissa
            assign significand = normal;
        end
        assign distance[0] = exponent[0] ^ normal;
        for (i = 1; i < EA; i = i + 1) begin : decrement
            assign distance[i] = exponent[i] ^ (normal & ~|exponent[i-1:0]);
        end
    endgenerate

    // 2. Multiply.
    localparam M = MA + 1 + WB;
    wire [M:0] product;

    generate
        if (BOOTH) begin : ours
            wire [M-1:0] exact;
            booth_product #(.WA(MA+1), .WB(WB), .A_SIGNED(0), .B_SIGNED(B_SIGNED)) multiplier (
                .a(significand), .b(b), .product(exact)
            );
            assign product = {B_SIGNED ? exact[M-1] : 1'b0, exact};
        end else begin : theirs
            assign product = $unsigned($signed({{(M-MA){1'b0}}, significand})
                                       * $signed({{(M+1-WB){B_SIGNED ? b[WB-1] : 1'b0}}, b}));
        end
    endgenerate

    wire [M:0] number;
    wire [EA-1:0] places;
    wire minus;
    wire dropped;

    generate
        if (PIPELINE) begin : registered
            reg [M:0] product_before;
            reg [EA-1:0] distance_before;
            reg negative_before;
            reg clear_before;
            always @(posedge clk) begin
                product_before <= product;
                distance_before <= distance;
                negative_before <= negative;
                clear_before <= clear;
            end
            assign number = product_before;
            assign places = distance_before;
            assign minus = negative_before;
            assign dropped = clear_before;
        end else begin : direct
            assign number = product;
            assign places = distance;
            assign minus = negative;
            assign dropped = clear;
        end
    endgenerate

    // 3. Shift.
    localparam V = M + 2**EA;
    wire [V-1:0] moved;
    shift_left #(.W(M+1), .S(EA), .SIGNED(1)) shifter (.number(number), .distance(places), .shifted(moved));

    // 4. Accumulate. Minus x is ~x + 1: ~ joins the LUTs, 1 is the carry into the chain.
    wire [P-1:0] extended;
    wire [V-1:0] unused_top;
    wire [P-1:0] flipped = extended ^ {P{minus}};
    wire signed [P-1:0] sum;
    wire unused;

    assign {unused_top, extended} = {{P{moved[V-1]}}, moved};
    assign {sum, unused} = {acc, minus} - {~flipped, 1'b1};

    always @(posedge clk)
        if (dropped)
            acc <= 0;
        else
            acc <= sum;

endmodule
