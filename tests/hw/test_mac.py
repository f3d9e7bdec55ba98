"""From formats to mapped netlists: counts, and the netlists against repro.formats."""

import math
import os
import random
import tempfile
from dataclasses import replace
from fractions import Fraction

import pytest

from hw import synth
from hw.check import exhaustive, to_planes
from hw.generate import Mac, mac_verilog
from hw.netlist import Netlist
from hw.synth import CARRY_ROWS, MAPPINGS, YOSYS_DEFAULT, synthesise
from repro import accumulators
from repro.errors import BadInput
from repro.formats import parse

K = 4608
# Square, mixed widths, mixed formats, no mantissa, one exponent bit, more than 64 bits of accumulator, another bias.
PAIRS = ["INT8 INT8", "INT4 INT4", "INT4 INT8", "E4M3 E4M3", "E3M2 E3M2", "E2M1 E2M1", "E2M1 E4M3", "E3M0 E2M1", "E1M1 E1M2",
         "E5M2 E5M2", "E4M3B9 E4M3"]
JOBS = [(pair, CARRY_ROWS) for pair in PAIRS] + [(pair, YOSYS_DEFAULT) for pair in ("INT4 INT4", "E2M1 E2M1", "E4M3 E4M3")]
NARROW = Mac(parse("E2M1"), parse("E2M1"), K, acc_bits=accumulators.exact_width(parse("E2M1"), parse("E2M1"), K) - 1)


def mac(pair, k=K):
    a, b = map(parse, pair.split())
    return Mac(a, b, k)


@pytest.fixture(scope="module")
def mapped():
    """Everything these tests need from Yosys, in one run, in a temporary folder whose name has a space."""
    with tempfile.TemporaryDirectory(prefix="with space ") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        results = synthesise([(mac(pair), mapping) for pair, mapping in JOBS] + [(NARROW, CARRY_ROWS)])
        assert os.listdir(folder) == []
    return dict(zip([*JOBS, "narrow"], results))


@pytest.mark.parametrize("job", JOBS, ids=" ".join)
def test_netlist_is_exact_for_every_pair(mapped, job):
    unit = mapped[job]
    found = exhaustive(unit.netlist, unit.mac)
    assert (found.mismatches, found.overflows, found.first) == (0, 0, None)
    assert found.pairs == 2 ** (unit.mac.a.bits + unit.mac.b.bits)
    assert found.steps >= 2 * found.pairs + 2 * K


@pytest.mark.parametrize("job", JOBS, ids=" ".join)
def test_registers_are_the_exact_width(mapped, job):
    counts = mapped[job].counts
    assert counts.ff == counts.acc_bits == accumulators.exact_width(mapped[job].mac.a, mapped[job].mac.b, K)


def test_step_by_step_like_the_hardware(mapped):
    """One real run, a clock edge at a time, with rational arithmetic on the decoded values as the oracle."""
    unit = mapped["E2M1 E2M1", CARRY_ROWS]
    ports = unit.netlist.ports
    order = [(a, b) for a in range(16) for b in range(16)]
    random.Random(1).shuffle(order)
    step = Fraction(unit.mac.a.min_subnormal) * Fraction(unit.mac.b.min_subnormal)
    state = dict.fromkeys(ports["acc"], 1)  # whatever the register held at power-up
    exact = Fraction(0)
    for a, b, clear in [(5, 9, 1), *((a, b, 0) for a, b in order)]:
        inputs = dict(zip(ports["a"], to_planes([a], 4))) | dict(zip(ports["b"], to_planes([b], 4)))
        state = unit.netlist.next_state(1, {**state, **inputs, ports["clear"][0]: clear, ports["clk"][0]: 0})
        exact += 0 if clear else Fraction(float(unit.mac.a.decode(a))) * Fraction(float(unit.mac.b.decode(b)))
        bits = [state[wire] for wire in ports["acc"]]
        register = sum(bit << i for i, bit in enumerate(bits)) - (bits[-1] << len(bits))
        assert register * step == exact


