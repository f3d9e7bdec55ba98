// Read-out: an exact sum divided by a power of two, rounded half to even, saturated to
// an integer.
//
//   acc    the register of a MAC: P bits, two's complement
//   code   acc / 2**S in WO bits; beyond their range, the nearest end of it
//
// Shifting right by a constant is wiring. What costs LUTs is looking at every bit that
// falls off below (is it a tie?) and above (does the number fit?), and adding one.

module to_integer #(
    parameter P = 28,       // bits of the accumulator
    parameter S = 14,       // bits that are rounded away
    parameter WO = 8,       // bits of the code
    parameter SIGNED = 1    // code: 1 two's complement, 0 unsigned
) (
    input  wire signed [P-1:0]  acc,
    output wire        [WO-1:0] code
);

    // 1. Cut: D digits of the code without its sign, what lies above and what lies below
    //    (two places at least, empty when S is small).
    localparam D = SIGNED ? WO - 1 : WO;
    localparam BELOW = (S > 2) ? S : 2;
    localparam ABOVE = (P + BELOW - S > D + BELOW) ? P - S - D : 1;

    wire negative = acc[P-1];
    wire [ABOVE+D+BELOW-1:0] aligned;

    generate
        if (BELOW > S) assign aligned = {{(ABOVE+D+BELOW){negative}}, acc, {(BELOW-S){1'b0}}};
        else           assign aligned = {{(ABOVE+D+BELOW){negative}}, acc};
    endgenerate

    wire [D-1:0] digits = aligned[BELOW +: D];
    wire outside = |(aligned[BELOW+D +: ABOVE] ^ {ABOVE{negative}});

    // 2. Round: up when more than half is cut off, or just half of an odd number.
    wire up = aligned[BELOW-1] && (|aligned[BELOW-2:0] || digits[0]);
    wire [D:0] carry;
    assign carry[0] = up;

    // 3. Saturate. A carry out of a positive number does not fit either; out of a negative
    //    one it makes -1 into 0.
    wire saturate = outside || (carry[D] && !negative);

    genvar i;
    generate
        for (i = 0; i < D; i = i + 1) begin : digit
            wire rounded = digits[i] ^ carry[i];
            assign carry[i+1] = carry[i] && digits[i];
            if (SIGNED) assign code[i] = saturate ? !negative : rounded;
            else        assign code[i] = !negative && (saturate || rounded);
        end
        if (SIGNED) assign code[WO-1] = negative && (outside || !carry[D]);
    endgenerate

endmodule
