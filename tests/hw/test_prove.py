"""Proofs by SAT: right circuits are proved, wrong ones are refuted with inputs that show it."""

from dataclasses import replace

import pytest

from hw import prove, yosys
from hw.check import to_planes
from hw.generate import Mac
from hw.next_state import next_state_verilog
from hw.variants import build
from repro.errors import BadInput
from repro.formats import parse

PAIRS = ["INT4 INT4", "E2M1 E2M1", "UINT4 INT3", "E2M1 INT4", "E3M0 E1M1"]


@pytest.fixture(scope="module")
def mapped():
    macs = [Mac(*map(parse, pair.split()), 64) for pair in PAIRS]
    jobs = [(pair, variant) for pair in PAIRS for variant in ("default", "tuned")]
    return dict(zip(jobs, build([(mac, variant) for mac in macs for variant in ("default", "tuned")])))


@pytest.mark.parametrize("goal", [
    prove.carry_rows(5, 4, True), prove.carry_rows(3, 6, False),
    prove.product("table_product", 4, 4), prove.product("table_product", 3, 6),
    *(prove.product("booth_product", 5, 4, a, b) for a in (False, True) for b in (False, True)),
    prove.shift_left(6, 3, False), prove.shift_left(5, 4, True),
], ids=lambda goal: goal.name)
def test_multipliers_and_shifter(goal):
    proof, = prove.prove([goal])
    assert (proof.name, proof.proved, proof.counterexample) == (goal.name, True, None)


@pytest.mark.parametrize("pair", PAIRS)
def test_macs_for_every_accumulator(mapped, pair):
    default, tuned = mapped[pair, "default"], mapped[pair, "tuned"]
    goals = [prove.exact(default.netlist, default.design), prove.exact(tuned.netlist, tuned.design),
             prove.equivalent(tuned.netlist, default.netlist, tuned.design)]
    assert all(proof.proved for proof in prove.prove(goals))


@pytest.mark.parametrize("right, wrong", [
    ("& ~one", ""), ("wire negative = y[2*i+2]", "wire negative = y[2*i+1]"), ("{sum, unused} =", "{unused, sum} =")])
def test_a_wrong_multiplier_is_refuted(right, wrong):
    goal = prove.product("booth_product", 4, 4, True, True)
    assert right in goal.verilog
    proof, = prove.prove([replace(goal, verilog=goal.verilog.replace(right, wrong))])
    assert not proof.proved
    assert set(proof.counterexample) == {"a", "b"}


def test_the_counterexample_is_one():
    """A multiplier that is wrong for one pair only: the solver names that pair."""
    goal = prove.product("table_product", 4, 4)
    wrong = goal.verilog.replace("{unused_top, product} = ", "{unused_top, product} = (a == 11 && b == 6) ? 65 : ")
    assert wrong != goal.verilog
    proof, = prove.prove([replace(goal, verilog=wrong)])
    assert proof.counterexample == {"a": 11, "b": 6}


def test_a_wrong_accumulator_is_refuted(mapped):
    """One LUT inverted: the counter-example, run on the netlist, shows a wrong sum."""
    unit = mapped["INT4 INT4", "tuned"]
    index = next(i for i, cell in enumerate(unit.netlist.cells) if cell.kind == "LUT6")
    cells = list(unit.netlist.cells)
    table = cells[index].parameters["INIT"].translate(str.maketrans("01", "10"))
    cells[index] = replace(cells[index], parameters={"INIT": table})
    faulty = replace(unit.netlist, cells=tuple(cells))
    proof, = prove.prove([prove.exact(faulty, unit.design)])
    found = {"clear": 0} | proof.counterexample
    values = {wire: bit for port in ("clear", "a", "b", "acc")
              for wire, bit in zip(faulty.ports[port], to_planes([found[port]], len(faulty.ports[port])))}
    after = faulty.next_state(1, values | {faulty.ports["clk"][0]: 0})
    a, b = (value - 16 * (value > 7) for value in (found["a"], found["b"]))
    expected = 0 if found["clear"] else (found["acc"] + a * b) % 2**unit.design.acc_bits
    assert sum(after[wire] << i for i, wire in enumerate(faulty.ports["acc"])) != expected


def test_time_runs_out():
    proof, = prove.prove([prove.product("booth_product", 8, 8, True, True)], timeout=1)
    assert (proof.proved, proof.counterexample) == (False, None)


def test_bad_input():
    piped = build([(Mac(parse("INT3"), parse("INT3"), 9, pipeline=True), "tuned")])[0]
    with pytest.raises(BadInput, match="without a pipeline"):
        next_state_verilog(piped.netlist, "unit")


def test_missing_yosys_is_named(monkeypatch):
    monkeypatch.setattr(yosys, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install pyosys"):
        prove.prove([prove.shift_left(4, 2, False)])