def test_one_bit_less_overflows_in_the_worst_case_only(mapped):
    unit = mapped["narrow"]
    found = exhaustive(unit.netlist, unit.mac)
    assert found.mismatches == 0        # it wraps as two's complement should
    assert 0 < found.overflows < K      # ... but K products no longer fit
    largest = round(parse("E2M1").max / parse("E2M1").min_subnormal) ** 2
    fit = (2 ** (unit.mac.acc_bits - 1) - 1) // largest, 2 ** (unit.mac.acc_bits - 1) // largest
    assert found.overflows == sum(K - steps for steps in fit)


@pytest.mark.parametrize("pair, most", [("INT8 INT8", 101), ("INT4 INT4", 40), ("E4M3 E4M3", 119), ("E3M2 E3M2", 75),
                                        ("E2M1 E2M1", 40), ("INT4 INT8", 65), ("E2M1 E4M3", 78), ("E5M2 E5M2", 173)])
def test_counts_are_no_worse_than_the_first_prototype(mapped, pair, most):
    assert mapped[pair, CARRY_ROWS].counts.lut <= most


def test_counts_hold_together(mapped):
    for unit in (mapped[job] for job in JOBS):
        kinds = [cell.kind for cell in unit.netlist.cells]
        assert unit.counts.lut == sum(kind == "INV" or kind.startswith("LUT") for kind in kinds)
        assert unit.counts.carry4 == kinds.count("CARRY4") >= unit.counts.acc_bits // 4


def test_a_bias_costs_no_hardware(mapped):
    plain, moved = mapped["E4M3 E4M3", CARRY_ROWS], mapped["E4M3B9 E4M3", CARRY_ROWS]
    assert moved.mac.parameters == plain.mac.parameters
    assert moved.counts == plain.counts


