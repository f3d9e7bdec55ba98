"""Peers: the shell and the flow on stand-ins written here with the peers' module names (none of their code), and the tables."""

import pandas as pd
import pytest

from hw import peers, synth
from hw.check import exhaustive
from hw.generate import PLAIN, Mac, rtl
from hw.peers import Design
from repro import accumulators
from repro.errors import BadInput
from repro.experiments import peers as experiment
from repro.experiments.mac_rows import DOT_PRODUCT
from repro.formats import parse

# The product of two minifloats, by another road than ours: both operands shifted to whole numbers, then multiplied.
MULTIPLIER = """
module mul_fp #(parameter exp_width = 5, parameter man_width = 2, parameter W = exp_width + man_width) (
    input  logic signed [W:0] i_op0, input logic signed [W:0] i_op1,
    output logic signed [2*((1<<exp_width)+man_width)-1:0] o_prd);
  logic signed [(1<<exp_width)+man_width-1:0] x, y;
  whole #(exp_width, man_width) first(i_op0, x);
  whole #(exp_width, man_width) second(i_op1, y);
  assign o_prd = x * y;
endmodule
"""
WHOLE = """
module whole #(parameter E = 5, parameter M = 2) (input logic [E+M:0] code, output logic signed [(1<<E)+M-1:0] value);
  wire normal = |code[M +: E];
  wire signed [(1<<E)+M-1:0] magnitude = {normal, code[0 +: M]} << (code[M +: E] - normal);
  assign value = code[E+M] ? -magnitude : magnitude;
endmodule
"""
# Two files that each define a helper of the same name which does something else.
PRODUCT = """
module helper(input [7:0] x, output [7:0] y); assign y = x; endmodule
module posit_mult(in1, in2, start, out, inf, zero, done);
  parameter N = 8; parameter es = 1;
  input [N-1:0] in1, in2; input start; output [N-1:0] out; output inf, zero, done;
  helper keep(in1 & in2, out);
endmodule
"""
SUM = """
module helper(input [7:0] x, output [7:0] y); assign y = ~x; endmodule
module posit_add(in1, in2, start, out, inf, zero, done);
  parameter N = 8; parameter es = 1;
  input [N-1:0] in1, in2; input start; output [N-1:0] out; output inf, zero, done;
  helper invert(in1 ^ in2, out);
endmodule
"""


@pytest.fixture
def clones(tmp_path, monkeypatch):
    """A folder laid out as the clones would be, with the stand-ins in it."""
    texts = {"MX-for-FPGA": (MULTIPLIER, WHOLE), "PACoGen": (PRODUCT, SUM)}
    for peer, files in peers.FILES.items():
        for file, text in zip(files, texts[peer], strict=True):
            path = tmp_path / peer / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    monkeypatch.setenv(peers.VARIABLE, str(tmp_path))
    return tmp_path


def test_shell_is_our_contract_and_proved_over_every_pair(clones):
    rows = pd.DataFrame(experiment.EXPERIMENT.compute(experiment.EXPERIMENT.grid("smoke"), "smoke"))
    assert set(rows) == {*experiment.EXPERIMENT.keys, *experiment.EXPERIMENT.metrics, "n", "seed"}
    assert list(rows["mismatches"]) == [0, 0] and list(rows["pairs"]) == [256, 256]
    width = accumulators.exact_width(parse("E2M1"), parse("E2M1"), 4608)
    assert set(rows["ff"]) == set(rows["acc_bits"]) == {width}


def test_a_wrong_peer_is_found(clones):
    file = clones / "MX-for-FPGA" / peers.FILES["MX-for-FPGA"][1]
    file.write_text(WHOLE.replace("- normal)", "- 1)"))  # subnormals shifted wrongly
    mapped, = peers.synthesise([(Design("MX-for-FPGA", "E2M1"), synth.YOSYS_DEFAULT)])
    assert exhaustive(mapped.netlist, mapped.design.mac).mismatches > 0


