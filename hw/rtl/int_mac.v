// Multiply-accumulate for integers: acc <- acc + a * b.
//
// The contract that every MAC in this folder keeps:
//   clk    everything happens on its rising edge
//   clear  synchronous: the register becomes zero and this cycle's product is
//          dropped. It drives the reset pin that every flip-flop has anyway, so
//          it costs no LUT.
//   a, b   the operands, as codes of their formats
//   acc    the register: P bits, two's complement, wrapping modulo 2**P
//
// A dot product of length k is one cycle of clear and k cycles of operands; acc
// holds the sum after the last (with PIPELINE one cycle later). It never wraps when
// P is repro.accumulators.exact_width(a, b, k). P may even be narrower than the
// product: the sum is then right modulo 2**P, which is all that A2Q asks for.
//
// And how every file in this folder is written, so that no tool reads it in two ways:
//   - an expression is exactly as wide as what it is assigned to, and as signed;
//   - bits that no one wants go to a wire whose name begins with `unused`;
//   - each stage of a loop has wires of its own (row[i-1].sum). In one vector that holds
//     all stages a simulator sees a loop, for it takes a vector as a whole: it is slow,
//     and Verilator 5.006 even computed wrong sums.

module int_mac #(
    parameter WA = 8,           // bits of a
    parameter WB = 8,           // bits of b
    parameter A_SIGNED = 1,     // 1: two's complement, 0: unsigned
    parameter B_SIGNED = 1,
    parameter P = 28,           // bits of the accumulator
    parameter BOOTH = 0,        // 1: our multiplier; 0: the synthesiser's, which may be a DSP block
    parameter PIPELINE = 0,     // 1: a register between multiplier and adder
    parameter SATURATE = 0      // 1: stop at the largest and smallest number instead of wrapping
) (
    input  wire                clk,
    input  wire                clear,
    input  wire [WA-1:0]       a,
    input  wire [WB-1:0]       b,
    output reg  signed [P-1:0] acc
);

    // 1. Multiply. The product is exact: WA+WB bits hold it, and one more makes that of two
    //    unsigned numbers a positive signed one.
    localparam W = (A_SIGNED || B_SIGNED) ? WA + WB : WA + WB + 1;
    wire signed [W-1:0] product;

    generate
        if (BOOTH) begin : ours
            wire [WA+WB-1:0] exact;
            booth_product #(.WA(WA), .WB(WB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED)) multiplier (
                .a(a), .b(b), .product(exact)
            );
            if (W > WA + WB) begin : unsigned_by_unsigned
                assign product = $signed({1'b0, exact});
            end else begin : whole
                assign product = $signed(exact);
            end
        end else begin : theirs
            assign product = $signed({{(W-WA){A_SIGNED ? a[WA-1] : 1'b0}}, a})
                           * $signed({{(W-WB){B_SIGNED ? b[WB-1] : 1'b0}}, b});
        end
    endgenerate

    wire signed [W-1:0] addend;
    wire dropped;

    generate
        if (PIPELINE) begin : registered
            reg signed [W-1:0] product_before;
            reg clear_before;
            always @(posedge clk) begin
                product_before <= product;
                clear_before <= clear;
            end
            assign addend = product_before;
            assign dropped = clear_before;
        end else begin : direct
            assign addend = product;
            assign dropped = clear;
        end
    endgenerate

    // 2. Accumulate.
    generate
        if (SATURATE) begin : saturating
            localparam T = ((P > W) ? P : W) + 1;   // holds every sum
            wire [T-1:0] total = {{(T-P){acc[P-1]}}, acc} + {{(T-W){addend[W-1]}}, addend};
            wire fits = &total[T-1:P-1] || ~|total[T-1:P-1];
            always @(posedge clk)
                if (dropped)
                    acc <= 0;
                else
                    acc <= fits ? $signed(total[P-1:0]) : $signed({total[T-1], {(P-1){~total[T-1]}}});
        end else if (P > W) begin : wrapping
            always @(posedge clk)
                if (dropped)
                    acc <= 0;
                else
                    acc <= acc + $signed({{(P-W){addend[W-1]}}, addend});
        end else begin : narrow
            wire [W-P:0] unused_top = addend[W-1:P-1];
            always @(posedge clk)
                if (dropped)
                    acc <= 0;
                else
                    acc <= acc + $signed(addend[P-1:0]);
        end
    endgenerate

endmodule