def test_the_company_in_a_run_does_not_matter(mapped, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    alone, = synthesise([(mac("E2M1 E2M1"), CARRY_ROWS)])
    assert alone.counts == mapped["E2M1 E2M1", CARRY_ROWS].counts
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")
    assert synthesise([]) == []


def with_cell(netlist: Netlist, index: int, **changes) -> Netlist:
    return replace(netlist, cells=(*netlist.cells[:index], replace(netlist.cells[index], **changes), *netlist.cells[index + 1:]))


def luts(netlist):
    return [(i, cell) for i, cell in enumerate(netlist.cells) if cell.kind.startswith("LUT")]


def flipped(table: str, bit: int) -> str:
    return table[:bit] + "10"[int(table[bit])] + table[bit + 1:]


@pytest.mark.parametrize("job", [("E2M1 E2M1", CARRY_ROWS), ("INT4 INT4", YOSYS_DEFAULT)], ids=" ".join)
def test_every_fault_that_matters_is_caught(mapped, job):
    """Flip one LUT bit: either the check finds it, or no input at all can show it (an entry that is never read)."""
    unit, ports = mapped[job], mapped[job].netlist.ports
    rng = random.Random(0)
    cases = 2**14
    inputs = {ports["clk"][0]: 0} | {wire: rng.getrandbits(cases) for name in ("a", "b", "clear", "acc") for wire in ports[name]}
    good = unit.netlist.next_state(cases, inputs)
    faults = [(i, cell, bit) for i, cell in luts(unit.netlist) for bit in range(len(cell.parameters["INIT"]))]
    caught = 0
    for i, cell, bit in rng.sample(faults, 40):
        faulty = with_cell(unit.netlist, i, parameters={"INIT": flipped(cell.parameters["INIT"], bit)})
        found = exhaustive(faulty, unit.mac)
        caught += found.mismatches > 0
        assert found.mismatches > 0 or faulty.next_state(cases, inputs) == good
    assert caught >= 25


def test_an_inverted_lut_is_always_caught(mapped):
    unit = mapped["INT4 INT4", CARRY_ROWS]
    for i, cell in luts(unit.netlist):
        table = cell.parameters["INIT"].translate(str.maketrans("01", "10"))
        assert exhaustive(with_cell(unit.netlist, i, parameters={"INIT": table}), unit.mac).mismatches > 0


def test_a_register_that_does_not_clear_is_caught_and_described(mapped):
    unit = mapped["E2M1 E2M1", CARRY_ROWS]
    index = next(i for i, cell in enumerate(unit.netlist.cells) if cell.kind == "FDRE")
    found = exhaustive(with_cell(unit.netlist, index, pins={**unit.netlist.cells[index].pins, "R": ("0",)}), unit.mac)
    assert found.mismatches > 0
    assert "clear = 1" in found.first and "should be 0" in found.first


def test_planes_of_wide_and_negative_integers():
    rng = random.Random(2)
    values = [rng.randrange(-2**99, 2**99) for _ in range(50)]
    planes = to_planes(values, 100)
    assert len(planes) == 100
    for t, value in enumerate(values):
        assert sum((plane >> t & 1) << i for i, plane in enumerate(planes)) == value % 2**100


@pytest.mark.parametrize("make, message", [
    (lambda: mac("INT8 E4M3"), "no MAC multiplies INT8 by E4M3"),
    (lambda: mac("UINT8 INT8"), "not UINT8: use INT9"),
    (lambda: mac("INT8 INT8", k=0), "k is a whole number of at least 1"),
    (lambda: Mac(parse("INT8"), parse("INT8"), 10, acc_bits=1), "at least 2 bits, not 1"),
    (lambda: mac_verilog(parse("INT8"), parse("UINT8"), 10), "not UINT8"),
    (lambda: synthesise([(mac("INT4 INT4"), "vivado")]), "unknown mapping 'vivado': use yosys-default or carry-rows"),
])
def test_bad_input_is_named(make, message):
    with pytest.raises(BadInput, match=message):
        make()


def test_limits_of_the_check_are_named(mapped):
    netlist = mapped["E2M1 E2M1", CARRY_ROWS].netlist
    with pytest.raises(BadInput, match="use narrower formats or a smaller k"):
        exhaustive(netlist, mac("E5M10 E5M10"))
    with pytest.raises(BadInput, match="use narrower formats or a smaller k"):
        exhaustive(netlist, mac("E2M1 E2M1", k=2**21))
    without = replace(netlist, cells=tuple(cell for cell in netlist.cells if cell.kind != "FDRE"))
    with pytest.raises(BadInput, match="not exactly the bits of acc"):
        exhaustive(without, mac("E2M1 E2M1"))


def test_missing_yosys_is_named(monkeypatch):
    monkeypatch.setattr(synth, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install pyosys==0.70"):
        synthesise([(mac("E2M1 E2M1"), MAPPINGS[0])])


def test_yosys_own_words_reach_the_reader(monkeypatch):
    monkeypatch.setattr(synth, "rtl", lambda module: "module minifloat_mac (; endmodule")
    with pytest.raises(BadInput, match="could not synthesise.*ERROR.*syntax error"):
        synthesise([(mac("E2M1 E2M1"), CARRY_ROWS)])


def test_width_is_tight():
    """The exact width holds the worst sum, and one bit less does not, in plain integers."""
    for pair in PAIRS:
        unit = mac(pair)
        worst = K * max(abs(x) * abs(y) for x in (unit.a.min, unit.a.max) for y in (unit.b.min, unit.b.max))
        steps = Fraction(worst) / Fraction(unit.a.min_subnormal) / Fraction(unit.b.min_subnormal)
        assert math.log2(steps) < unit.acc_bits - 1 or steps == 2 ** (unit.acc_bits - 1)
        assert steps > 2 ** (unit.acc_bits - 2) - 1
