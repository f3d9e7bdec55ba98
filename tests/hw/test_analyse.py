"""hw/rtl against its contracts, as Pyverilog reads it."""

import os
import re
from dataclasses import replace

import pytest

from hw.analyse import CONTRACTS, FAMILIES, Port, breaches, interfaces, operators
from hw.generate import mac_verilog
from repro import paths
from repro.errors import BadInput
from repro.formats import parse

FILES = sorted(paths.RTL.glob("*.v"))


def test_there_is_a_contract_for_every_file_and_a_file_for_every_contract():
    assert {path.stem for path in FILES} == set(CONTRACTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_module_keeps_its_contract(path):
    interface, = interfaces(path.read_text())
    assert breaches(interface) == []
    assert interface == CONTRACTS[path.stem]


SMALL = """module small_mac #(parameter WA = 8, parameter WB = 8, parameter P = 28) (
    input wire clk, input wire clear, input wire signed [WA-1:0] a, input wire signed [WB-1:0] b,
    output reg signed [P-1:0] acc); endmodule"""


@pytest.mark.parametrize("old, new, said", [
    ("wire clear", "wire reset", "lacks input clear"),
    ("input wire clear", "output wire clear", "has output clear"),
    ("[P-1:0] acc", "[P:0] acc", r"lacks output signed \[P-1:0\] acc"),
    ("reg signed", "reg", r"has output \[P-1:0\] acc"),
    ("P = 28", "P = 29", "lacks parameter P = 28"),
    ("parameter P", "parameter Q", "has parameter Q = 28"),
    ("input wire clk, input wire clear", "input wire clear, input wire clk", "ports in another order"),
    ("small_mac", "other_mac", "other_mac has no contract"),
])
def test_a_broken_contract_is_named(old, new, said, monkeypatch):
    promised, = interfaces(SMALL)
    monkeypatch.setitem(CONTRACTS, "small_mac", promised)
    assert breaches(promised) == [] and SMALL.count(old) == 1
    interface, = interfaces(SMALL.replace(old, new))
    assert interface != promised
    assert any(re.search(said, line) for line in breaches(interface))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_modules_hold_parameters_not_copies(path):
    """One keyword each: Pyverilog writes a grouped list back wrongly. Localparams may not stand in the header."""
    header = path.read_text().split(") (")[0]
    names = [name for name, _ in CONTRACTS[path.stem].parameters]
    assert [line.split()[1] for line in header.splitlines() if line.strip().startswith("parameter ")] == names


def test_all_modules_that_accumulate_share_their_ports():
    macs = [contract for contract in CONTRACTS.values() if contract.ports[-1].name == "acc"]
    for contract in macs:
        assert tuple((port.name, port.direction) for port in contract.ports) == (
            ("clk", "input"), ("clear", "input"), ("a", "input"), ("b", "input"), ("acc", "output"))
    assert {"int_mac", "minifloat_mac"} <= {contract.module for contract in macs}


def test_every_contract_belongs_to_a_family():
    shapes = {(frozenset(inputs), outputs) for inputs, outputs in FAMILIES.values()}
    for contract in CONTRACTS.values():
        inputs = {port.name for port in contract.ports if port.direction == "input"}
        outputs = tuple(port.name for port in contract.ports if port.direction == "output")
        assert any(wanted <= inputs and outputs == made for wanted, made in shapes)


def test_generated_text_is_self_contained_and_frozen():
    *modules, top = interfaces(mac_verilog(parse("E4M3"), parse("E2M1"), 10))
    plain = [replace(module, module=module.module.removeprefix(f"{top.module}_")) for module in modules]
    assert plain == [CONTRACTS[module.module] for module in plain] != []
    assert top.parameters == ()
    assert top.ports[:4] == (Port("clk", "input"), Port("clear", "input"),
                             Port("a", "input", "[7:0]"), Port("b", "input", "[3:0]"))
    largest_sum = 10 * (15 * 2**14) * (3 * 2**2)  # in units of acc: the largest E4M3 and E2M1 in subnormal steps
    assert 2**24 <= largest_sum < 2**25  # so 25 bits and a sign
    assert top.ports[4] == Port("acc", "output", "[25:0]", signed=True)


def test_operators():
    text = """module m #(parameter W = 2 + 2) (input wire [W-1:0] a, output wire [W*2-1:0] y);
        wire any = |a[W-1 -: 2];
        assign y = a * a + (a << any) + 1;
    endmodule"""
    assert operators(text) == {"Times": 1, "Plus": 2, "Sll": 1, "Uor": 1}


def test_what_pyverilog_cannot_read_is_refused_by_line_and_leaves_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"line:3.*Verilog-2001"):
        interfaces("module m;\n\ninitial begin i++; end\nendmodule\n")
    with pytest.raises(BadInput, match="line:1"):  # line numbers start again
        interfaces("module m; assign x = 4'(y); endmodule")
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")
