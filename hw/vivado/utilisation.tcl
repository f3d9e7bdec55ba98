# Vivado's LUT count for one MAC, without DSPs, in batch mode and without a project:
#
#   repro mac E4M3 --verilog mac.v                  (prints the top module's name)
#   vivado -mode batch -source hw/vivado/utilisation.tcl -tclargs PART TOP mac.v ?STAGE?
#   repro vivado TOP_utilisation.rpt                (puts the row beside ours)
#
# PART is a device such as xczu7ev-ffvc1156-2-e. STAGE is synthesis (the default: what our counts
# compare with) or implementation (placed and routed, as the paper's counts are).

if {$argc < 3 || $argc > 4} {
    error "give three or four arguments: PART TOP FILE ?synthesis|implementation?"
}
lassign $argv part top file stage
if {$stage eq ""} {
    set stage synthesis
}
if {$stage ni {synthesis implementation}} {
    error "stage $stage: write synthesis or implementation"
}

read_verilog $file
# Out of context: no pin buffers, which are no part of the MAC. Our counts have none either.
synth_design -top $top -part $part -max_dsp 0 -mode out_of_context
create_clock -period 2.0 -name clk [get_ports clk]
if {$stage eq "implementation"} {
    opt_design
    place_design
    route_design
}
report_utilization -file ${top}_utilisation.rpt
report_timing_summary -file ${top}_timing.rpt
