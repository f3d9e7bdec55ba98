"""Lanes: the mapped netlists over every operand pair in every position, and a run edge by edge."""

import random
from dataclasses import replace
from fractions import Fraction

import pytest

from hw.check import to_planes
from hw.lane import Lane, check
from hw.synth import UNIT_COST, YOSYS_DEFAULT, synthesise
from repro import accumulators
from repro.errors import BadInput
from repro.formats import parse


def lane(a, b, k, simd, acc_bits=None):
    return Lane(parse(a), parse(b), k, simd, acc_bits)


# Unsigned and mixed operands, numbers of products that are no power of two, one product, no shift, wraps on purpose.
LANES = [lane("INT4", "INT4", 9, 4), lane("UINT4", "INT3", 9, 3), lane("UINT3", "UINT4", 5, 5), lane("INT5", "INT3", 7, 1),
         lane("E2M1", "E2M1", 9, 4), lane("E3M2", "E2M1", 9, 2), lane("E1M2", "E1M3", 7, 8), lane("E2M1", "E4M1", 5, 1),
         lane("E4M1", "E3M0", 7, 3)]
NARROW = lane("E2M1", "E2M1", 9, 4, acc_bits=LANES[4].acc_bits - 1)
ONE = lane("INT4", "INT4", 36, 1)
JOBS = [*((design, YOSYS_DEFAULT) for design in (*LANES, NARROW, ONE)), (LANES[0], UNIT_COST), (LANES[4], UNIT_COST)]


@pytest.fixture(scope="module")
def mapped():
    return dict(zip(JOBS, synthesise(JOBS)))


@pytest.mark.parametrize("job", [job for job in JOBS if job[0] is not NARROW], ids=lambda job: f"{job[0].name} {job[1]}")
def test_netlist_is_exact(mapped, job):
    design, counts = job[0], mapped[job].counts
    found = check(mapped[job].netlist, design)
    assert (found.mismatches, found.overflows, found.first) == (0, 0, None)
    assert found.pairs == 2 ** (design.a.bits + design.b.bits)
    assert found.steps >= 2**14 + 256 + 2 * design.k
    assert counts.ff == design.acc_bits == accumulators.exact_width(design.a, design.b, design.k * design.simd)


def test_one_bit_less_overflows(mapped):
    found = check(mapped[NARROW, YOSYS_DEFAULT].netlist, NARROW)
    assert found.mismatches == 0 and 0 < found.overflows < 2 * NARROW.k


@pytest.mark.parametrize("design", [LANES[1], LANES[6]], ids=lambda design: design.name)
def test_a_dot_product_cycle_by_cycle(mapped, design):
    """One real run, with rational arithmetic on the decoded values as the oracle."""
    netlist = mapped[design, YOSYS_DEFAULT].netlist
    ports, rng = netlist.ports, random.Random(1)
    state, exact = dict.fromkeys(ports["acc"], 1), Fraction(0)
    step = Fraction(design.a.min_subnormal) * Fraction(design.b.min_subnormal)
    for cycle in range(design.k + 1):
        codes = {port: [rng.getrandbits(fmt.bits) for _ in range(design.simd)] for port, fmt in (("a", design.a), ("b", design.b))}
        packed = {port: sum(code << fmt.bits * i for i, code in enumerate(codes[port])) for port, fmt in
                  (("a", design.a), ("b", design.b))}
        inputs = {wire: plane for port in ("a", "b") for wire, plane in zip(ports[port], to_planes([packed[port]], len(ports[port])))}
        state = netlist.next_state(1, {**state, **inputs, ports["clear"][0]: int(cycle == 0), ports["clk"][0]: 0})
        if cycle:
            exact += sum(Fraction(float(design.a.decode(x))) * Fraction(float(design.b.decode(y)))
                         for x, y in zip(codes["a"], codes["b"]))
        bits = [state[wire] for wire in ports["acc"]]
        assert (sum(bit << i for i, bit in enumerate(bits)) - (bits[-1] << len(bits))) * step == exact


def test_inverted_luts_are_caught_and_described(mapped):
    design = LANES[4]
    netlist = mapped[design, YOSYS_DEFAULT].netlist
    luts = [(i, cell) for i, cell in enumerate(netlist.cells) if cell.kind.startswith("LUT")]
    for i, cell in random.Random(0).sample(luts, 30):
        inverted = replace(cell, parameters={"INIT": cell.parameters["INIT"].translate(str.maketrans("01", "10"))})
        found = check(replace(netlist, cells=(*netlist.cells[:i], inverted, *netlist.cells[i + 1:])), design)
        assert found.mismatches > 0 and "the next acc should be" in found.first


def test_sharing_the_accumulator_saves_luts(mapped):
    assert mapped[LANES[0], YOSYS_DEFAULT].counts.lut < 4 * mapped[ONE, YOSYS_DEFAULT].counts.lut


@pytest.mark.parametrize("make, message", [
    (lambda: lane("INT8", "E4M3", 9, 4), "no lane multiplies INT8 by E4M3"),
    (lambda: lane("INT8", "INT8", 9, 0), "simd is a whole number of at least 1, not 0"),
    (lambda: lane("INT8", "INT8", 1.5, 4), "k is a whole number of at least 1"),
    (lambda: lane("INT8", "INT8", 9, 4, acc_bits=1), "at least 2 bits, not 1"),
    (lambda: check(None, lane("E5M10", "E5M10", 9, 4)), "use narrower formats or a smaller k"),
    (lambda: check(None, lane("INT4", "INT4", 2**21, 4)), "use narrower formats or a smaller k"),
])
def test_bad_input_is_named(make, message):
    with pytest.raises(BadInput, match=message):
        make()


def test_other_registers_are_named(mapped):
    netlist = mapped[LANES[0], YOSYS_DEFAULT].netlist
    without = replace(netlist, cells=tuple(cell for cell in netlist.cells if cell.kind != "FDRE"))
    with pytest.raises(BadInput, match="not exactly the bits of acc"):
        check(without, LANES[0])
