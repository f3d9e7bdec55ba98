// The minifloat MAC of minifloat_mac.v, written for LUTs of six inputs.
//
// Same ports, same arithmetic, four changes:
// 1. The exponents are added on one chain that also lifts both subnormals.
// 2. The significands are multiplied by tables or by Booth rows, not by `*`.
// 3. The shift is in two parts. The product moves by 0 .. G-1 places (shift_left.v).
//    The accumulator is cut into groups of G bits, and the upper exponent bits say in
//    which group the moved product starts. So each bit of the accumulator only
//    chooses between a few wires.
// 4. That choice, the sign and the addition are one LUT a bit: with two wires to choose
//    from and two bits to say which, acc, sign and choice are six inputs.

module minifloat_mac_grouped #(
    parameter EA = 4,       // exponent bits of a
    parameter MA = 3,       // mantissa bits of a
    parameter EB = 4,       // exponent bits of b
    parameter MB = 3,       // mantissa bits of b
    parameter P = 49,       // bits of the accumulator
    parameter F = 3,        // G = 2**F places in a group
    parameter BOOTH = 0,    // significands: 1 by booth_product, 0 by table_product
    parameter PIPELINE = 0  // 1: a register between multiplier and shifter
) (
    input  wire                clk,
    input  wire                clear,
    input  wire [EA+MA:0]      a,
    input  wire [EB+MB:0]      b,
    output reg  signed [P-1:0] acc
);

    // 1. Decode, as in minifloat_mac.v, but keep the exponents as stored.
    wire [EA-1:0] exponent_a = a[MA +: EA];
    wire [EB-1:0] exponent_b = b[MB +: EB];
    wire normal_a = |exponent_a;
    wire normal_b = |exponent_b;
    wire negative = a[EA+MA] ^ b[EB+MB];
    wire [MA:0] significand_a;
    wire [MB:0] significand_b;

    generate
        if (MA > 0) begin : mantissa_a
            assign significand_a = {normal_a, a[0 +: MA]};
        end else begin : no_mantissa_a
            assign significand_a = normal_a;
        end
        if (MB > 0) begin : mantissa_b
            assign significand_b = {normal_b, b[0 +: MB]};
        end else begin : no_mantissa_b
            assign significand_b = normal_b;
        end
    endgenerate

    // The distance is (ea - 1 if normal) + (eb - 1 if normal) = ea + (eb - 1 - normal_b) + !normal_a.
    // The middle term is a function of b's exponent alone: eb - 2, or -1 if subnormal.
    // With one bit a carry is not worth a chain, so short exponents are added by gates.
    localparam E = (EA > EB) ? EA : EB;
    wire [E:0] stored_a = {{(E+1-EA){1'b0}}, exponent_a};
    wire [E:0] stored_b = {{(E+1-EB){1'b0}}, exponent_b};
    wire [E:0] less_b;
    wire [E:0] distance;

    genvar i;
    assign less_b[0] = stored_b[0] | !normal_b;
    generate
        for (i = 1; i <= E; i = i + 1) begin : decrement
            if (i == 1) begin : lowest
                assign less_b[i] = ~stored_b[i];
            end else begin : higher
                assign less_b[i] = stored_b[i] ^ ~|stored_b[i-1:1];
            end
        end
        if (E <= 3) begin : gates
            for (i = 0; i <= E; i = i + 1) begin : column
                wire carry;             // into this column
                if (i == 0) begin : lowest
                    assign carry = !normal_a;
                end else begin : higher
                    assign carry = (stored_a[i-1] & less_b[i-1]) | (column[i-1].carry & (stored_a[i-1] | less_b[i-1]));
                end
                assign distance[i] = stored_a[i] ^ less_b[i] ^ carry;
            end
        end else begin : chain
            // A sum, written as a difference for the reason given in booth_product.v.
            wire unused;
            assign {distance, unused} = {stored_a, !normal_a} - {~less_b, 1'b1};
        end
    endgenerate

    // 2. Multiply the significands.
    localparam M = MA + MB + 2;
    wire [M-1:0] product;

    generate
        if (BOOTH) begin : rows
            booth_product #(.WA(MA+1), .WB(MB+1), .A_SIGNED(0), .B_SIGNED(0)) multiplier (
                .a(significand_a), .b(significand_b), .product(product)
            );
        end else begin : tables
            table_product #(.WA(MA+1), .WB(MB+1)) multiplier (
                .a(significand_a), .b(significand_b), .product(product)
            );
        end
    endgenerate

    wire [M-1:0] number;
    wire [E:0] places;
    wire minus;
    wire dropped;

    generate
        if (PIPELINE) begin : registered
            reg [M-1:0] product_before;
            reg [E:0] distance_before;
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

    // 3. Shift inside a group ...
    localparam G = 2**F;
    localparam V = M + G - 1;           // bits of the moved product
    localparam PIECES = (V + G - 1) / G;
    wire [V-1:0] moved;
    wire [PIECES*G-1:0] pieces;
    wire [V+G-PIECES*G-1:0] unused_pieces;

    assign {unused_pieces, pieces} = {{G{1'b0}}, moved};
    shift_left #(.W(M), .S(F)) mover (.number(number), .distance(places[F-1:0]), .shifted(moved));

    // ... and choose the group that it starts in.
    localparam STARTS = (2**EA + 2**EB - 4) / G + 1;
    localparam GROUPS = STARTS + PIECES - 1;
    wire [STARTS-1:0] starts;           // one wire a group
    wire [GROUPS*G-1:0] magnitude;

    genvar j;
    generate
        for (i = 0; i < STARTS; i = i + 1) begin : decode
            if (STARTS > 1) begin : several
                assign starts[i] = places[E:F] == i;
            end else begin : single
                assign starts[i] = 1'b1;
            end
        end
        if (STARTS == 1 && E >= F) begin : near_only
            wire [E-F:0] unused = places[E:F];
        end
        for (i = 0; i < GROUPS; i = i + 1) begin : group
            for (j = 0; j < PIECES; j = j + 1) begin : piece
                wire [G-1:0] above;     // what the pieces before have chosen, and what this one leaves
                wire [G-1:0] chosen;
                if (j == 0) begin : first
                    assign above = 0;
                end else begin : later
                    assign above = piece[j-1].chosen;
                end
                if (i >= j && i - j < STARTS) begin : reached
                    assign chosen = above | (pieces[G*j +: G] & {G{starts[i-j]}});
                end else begin : skipped
                    assign chosen = above;
                end
            end
            assign magnitude[G*i +: G] = piece[PIECES-1].chosen;
        end
    endgenerate

    // 4. Accumulate. Minus x is ~x + 1: ~ joins the LUTs, 1 is the carry into the chain.
    wire [P-1:0] extended;
    wire [GROUPS*G-1:0] unused_top;
    wire [P-1:0] flipped = extended ^ {P{minus}};
    wire signed [P-1:0] sum;
    wire unused;

    assign {unused_top, extended} = {{P{1'b0}}, magnitude};
    assign {sum, unused} = {acc, minus} - {~flipped, 1'b1};

    always @(posedge clk)
        if (dropped)
            acc <= 0;
        else
            acc <= sum;

endmodule
