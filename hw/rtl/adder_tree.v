// The sum of N signed terms, by N - 1 adders.
//
// First, CHAIN terms each are added one after the other; then a tree adds these sums.
// Node 1 is its root, and below node i are nodes 2i and 2i+1. A node is as wide as its
// height asks and no wider. Why chains: an adder's LUT has four inputs to spare, so the
// last logic of one of its two terms costs nothing, whatever that is, but the other's
// stays outside. A tree of N terms so takes in half of them, chains of four take in
// three of four. With terms that come straight from a carry chain nothing is gained.
//
// Every adder has a carry input for free. The module takes a bit with each term, worth
// one, and feeds it there; it has one adder less than bits, so it hands one on to
// whoever adds the sum. That is how minus x, which is ~x + 1, gets its 1.

module adder_tree #(
    parameter N = 4,        // terms: a multiple of CHAIN
    parameter W = 16,       // bits of a term
    parameter CHAIN = 1     // terms added one after the other, before the tree
) (
    input  wire [N*W-1:0]                                        terms,     // term i from bit W*i
    input  wire [N-1:0]                                          carries,
    output wire signed [W+$clog2(CHAIN)+$clog2(N/CHAIN)-1:0]     sum,       // of terms and carries but carries[0]
    output wire                                                  carry      // carries[0]
);

    localparam L = W + $clog2(CHAIN);       // bits of a chain's sum
    localparam LEAVES = N / CHAIN;
    localparam TOP = L + $clog2(LEAVES);    // bits of the root

    genvar i;
    generate
        for (i = 0; i < N; i = i + 1) begin : link
            wire [L-1:0] term;
            wire [L-1:0] running;           // the chain's sum up to this term
            wire [W-1:0] unused_sign;
            assign {unused_sign, term} = {{L{terms[W*i+W-1]}}, terms[W*i +: W]};
            if (i % CHAIN == 0) begin : first
                assign running = term;
            end else begin : later
                // A sum, written as a difference for the reason given in booth_product.v.
                wire unused;
                assign {running, unused} = {link[i-1].running, carries[i]} - {~term, 1'b1};
            end
        end
        for (i = 2 * LEAVES - 1; i > 0; i = i - 1) begin : node
            localparam K = TOP + 1 - $clog2(i + 1);     // bits of this node
            wire [K-1:0] total;
            if (i < LEAVES) begin : adder
                wire [K-1:0] left = {node[2*i].total[K-2], node[2*i].total};
                wire [K-1:0] right = {node[2*i+1].total[K-2], node[2*i+1].total};
                wire unused;
                assign {total, unused} = {left, carries[CHAIN*i]} - {~right, 1'b1};
            end else begin : leaf
                wire [L-1:0] term = link[CHAIN*(i-LEAVES+1)-1].running;
                wire [L-1:0] unused_sign;
                assign {unused_sign, total} = {{K{term[L-1]}}, term};
            end
        end
    endgenerate

    assign sum = $signed(node[1].total);
    assign carry = carries[0];

endmodule
