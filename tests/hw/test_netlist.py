"""The netlist evaluator against plain tables and integer addition."""

import random

import pytest

from hw.netlist import Netlist
from repro.errors import BadInput


def netlist(*cells, **ports):
    """Cells as (kind, parameters, pins); ports as lists of wires."""
    return Netlist.from_json("m", {
        "ports": {name: {"direction": "input", "bits": bits} for name, bits in ports.items()},
        "cells": {f"c{i}": {"type": kind, "parameters": parameters, "connections": pins}
                  for i, (kind, parameters, pins) in enumerate(cells)}})


def register(data, q, clock=0, enable="1", reset="0", kind="FDRE"):
    return (kind, {}, {"C": [clock], "CE": [enable], "D": [data], "Q": [q], "S" if kind == "FDSE" else "R": [reset]})


@pytest.mark.parametrize("inputs", range(1, 7))
def test_lut_is_its_table(inputs):
    rng = random.Random(inputs)
    for _ in range(20):
        table = rng.getrandbits(2**inputs)
        wires = list(range(10, 10 + inputs))
        lut = (f"LUT{inputs}", {"INIT": format(table, f"0{2**inputs}b")}, {"O": [2]} | {f"I{i}": [w] for i, w in enumerate(wires)})
        cases = 2**inputs  # case t sets the inputs to the bits of t, so the output plane is the table itself
        planes = {w: sum(1 << t for t in range(cases) if t >> i & 1) for i, w in enumerate(wires)}
        assert netlist(lut, register(2, 3)).next_state(cases, {**planes, 0: 0, 3: 0}) == {3: table}


@pytest.mark.parametrize("carry_pin", ["CI", "CYINIT"])
def test_carry4_adds(carry_pin):
    """S = a ^ b and DI = a make the chain an adder: all 2 * 16 * 16 sums."""
    cases = [(a, b, c) for a in range(16) for b in range(16) for c in (0, 1)]
    pins = {"CI": ["0"], "CYINIT": ["0"], "S": [10, 11, 12, 13], "DI": [20, 21, 22, 23], "O": [30, 31, 32, 33],
            "CO": [40, 41, 42, 43], carry_pin: [5]}
    chain = netlist(("CARRY4", {}, pins), *(register(30 + i, 50 + i) for i in range(4)), register(43, 54))
    planes = {5: sum(c << t for t, (_, _, c) in enumerate(cases)), 0: 0} | {50 + i: 0 for i in range(5)}
    for i in range(4):
        planes[10 + i] = sum(((a ^ b) >> i & 1) << t for t, (a, b, _) in enumerate(cases))
        planes[20 + i] = sum((a >> i & 1) << t for t, (a, b, _) in enumerate(cases))
    after = chain.next_state(len(cases), planes)
    for t, (a, b, c) in enumerate(cases):
        assert sum((after[50 + i] >> t & 1) << i for i in range(5)) == a + b + c


def test_inverter_and_wide_multiplexers():
    cells = [("INV", {}, {"I": [1], "O": [2]})]
    cells += [(kind, {}, {"I0": [3], "I1": [1], "S": [4], "O": [10 + i]}) for i, kind in enumerate(("MUXF7", "MUXF8", "MUXF9"))]
    after = netlist(*cells, register(2, 20), *(register(10 + i, 21 + i) for i in range(3))).next_state(
        8, {1: 0b10101010, 3: 0b11001100, 4: 0b11110000, 0: 0, **{20 + i: 0 for i in range(4)}})
    assert after[20] == 0b01010101
    assert {after[21 + i] for i in range(3)} == {0b10101100}


@pytest.mark.parametrize("kind", ["FDRE", "FDSE"])
def test_flip_flops(kind):
    """All 16 combinations of data, enable, reset (set) and old value, against the library guide's truth table."""
    planes = {wire: sum(1 << t for t in range(16) if t >> i & 1) for i, wire in enumerate((1, 2, 3, 4))}
    after = netlist(register(1, 4, enable=2, reset=3, kind=kind)).next_state(16, {**planes, 0: 0})[4]
    for t in range(16):
        data, enable, reset, old = (t >> i & 1 for i in range(4))
        assert after >> t & 1 == ((kind == "FDSE") if reset else data if enable else old)


@pytest.mark.parametrize("cells, message", [
    ([("DSP48E2", {}, {"P": [1]})], "cell c0 is a DSP48E2"),
    ([("FDRE", {"IS_R_INVERTED": "1"}, {"Q": [1]})], "IS_R_INVERTED"),
    ([("INV", {}, {"I": [1], "O": [2]}), ("INV", {}, {"I": [2], "O": [1]})], "loop"),
    ([("INV", {}, {"I": [1], "O": [2]})], "wire 1 has no value"),
])
def test_what_cannot_be_evaluated_is_named(cells, message):
    with pytest.raises(BadInput, match=message):
        netlist(*cells).next_state(1, {})


def lut(wires, output, table="0110", **more):
    return ("LUT2", {"INIT": table}, {"I0": [wires[0]], "I1": [wires[1]], "O": [output], **more})


CARRY = {"CI": ["0"], "CYINIT": ["0"], "S": [2, 3, 4, 5], "DI": [2, 3, 4, 5], "O": [6, 7, 8, 9]}


@pytest.mark.parametrize("cells, message", [
    ([lut((1, 2), 3), lut((1, 1), 3)], "several cells drive wire 3"),
    ([lut((1, 2), "0")], "cell c0 drives a constant"),
    ([lut((1, 2), 3, table="01x0")], "no table of 4 bits in INIT"),
    ([lut((1, 2), 3, table="0110" * 4)], "no table of 4 bits in INIT"),
    ([("LUT2", {}, {"I0": [1], "I1": [2], "O": [3]})], "no table of 4 bits in INIT"),
    ([("LUT3", {"INIT": "01101001"}, {"I0": [1], "I1": [2], "O": [3]})], "not the pins of a LUT3"),
    ([lut((1, 2), 3, I2=[4])], "not the pins of a LUT2"),
    ([("CARRY4", {}, {**CARRY, "S": [2, 3, 4]})], "not the pins of a CARRY4"),
    ([("CARRY4", {}, {**CARRY, "CI": [1], "CYINIT": ["1"]})], "two carries in"),
    ([("INV", {}, {"I": [1]})], "not the pins of a INV"),
    ([("INV", {}, {"I": ["one"], "O": [2]})], "no netlist as Yosys"),
    ([("INV", {}, {"I": 1, "O": [2]})], "no netlist as Yosys"),
    ([("INV", {}, None)], "no netlist as Yosys"),
])
def test_what_yosys_never_writes_is_refused(cells, message):
    with pytest.raises(BadInput, match=message):
        netlist(*cells)


@pytest.mark.parametrize("module", [None, [], {}, {"cells": {}}, {"cells": [], "ports": {}}, {"cells": {"c": 1}, "ports": {}},
                                    {"cells": {}, "ports": {"a": {"bits": "01"}}}])
def test_a_module_of_another_shape_is_refused(module):
    with pytest.raises(BadInput, match="m: this is no netlist as Yosys' write_json makes them"):
        Netlist.from_json("m", module)
