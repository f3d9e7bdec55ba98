"""Faults: none is lost, and each stands where the full check and plain enumeration put it."""

import random
from dataclasses import replace

import pytest

from hw.check import exhaustive
from hw.faults import flip_every_bit
from hw.generate import Mac
from hw.netlist import Cell
from hw.variants import build
from repro.errors import BadInput
from repro.formats import parse


@pytest.fixture(scope="module")
def unit():
    """A MAC small enough to try everything: all operands, all accumulators."""
    return build([(Mac(parse("E1M1"), parse("E1M1"), 2), "default")])[0]


def everything(unit):
    """All values of clear, a, b and acc at once."""
    ports = unit.netlist.ports
    wires = [wire for port in ("clear", "a", "b", "acc") for wire in ports[port]]
    cases = 2 ** len(wires)
    planes = {wire: sum(1 << t for t in range(cases) if t >> i & 1) for i, wire in enumerate(wires)}
    return cases, planes | {ports["clk"][0]: 0}


@pytest.fixture(scope="module")
def padded(unit):
    """The same with two odd LUTs on a bit of the sum: one reads a wire twice, the other a wire that it ignores."""
    netlist = unit.netlist
    index = next(i for i, cell in enumerate(netlist.cells) if cell.kind == "FDRE")
    register = netlist.cells[index]
    (data,), (other,) = register.pins["D"], netlist.ports["a"][:1]
    twice = Cell("LUT2", {"INIT": "1000"}, {"I0": (data,), "I1": (data,), "O": (900,)})
    dull = Cell("LUT2", {"INIT": "1100"}, {"I0": (other,), "I1": (900,), "O": (901,)})
    cells = (*netlist.cells[:index], replace(register, pins=register.pins | {"D": (901,)}), *netlist.cells[index + 1:])
    return replace(netlist, cells=(*cells, twice, dull))


def test_every_fault_against_enumeration(unit, padded):
    found = flip_every_bit(padded, unit.design)
    cases, values = everything(unit)
    good = padded.next_state(cases, values)
    tables = sum(2 ** int(cell.kind[3:]) for cell in padded.cells if cell.kind.startswith("LUT"))
    assert found.bits == tables == len({*found.caught, *found.unreachable, *found.harmless})
    assert found.left == ()
    assert all(fault.put(padded).next_state(cases, values) != good for fault in found.caught)
    assert all(fault.put(padded).next_state(cases, values) == good for fault in (*found.unreachable, *found.harmless))
    twice = len(padded.cells) - 2
    assert {fault.entry for fault in found.unreachable if fault.cell == twice} == {1, 2}


def test_caught_is_what_the_exhaustive_check_says(unit, padded):
    found = flip_every_bit(padded, unit.design)
    rng = random.Random(0)
    assert all(exhaustive(fault.put(padded), unit.design).mismatches for fault in rng.sample(found.caught, 20))
    assert not any(exhaustive(fault.put(padded), unit.design).mismatches for fault in found.unreachable)


def test_a_wrong_netlist_is_refused(unit, padded):
    first = next(i for i, cell in enumerate(padded.cells) if cell.kind.startswith("LUT"))
    cells = list(padded.cells)
    table = cells[first].parameters["INIT"].translate(str.maketrans("01", "10"))
    cells[first] = replace(cells[first], parameters={"INIT": table})
    with pytest.raises(BadInput, match="into a right netlist"):
        flip_every_bit(replace(padded, cells=tuple(cells)), unit.design)
