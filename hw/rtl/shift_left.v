// A left shift that loses nothing: the result has room for the longest one.
//
// A LUT of six inputs is a multiplexer of four: one level of LUTs shifts by 0, 1, 2 or
// 3 places. An odd number of shift bits leaves one level with two choices; it comes
// first, where the number is still narrow.

module shift_left #(
    parameter W = 8,            // bits of the number
    parameter S = 3,            // bits of the distance
    parameter SIGNED = 0        // 1: two's complement
) (
    input  wire [W-1:0]      number,
    input  wire [S-1:0]      distance,
    output wire [W+2**S-2:0] shifted
);

    localparam N = W + 2**S - 1;
    localparam ODD = S % 2;
    localparam LEVELS = S / 2;

    wire [N-1:0] whole = {{(N-W){SIGNED ? number[W-1] : 1'b0}}, number};

    genvar i;
    generate
        for (i = 0; i <= LEVELS; i = i + 1) begin : level
            wire [N-1:0] moved;
            if (i > 0) begin : four
                localparam PLACES = 2**(2*i-2+ODD);
                wire [N-1:0] from = level[i-1].moved;
                wire [1:0] choice = distance[2*i-2+ODD +: 2];
                assign moved = choice[1] ? (choice[0] ? from << 3*PLACES : from << 2*PLACES)
                                         : (choice[0] ? from << PLACES : from);
            end else if (ODD == 1) begin : two
                assign moved = distance[0] ? whole << 1 : whole;
            end else begin : one
                assign moved = whole;
            end
        end
    endgenerate

    assign shifted = level[LEVELS].moved;

endmodule
