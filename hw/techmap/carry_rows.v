// The mapping "carry-rows": a multiplier as one carry chain per bit of B.
// A Yosys techmap for $mul.
//
// Row j adds A, where bit j of B is set, to what the rows above it left: one LUT
// per bit (AND, then XOR) on a carry chain. Bit 0 of a row's sum is a finished bit
// of the product; the rest goes down to the next row. In two's complement the top
// bit of B counts negatively, so the last row of a signed product subtracts.

(* techmap_celltype = "$mul" *)
module carry_rows (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;

    (* force_downto *) input [A_WIDTH-1:0] A;
    (* force_downto *) input [B_WIDTH-1:0] B;
    (* force_downto *) output [Y_WIDTH-1:0] Y;

    localparam [0:0] SIGNED = A_SIGNED && B_SIGNED;
    localparam N = A_WIDTH + 1;     // bits of a row's sum
    localparam W = A_WIDTH + B_WIDTH;

    wire [N*B_WIDTH-1:0] sums;      // row j's from bit N*j
    wire [W-1:0] product;

    genvar j;
    generate
        for (j = 0; j < B_WIDTH; j = j + 1) begin : row
            localparam [0:0] SUBTRACT = SIGNED && j == B_WIDTH - 1;
            wire [A_WIDTH-1:0] term = A & {A_WIDTH{B[j]}};
            wire [A_WIDTH-1:0] above;
            wire [N-1:0] propagate, carry;  // outputs of $alu, not needed here

            if (j == 0) assign above = 0;
            else        assign above = sums[N*(j-1)+1 +: A_WIDTH];

            \$alu #(
                .A_SIGNED(SIGNED), .A_WIDTH(A_WIDTH),
                .B_SIGNED(SIGNED), .B_WIDTH(A_WIDTH), .Y_WIDTH(N)
            ) add (
                .A(above), .B(term), .BI(SUBTRACT), .CI(SUBTRACT),
                .Y(sums[N*j +: N]), .X(propagate), .CO(carry)
            );
            assign product[j] = sums[N*j];
        end
        assign product[W-1:B_WIDTH] = sums[N*(B_WIDTH-1)+1 +: A_WIDTH];

        if (Y_WIDTH > W) assign Y = {{(Y_WIDTH-W){SIGNED & product[W-1]}}, product};
        else             assign Y = product[Y_WIDTH-1:0];
    endgenerate
endmodule
