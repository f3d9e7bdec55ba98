"""hw/rtl against its contracts, as Pyverilog reads it."""

import os

import pytest

from hw.analyse import CONTRACTS, Port, interfaces, operators
from hw.generate import mac_verilog, rtl
from repro import paths
from repro.errors import BadInput
from repro.formats import parse

FILES = sorted(paths.RTL.glob("*.v"))


def test_there_is_a_contract_for_every_file_and_a_file_for_every_contract():
    assert {path.stem for path in FILES} == set(CONTRACTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_module_keeps_its_contract(path):
    assert interfaces(path.read_text()) == [CONTRACTS[path.stem]]


@pytest.mark.parametrize("old, new", [
    ("input  wire                 clear", "input  wire                 reset"),
    ("input  wire                 clear", "output wire                 clear"),
    ("output reg  signed [P-1:0]  acc", "output reg  signed [P:0]  acc"),
    ("output reg  signed [P-1:0]  acc", "output reg  [P-1:0]  acc"),
    ("parameter P = 28", "parameter P = 29"),
    ("parameter P = 28", "parameter Q = 28"),
])
def test_a_broken_contract_is_noticed(old, new):
    text = rtl("int_mac")
    assert text.count(old) == 1
    assert interfaces(text.replace(old, new)) != [CONTRACTS["int_mac"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_modules_hold_parameters_not_copies(path):
    """One keyword each: Pyverilog writes a grouped list back wrongly. Localparams may not stand in the header."""
    header = path.read_text().split(") (")[0]
    names = [name for name, _ in CONTRACTS[path.stem].parameters]
    assert [line.split()[1] for line in header.splitlines() if line.strip().startswith("parameter ")] == names


def test_all_macs_share_their_ports():
    names = [[(port.name, port.direction) for port in contract.ports] for contract in CONTRACTS.values()]
    assert all(ports == names[0] for ports in names)


def test_generated_text_is_self_contained_and_frozen():
    module, top = interfaces(mac_verilog(parse("E4M3"), parse("E2M1"), 10))
    assert module == CONTRACTS["minifloat_mac"]
    assert top.parameters == ()
    assert top.ports[:4] == (Port("clk", "input"), Port("clear", "input"), Port("a", "input", "[7:0]"), Port("b", "input", "[3:0]"))
    largest_sum = 10 * (15 * 2**14) * (3 * 2**2)  # in units of acc: the largest E4M3 and E2M1 in subnormal steps
    assert 2**24 <= largest_sum < 2**25  # so 25 bits and a sign
    assert top.ports[4] == Port("acc", "output", "[25:0]", signed=True)


def test_operators():
    integer, minifloat = operators(rtl("int_mac")), operators(rtl("minifloat_mac"))
    assert (integer["Times"], integer["Plus"], integer["Sll"]) == (1, 1, 0)
    assert (minifloat["Times"], minifloat["Sll"], minifloat["Uor"], minifloat["Xor"]) == (1, 1, 2, 2)


def test_what_pyverilog_cannot_read_is_refused_by_line_and_leaves_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"line:3.*Verilog-2001"):
        interfaces("module m;\n\ninitial begin i++; end\nendmodule\n")
    with pytest.raises(BadInput, match="line:1"):  # line numbers start again
        interfaces("module m; assign x = 4'(y); endmodule")
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")
