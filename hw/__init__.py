"""MAC hardware: Verilog, synthesis to LUTs, and netlists checked against `repro.formats` over every operand pair."""
