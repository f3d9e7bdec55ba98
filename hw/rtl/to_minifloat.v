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

    generate
        if (F > OFFSET) assign aligned = {{(ABOVE+W){negative}}, acc, {(F-OFFSET){1'b0}}};
        else            assign aligned = {{(ABOVE+W){negative}}, acc};
    endgenerate

    // 2. Normalise: shift left until the leading one is on top. A step looks at the
    //    three upper groups of UNIT bits and shifts by 0 to 3 of them: one 6-input LUT
    //    a bit. It keeps what later steps can still bring to the top and one bit to round
    //    by; `sticky` says whether a one is among what was dropped. The exponent is
    //    the number of places shifted, inverted. A number without a leading one is
    //    subnormal: exponent 0, yet placed as for exponent 1, one place less.
    localparam STEPS = E / 2;
    wire [W*(STEPS+1)-1:0] value;
    wire [STEPS:0] sticky;
    wire [STEPS:0] nothing;         // no one on top so far
    wire [E-1:0] exponent;

    assign value[0 +: W] = aligned[W-1:0];
    assign sticky[0] = 1'b0;
    assign nothing[0] = 1'b1;

    genvar i;
    generate
        for (i = 0; i < STEPS; i = i + 1) begin : step
            localparam UNIT = 2**(E - 2 - 2*i);
            localparam KEEP = M + 1 + UNIT;
            localparam LOW = W - KEEP - 3 * UNIT;       // lowest bit kept by the longest shift
            wire [W-1:0] from = value[W*i +: W];
            wire first = |(from[W-1 -: UNIT] ^ {UNIT{negative}});
            wire second = |(from[W-1-UNIT -: UNIT] ^ {UNIT{negative}});
            wire third = |(from[W-1-2*UNIT -: UNIT] ^ {UNIT{negative}});
            wire subnormal = nothing[i] && !third && UNIT == 1;
            wire by_two = !first && !second;
            wire by_one = !first && (second || !third) && !(by_two && subnormal);
            wire beyond_three = |from[LOW-1:0];
            wire beyond_two = beyond_three || |from[LOW +: UNIT];
            wire beyond_one = beyond_two || |from[LOW+UNIT +: UNIT];
            wire beyond = beyond_one || |from[LOW+2*UNIT +: UNIT];

            assign value[W*i+2*W-1 -: KEEP] =
                by_two ? (by_one ? from[LOW +: KEEP] : from[LOW+UNIT +: KEEP])
                       : (by_one ? from[LOW+2*UNIT +: KEEP] : from[LOW+3*UNIT +: KEEP]);
            assign value[W*i+W +: W-KEEP] = 0;
            assign sticky[i+1] = sticky[i] || (by_two ? (by_one ? beyond_three : beyond_two)
                                                      : (by_one ? beyond_one : beyond));
            assign nothing[i+1] = nothing[i] && by_two && !third;
            assign exponent[E-1-2*i] = !by_two;
            assign exponent[E-2-2*i] = first || (!second && third);
        end
    endgenerate

    wire [W-1:0] last = value[W*STEPS +: W];
    wire [M+1:0] normal;            // leading one, mantissa, the bit to round by
    wire rest;

    generate
        if (E % 2) begin : odd      // one place is left to shift
            wire found = last[W-1] ^ negative;
            wire shift = !found && !nothing[STEPS];
            assign exponent[0] = found;
            assign normal = shift ? last[W-2 -: M+2] : last[W-1 -: M+2];
            assign rest = sticky[STEPS] || |last[W-M-4:0] || (last[W-M-3] && !shift);
        end else begin : even
            assign normal = last[W-1 -: M+2];
            assign rest = sticky[STEPS];
        end
    endgenerate

    // 3. Round. Codes are contiguous: a mantissa that overflows carries into the exponent.
    //    A tie goes to the even code. For a negative sum everything is inverted, so `up`
    //    is too.
    wire [E+M-1:0] truncated;

    generate
        if (M > 0) assign truncated = {exponent, normal[1 +: M] ^ {M{negative}}};
        else       assign truncated = exponent;
    endgenerate

    wire up = (normal[0] && (rest || (truncated[0] ^ negative))) ^ negative;
    wire [E+M:0] carry;

    // Saturate when the last carry says so, or when a bit above the format's range is
    // not the sign's.
    wire saturate = carry[E+M] || |(aligned[W +: ABOVE] ^ {ABOVE{negative}});

    assign carry[0] = up;
    generate
        for (i = 0; i < E + M; i = i + 1) begin : increment
            assign carry[i+1] = carry[i] && truncated[i];
            assign code[i] = (truncated[i] ^ carry[i]) || saturate;
        end
    endgenerate
    assign code[E+M] = negative;

endmodule
