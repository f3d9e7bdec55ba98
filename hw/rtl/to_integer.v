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
    wire [P+BELOW-S-1:0] unused_sign;
    wire unused_zero;

    assign {unused_sign, aligned, unused_zero} = {{(ABOVE+D+BELOW){negative}}, acc, {(BELOW-S+1){1'b0}}};

    wire [D-1:0] digits = aligned[BELOW +: D];
    wire outside = |(aligned[BELOW+D +: ABOVE] ^ {ABOVE{negative}});

    // 2. Round: up when more than half is cut off, or just half of an odd number.
    wire up = aligned[BELOW-1] && (|aligned[BELOW-2:0] || digits[0]);
    wire [D-1:0] rounded;

    genvar i;
    generate
        for (i = 0; i <= D; i = i + 1) begin : digit
            wire carry;             // into this digit
            if (i == 0) begin : lowest
                assign carry = up;
            end else begin : higher
                assign carry = digit[i-1].carry && digits[i-1];
            end
            if (i < D) begin : bit_of_code
                assign rounded[i] = digits[i] ^ carry;
            end
        end
    endgenerate

    // 3. Saturate. A carry out of a positive number does not fit either; out of a negative
    //    one it makes -1 into 0.
    wire saturate = outside || (digit[D].carry && !negative);

    generate
        for (i = 0; i < D; i = i + 1) begin : choice
            if (SIGNED) begin : with_sign
                assign code[i] = saturate ? !negative : rounded[i];
            end else begin : without_sign
                assign code[i] = !negative && (saturate || rounded[i]);
            end
        end
        if (SIGNED) begin : sign
            assign code[WO-1] = negative && (outside || !digit[D].carry);
        end
    endgenerate

endmodule