def test_modules_of_the_same_name_stay_apart(clones):
    mapped, = peers.synthesise([(Design("PACoGen", "posit(8,1)"), synth.YOSYS_DEFAULT)])
    assert mapped.counts.ff == mapped.counts.acc_bits == 8 and mapped.design.mac is None
    ports, state = mapped.netlist.ports, 0b01010101
    values = {wire: word >> bit & 1 for name, word in (("a", 0b11110000), ("b", 0b10101010), ("acc", state), ("clear", 0))
              for bit, wire in enumerate(ports[name])}
    after = mapped.netlist.next_state(1, values | {ports["clk"][0]: 0})
    # acc <- ~(acc ^ (a & b)): the multiplier's helper keeps, the adder's inverts.
    assert sum(after[wire] << bit for bit, wire in enumerate(ports["acc"])) == ~(state ^ 0b10100000) & 0xFF


def test_the_flow_is_that_of_our_own_counts():
    mac = Mac(parse("E2M1"), parse("E2M1"), 4608, architecture=PLAIN)
    library = {f"{module}.v": rtl(module) for module in mac.modules}
    netlist, = peers.synthesise_text(library, [mac.top("job0")], [synth.YOSYS_DEFAULT])
    ours, = synth.synthesise([(mac, synth.YOSYS_DEFAULT)])
    assert synth.count(netlist) == ours.counts


def test_without_clones_and_other_wrong_input(clones, monkeypatch):
    with pytest.raises(BadInput, match="unknown mapping 'dsp' for a peer"):
        peers.synthesise([(Design("PACoGen", "posit(8,1)"), "dsp")])
    with pytest.raises(BadInput, match="PACoGen has no format 'E4M3': write posit"):
        peers.synthesise([(Design("PACoGen", "E4M3"), synth.YOSYS_DEFAULT)])
    (clones / "PACoGen" / "add" / "posit_add.v").unlink()
    assert "PACoGen/add/posit_add.v is missing" in peers.lacking("PACoGen") and not peers.lacking("MX-for-FPGA")
    assert peers.lacking() == peers.lacking("PACoGen")
    monkeypatch.delenv(peers.VARIABLE)
    with pytest.raises(BadInput, match="REPRO_PEERS is not set: clone MX-for-FPGA"):
        peers.synthesise([(Design("MX-for-FPGA", "E2M1"), synth.YOSYS_DEFAULT)])


def made_up(lut=50, mismatches=0):
    return pd.DataFrame([{"peer": "MX-for-FPGA", "format": "E2M1", "variant": variant, "lut": lut + extra, "pairs": 256,
                          "mismatches": mismatches} for variant, extra in zip(experiment.THEIRS, (0, 6))])


MACS = pd.DataFrame([("E2M1", "E2M1", 4608, "default", 45), ("E2M1", "E2M1", 4608, "tuned", 40),
                     ("E2M1", "E2M1", 4608, "remapped", 1), ("E2M1", "E4M3", 4608, "tuned", 1),
                     ("E4M3", "E4M3", 9, "tuned", 1)],
                    columns=["a", "b", "k", "variant", "lut"])


def test_counts_take_new_rows_before_earlier_ones():
    found = experiment.counts(made_up(), MACS).set_index(["peer", "format"])
    new, old = found.loc["MX-for-FPGA", "E2M1"], found.loc["HardFloat", "half precision"]
    assert new[[*experiment.THEIRS, "pairs", "ours, default", "ours, tuned", "times", "measured"]].tolist() == [
        50, 56, 256, 45, 40, 1.25, "now"]
    assert old[list(experiment.THEIRS)].tolist() == [986, 737] and old["measured"] == "earlier"
    unlike = found.loc[("MX-for-FPGA", "E4M3")]  # no row of ours at this length
    assert unlike["measured"] == "earlier" and unlike[["ours, default", "ours, tuned", "times"]].isna().all()
    assert pd.isna(experiment.counts(made_up(mismatches=3), MACS).set_index("format").loc["E2M1", "pairs"])


def test_exhibits():
    frame = experiment.table(made_up(), MACS).frame
    assert len(frame) == sum(len(entry["earlier"]) for entry in experiment.described())
    about = experiment.about().frame.set_index("peer")
    assert about.loc["MX-for-FPGA", "licence"] == "MIT" and set(peers.FILES) <= set(about.index)


def test_grid_is_described():
    known = {(entry["peer"], name) for entry in experiment.described() for name in entry["earlier"]}
    assert {(point["peer"], point["format"]) for point in experiment.EXPERIMENT.grid("laptop")} <= known
    assert experiment.DOT_PRODUCT == DOT_PRODUCT
