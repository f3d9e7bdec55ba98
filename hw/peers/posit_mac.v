// PACoGen's posit multiplier and adder around one register, in our shell. The
// register is a posit: every product and every sum is rounded.

module posit_mac #(
    parameter N = 8,    // bits of a posit
    parameter ES = 1    // its exponent bits
) (
    input  wire         clk,
    input  wire         clear,
    input  wire [N-1:0] a,
    input  wire [N-1:0] b,
    output reg  [N-1:0] acc
);

    wire [N-1:0] product;
    wire [N-1:0] sum;

    posit_mult #(.N(N), .es(ES)) multiply (.in1(a), .in2(b), .start(1'b1), .out(product), .inf(), .zero(), .done());
    posit_add #(.N(N), .es(ES)) add (.in1(acc), .in2(product), .start(1'b1), .out(sum), .inf(), .zero(), .done());

    always @(posedge clk)
        if (clear)
            acc <= 0;
        else
            acc <= sum;

endmodule
