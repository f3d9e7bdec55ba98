// Multiply-accumulate for minifloats, exact: acc <- acc + a * b, with no rounding
// anywhere (a Kulisch accumulator).
//
// Ports as in int_mac.v: clear is synchronous and zeroes the register; acc is
// P bits, two's complement, modulo 2**P. It counts in units of
// min_subnormal(a) * min_subnormal(b), the step between any two products. The
// exponent biases only decide how much one unit is worth. They appear nowhere
// below: a bias costs no hardware.
//
// A code is sign | exponent | mantissa. With stored exponent e and mantissa m,
// its magnitude in subnormal steps is
//   normal,    e > 0:  1m << (e - 1)   a hidden one before the mantissa
//   subnormal, e = 0:  0m              no hidden one; the smallest normal's exponent
// so a product is (1ma * 1mb) << (ea + eb - 2): one small multiplier, then one
// shifter. Shifting the operands first would need a multiplier as wide as their
// whole range.

module minifloat_mac #(
    parameter EA = 4,   // exponent bits of a
    parameter MA = 3,   // mantissa bits of a
    parameter EB = 4,   // exponent bits of b
    parameter MB = 3,   // mantissa bits of b
    parameter P = 49,   // bits of the accumulator
    parameter PIPELINE = 0  // 1: a register between multiplier and shifter
) (
    input  wire                clk,
    input  wire                clear,
    input  wire [EA+MA:0]      a,
    input  wire [EB+MB:0]      b,
    output reg  signed [P-1:0] acc
);

    // 1. Decode. "Is the exponent zero?" gives the hidden bit (if not) and lifts
    //    the exponent to 1 (if so): subnormals need no path of their own.
    wire normal_a = |a[MA +: EA];
    wire normal_b = |b[MB +: EB];
    wire [EA-1:0] exponent_a;
    wire [EB-1:0] exponent_b;
    wire [MA:0] significand_a;
    wire [MB:0] significand_b;

    generate
        if (EA > 1) begin : exponents_a
            assign exponent_a = a[MA +: EA] | {{(EA-1){1'b0}}, !normal_a};
        end else begin : always_1_a
            assign exponent_a = a[MA] | !normal_a;
        end
        if (EB > 1) begin : exponents_b
            assign exponent_b = b[MB +: EB] | {{(EB-1){1'b0}}, !normal_b};
        end else begin : always_1_b
            assign exponent_b = b[MB] | !normal_b;
        end
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

    // 2. Multiply the significands.
    wire [MA+MB+1:0] product = {{(MB+1){1'b0}}, significand_a} * {{(MA+1){1'b0}}, significand_b};

    // 3. Shift by both exponents. Each is at least 1, so the two lowest bits are
    //    always zero and are dropped.
    localparam E = (EA > EB) ? EA : EB;
    wire [E:0] shift = {{(E+1-EA){1'b0}}, exponent_a} + {{(E+1-EB){1'b0}}, exponent_b};
    wire negative = a[EA+MA] ^ b[EB+MB];

    wire [MA+MB+1:0] number;
    wire [E:0] distance;
    wire minus;
    wire dropped;

    generate
        if (PIPELINE) begin : registered
            reg [MA+MB+1:0] product_before;
            reg [E:0] shift_before;
            reg negative_before;
            reg clear_before;
            always @(posedge clk) begin
                product_before <= product;
                shift_before <= shift;
                negative_before <= negative;
                clear_before <= clear;
            end
            assign number = product_before;
            assign distance = shift_before;
            assign minus = negative_before;
            assign dropped = clear_before;
        end else begin : direct
            assign number = product;
            assign distance = shift;
            assign minus = negative;
            assign dropped = clear;
        end
    endgenerate

    wire [P-1:0] magnitude;
    wire [MA+MB+1:0] unused_top;
    wire [1:0] unused_zeros;

    assign {unused_top, magnitude, unused_zeros} = {{(P+2){1'b0}}, number} << distance;

    // 4. Accumulate. Minus x is ~x + 1: the ~ joins the adder's own LUTs, and the
    //    1 enters as its carry, which the extra bit on the right makes
    //    (1 + minus carries exactly when minus is 1). No second adder.
    wire [P-1:0] flipped = magnitude ^ {P{minus}};
    wire signed [P-1:0] sum;
    wire unused;

    assign {sum, unused} = {acc, 1'b1} + {flipped, minus};

    always @(posedge clk)
        if (dropped)
            acc <= 0;
        else
            acc <= sum;

endmodule
