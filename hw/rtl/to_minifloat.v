// Read-out: an exact sum rounded to a minifloat, half to even, saturating.
//
//   acc    the register of a MAC: P bits, two's complement
//   code   sign | exponent | mantissa of the nearest ExMy, subnormals included;
//          beyond the largest number the largest number, no infinity, no NaN
//
// Only one number ties acc to the format: OFFSET, how many bits of acc lie below
// the format's smallest subnormal step, that is
//   log2(min_subnormal of the format / worth of one unit of acc).
// Negative: acc counts in larger steps. A power-of-two scale is a change of
// OFFSET and needs no hardware.
//
// No negation. With y = ~acc, a negative sum has the magnitude y + 1, and that is
// y.111... with ones without end. So magnitudes are read off acc ^ sign with the
// sign shifted in from below, and the 1 is added by the rounding, which has to
// add one anyway. A negative sum that rounds to nothing keeps its sign (code
// 100..0, minus zero), as repro.formats does and IEEE 754 asks; a sum of zero has
// the code 0.

module to_minifloat #(
    parameter P = 49,       // bits of the accumulator
    parameter E = 4,        // exponent bits of the code
    parameter M = 3,        // mantissa bits of the code
    parameter OFFSET = 9    // bits of acc below the smallest subnormal step
) (
    input  wire signed [P-1:0] acc,
    output wire [E+M:0]        code
);

    // 1. Align. The numbers of the format reach N bits up from the step; F bits lie
    //    below (three at least: one to round by and two spare), the rest above.
    localparam N = M + 2**E - 1;
    localparam F = (OFFSET > 3) ? OFFSET : 3;
    localparam W = N + F;
    localparam ABOVE = (P + F - OFFSET > W) ? P + F - OFFSET - W : 1;

    wire negative = acc[P-1];
    wire [ABOVE+W-1:0] aligned;
    wire [P+F-OFFSET-1:0] unused_sign;
    wire unused_zero;

    assign {unused_sign, aligned, unused_zero} = {{(ABOVE+W){negative}}, acc, {(F-OFFSET+1){1'b0}}};

    // 2. Normalise: shift left until the leading one is on top. A step looks at the
    //    three upper groups of UNIT bits and shifts by 0 to 3 of them: one 6-input LUT
    //    a bit. It keeps what later steps can still bring to the top and one bit to round
    //    by; `sticky` says whether a one is among what was dropped. The exponent is
    //    the number of places shifted, inverted. A number without a leading one is
    //    subnormal: exponent 0, yet placed as for exponent 1, one place less.
    localparam STEPS = E / 2;
    wire [E-1:0] exponent;

    genvar i;
    generate
        for (i = 0; i <= STEPS; i = i + 1) begin : step
            wire [W-1:0] value;
            wire sticky;
            wire nothing;           // no one on top so far

            if (i == 0) begin : start
                assign value = aligned[W-1:0];
                assign sticky = 1'b0;
                assign nothing = 1'b1;
            end else begin : shift
                localparam UNIT = 2**(E - 2*i);
                localparam KEEP = M + 1 + UNIT;
                localparam LOW = W - KEEP - 3 * UNIT;   // lowest bit kept by the longest shift
                wire [W-1:0] from = step[i-1].value;
                wire first = |(from[W-1 -: UNIT] ^ {UNIT{negative}});
                wire second = |(from[W-1-UNIT -: UNIT] ^ {UNIT{negative}});
                wire third = |(from[W-1-2*UNIT -: UNIT] ^ {UNIT{negative}});
                wire subnormal = step[i-1].nothing && !third && UNIT == 1;
                wire by_two = !first && !second;
                wire by_one = !first && (second || !third) && !(by_two && subnormal);
                wire beyond_three = |from[LOW-1:0];
                wire beyond_two = beyond_three || |from[LOW +: UNIT];
                wire beyond_one = beyond_two || |from[LOW+UNIT +: UNIT];
                wire beyond = beyond_one || |from[LOW+2*UNIT +: UNIT];

                assign value[W-1 -: KEEP] =
                    by_two ? (by_one ? from[LOW +: KEEP] : from[LOW+UNIT +: KEEP])
                           : (by_one ? from[LOW+2*UNIT +: KEEP] : from[LOW+3*UNIT +: KEEP]);
                assign value[W-KEEP-1:0] = 0;
                assign sticky = step[i-1].sticky || (by_two ? (by_one ? beyond_three : beyond_two)
                                                            : (by_one ? beyond_one : beyond));
                assign nothing = step[i-1].nothing && by_two && !third;
                assign exponent[E+1-2*i] = !by_two;
                assign exponent[E-2*i] = first || (!second && third);
            end
        end
    endgenerate

    wire [W-1:0] last = step[STEPS].value;
    wire [M:0] normal;              // mantissa, the bit to round by
    wire unused_one;                // and the leading one above them
    wire rest;

    generate
        if (E % 2 == 1) begin : odd // one place is left to shift
            wire found = last[W-1] ^ negative;
            wire shift = !found && !step[STEPS].nothing;
            assign exponent[0] = found;
            assign {unused_one, normal} = shift ? last[W-2 -: M+2] : last[W-1 -: M+2];
            assign rest = step[STEPS].sticky || |last[W-M-4:0] || (last[W-M-3] && !shift);
        end else begin : even
            wire unused = step[STEPS].nothing;
            assign {unused_one, normal} = last[W-1 -: M+2];
            assign rest = step[STEPS].sticky || |last[W-M-3:0];
        end
    endgenerate

    // 3. Round. Codes are contiguous: a mantissa that overflows carries into the exponent.
    //    A tie goes to the even code. For a negative sum everything is inverted, so `up`
    //    is too.
    wire [E+M-1:0] truncated;

    generate
        if (M > 0) begin : mantissa
            assign truncated = {exponent, normal[1 +: M] ^ {M{negative}}};
        end else begin : no_mantissa
            assign truncated = exponent;
        end
    endgenerate

    wire up = (normal[0] && (rest || (truncated[0] ^ negative))) ^ negative;
    wire [E+M-1:0] rounded;

    generate
        for (i = 0; i <= E + M; i = i + 1) begin : increment
            wire carry;             // into this bit
            if (i == 0) begin : lowest
                assign carry = up;
            end else begin : higher
                assign carry = increment[i-1].carry && truncated[i-1];
            end
            if (i < E + M) begin : bit_of_code
                assign rounded[i] = truncated[i] ^ carry;
            end
        end
    endgenerate

    // Saturate when the last carry says so, or when a bit above the format's range is
    // not the sign's.
    wire saturate = increment[E+M].carry || |(aligned[W +: ABOVE] ^ {ABOVE{negative}});

    assign code = {negative, rounded | {(E+M){saturate}}};

endmodule
