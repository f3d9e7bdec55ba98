// The exact product of two minifloats as a fixed-point number, for adder_tree.v.
//
// One unit is min_subnormal(a) * min_subnormal(b), as in minifloat_mac.v. The steps are
// those of minifloat_mac_grouped.v: decode, multiply the significands, shift within a
// group, choose the group.
//
// A negative product is not negated, only inverted. What it lacks to two's complement
// is one, and `negative` says so: a * b = product + negative. The next adder's carry
// input adds it, and the inversion joins that adder's LUTs.

module minifloat_product #(
    parameter EA = 4,       // exponent bits of a
    parameter MA = 3,       // mantissa bits of a
    parameter EB = 4,       // exponent bits of b
    parameter MB = 3,       // mantissa bits of b
    parameter F = 3,        // 2**F places in a group
    parameter BOOTH = 0     // significands: 1 by booth_product, 0 by table_product
) (
    input  wire [EA+MA:0]                             a,
    input  wire [EB+MB:0]                             b,
    output wire signed [2**EA+2**EB+MA+MB-2:0]        product,
    output wire                                       negative
);

    // 1. Decode. The distance is (ea - 1 if normal) + (eb - 1 if normal), that is
    //    ea + (eb - 1 - normal_b) + !normal_a, as in minifloat_mac_grouped.v.
    wire [EA-1:0] exponent_a = a[MA +: EA];
    wire [EB-1:0] exponent_b = b[MB +: EB];
    wire normal_a = |exponent_a;
    wire normal_b = |exponent_b;
    wire [MA:0] significand_a;
    wire [MB:0] significand_b;

    assign negative = a[EA+MA] ^ b[EB+MB];
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
    wire [M-1:0] number;

    generate
        if (BOOTH) begin : rows
            booth_product #(.WA(MA+1), .WB(MB+1), .A_SIGNED(0), .B_SIGNED(0)) multiplier (
                .a(significand_a), .b(significand_b), .product(number)
            );
        end else begin : tables
            table_product #(.WA(MA+1), .WB(MB+1)) multiplier (
                .a(significand_a), .b(significand_b), .product(number)
            );
        end
    endgenerate

    // 3. Shift inside a group of G places, and choose the group that it starts in.
    localparam G = 2**F;
    localparam V = M + G - 1;           // bits of the moved product
    localparam PIECES = (V + G - 1) / G;
    localparam FARTHEST = 2**EA + 2**EB - 4;
    localparam STARTS = FARTHEST / G + 1;
    localparam GROUPS = STARTS + PIECES - 1;
    wire [V-1:0] moved;
    wire [PIECES*G-1:0] pieces;
    wire [V+G-PIECES*G-1:0] unused_pieces;
    wire [STARTS-1:0] starts;           // one wire a group
    wire [GROUPS*G-1:0] chosen;

    assign {unused_pieces, pieces} = {{G{1'b0}}, moved};
    shift_left #(.W(M), .S(F)) near (.number(number), .distance(distance[F-1:0]), .shifted(moved));

    genvar j;
    generate
        for (i = 0; i < STARTS; i = i + 1) begin : decode
            if (STARTS > 1) begin : several
                assign starts[i] = distance[E:F] == i;
            end else begin : single
                assign starts[i] = 1'b1;
            end
        end
        if (STARTS == 1 && E >= F) begin : near_only
            wire [E-F:0] unused = distance[E:F];
        end
        for (i = 0; i < GROUPS; i = i + 1) begin : group
            for (j = 0; j < PIECES; j = j + 1) begin : piece
                wire [G-1:0] above;     // what the pieces before have chosen, and what this one leaves
                wire [G-1:0] some;
                if (j == 0) begin : first
                    assign above = 0;
                end else begin : later
                    assign above = piece[j-1].some;
                end
                if (i >= j && i - j < STARTS) begin : reached
                    assign some = above | (pieces[G*j +: G] & {G{starts[i-j]}});
                end else begin : skipped
                    assign some = above;
                end
            end
            assign chosen[G*i +: G] = piece[PIECES-1].some;
        end
    endgenerate

    // 4. Give it its sign. The bits above the largest product are zero and drop out.
    localparam N = M + FARTHEST;
    wire [N:0] magnitude;
    wire [GROUPS*G-1:0] unused_top;

    assign {unused_top, magnitude} = {{(N+1){1'b0}}, chosen};
    assign product = $signed(magnitude ^ {(N+1){negative}});

endmodule
