"""From formats to mapped netlists: counts, and the netlists against repro.formats."""

import math
import os
import random
import tempfile
from dataclasses import replace
from fractions import Fraction

import pytest

from hw import synth, yosys
from hw.check import exhaustible, exhaustive, operand_pairs, overflows, sampled, steps, to_planes
from hw.check_options import wrong_edges
from hw.generate import PLAIN, Mac, mac_verilog, rtl, with_dependencies
from hw.lane import Lane
from hw.netlist import Netlist
from hw.synth import CARRY_ROWS, DSP_ALLOWED, MAPPINGS, UNIT_COST, YOSYS_DEFAULT, synthesise
from hw.variants import build
from repro import accumulators
from repro.errors import BadInput
from repro.formats import parse

K = 4608
# Square, mixed widths, mixed formats, no mantissa, one exponent bit, more than 64 bits of accumulator, another bias,
# unsigned, odd and even numbers of Booth digits, minifloat times integer both ways.
PAIRS = ["INT8 INT8", "INT7 INT7", "INT4 INT4", "INT3 INT3", "INT4 INT8", "INT8 INT3", "INT8 UINT4", "UINT3 INT5", "UINT4 UINT4",
         "E4M3 E4M3", "E3M2 E3M2", "E2M1 E2M1", "E2M1 E4M3", "E3M4 E2M1", "E3M0 E2M1", "E1M1 E1M2", "E1M4 E1M1", "E2M5 E3M4",
         "E5M2 E5M2", "E4M3B9 E4M3", "E4M3 INT8", "INT4 E2M1", "UINT4 E3M2"]
JOBS = [(pair, "tuned") for pair in PAIRS]
JOBS += [(pair, "default") for pair in ("INT4 INT4", "INT4 UINT3", "E2M1 E2M1", "E4M3 E4M3", "E2M1 INT4")]
JOBS += [(pair, "carry-rows") for pair in ("INT8 INT8", "INT4 INT4", "E2M1 E2M1", "E4M3 E4M3")]
NARROW = Mac(parse("E2M1"), parse("E2M1"), K, acc_bits=accumulators.exact_width(parse("E2M1"), parse("E2M1"), K) - 1)


def mac(pair, k=K):
    a, b = map(parse, pair.split())
    return Mac(a, b, k)


@pytest.fixture(scope="module")
def mapped():
    """Everything these tests need from Yosys, in one run, in a temporary folder whose name has a space."""
    with tempfile.TemporaryDirectory(prefix="with space ") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        results = build([(mac(pair), variant) for pair, variant in JOBS] + [(NARROW, "tuned")])
        assert os.listdir(folder) == []
    return dict(zip([*JOBS, "narrow"], results))


@pytest.mark.parametrize("job", JOBS, ids=" ".join)
def test_netlist_is_exact_for_every_pair(mapped, job):
    unit = mapped[job]
    found = exhaustive(unit.netlist, unit.design)
    assert (found.mismatches, found.overflows, found.first) == (0, 0, None)
    assert found.pairs == 2 ** (unit.design.a.bits + unit.design.b.bits)
    assert found.steps >= 2 * found.pairs + 2 * K


@pytest.mark.parametrize("job", JOBS, ids=" ".join)
def test_registers_are_the_exact_width(mapped, job):
    counts = mapped[job].counts
    assert counts.ff == counts.acc_bits == accumulators.exact_width(mapped[job].design.a, mapped[job].design.b, K)


def test_step_by_step_like_the_hardware(mapped):
    """One real run, a clock edge at a time, with rational arithmetic on the decoded values as the oracle."""
    unit = mapped["E2M1 E2M1", "tuned"]
    ports = unit.netlist.ports
    order = [(a, b) for a in range(16) for b in range(16)]
    random.Random(1).shuffle(order)
    step = Fraction(unit.design.a.min_subnormal) * Fraction(unit.design.b.min_subnormal)
    state = dict.fromkeys(ports["acc"], 1)  # whatever the register held at power-up
    exact = Fraction(0)
    for a, b, clear in [(5, 9, 1), *((a, b, 0) for a, b in order)]:
        inputs = dict(zip(ports["a"], to_planes([a], 4))) | dict(zip(ports["b"], to_planes([b], 4)))
        state = unit.netlist.next_state(1, {**state, **inputs, ports["clear"][0]: clear, ports["clk"][0]: 0})
        exact += 0 if clear else Fraction(float(unit.design.a.decode(a))) * Fraction(float(unit.design.b.decode(b)))
        bits = [state[wire] for wire in ports["acc"]]
        register = sum(bit << i for i, bit in enumerate(bits)) - (bits[-1] << len(bits))
        assert register * step == exact


def test_one_bit_less_overflows_in_the_worst_case_only(mapped):
    unit = mapped["narrow"]
    found = exhaustive(unit.netlist, unit.design)
    assert found.mismatches == 0        # it wraps as two's complement should
    assert 0 < found.overflows < K      # ... but K products no longer fit
    largest = round(parse("E2M1").max / parse("E2M1").min_subnormal) ** 2
    fit = (2 ** (unit.design.acc_bits - 1) - 1) // largest, 2 ** (unit.design.acc_bits - 1) // largest
    assert found.overflows == sum(K - steps for steps in fit)


@pytest.mark.parametrize("pair, prototype", [("INT8 INT8", 101), ("INT4 INT4", 40), ("INT3 INT3", 30), ("E4M3 E4M3", 119),
                                             ("E5M2 E5M2", 167), ("E3M2 E3M2", 74), ("E2M1 E2M1", 39)])
def test_tuned_counts_are_a_tenth_below_the_prototype(mapped, pair, prototype):
    assert mapped[pair, "tuned"].counts.lut <= 0.9 * prototype


def test_counts_hold_together(mapped):
    for unit in (mapped[job] for job in JOBS):
        kinds = [cell.kind for cell in unit.netlist.cells]
        assert unit.counts.lut == sum(kind == "INV" or kind.startswith("LUT") for kind in kinds)
        assert unit.counts.carry4 == kinds.count("CARRY4") >= unit.counts.acc_bits // 4 - 1
        assert 1 <= unit.counts.depth < 15


def test_a_bias_costs_no_hardware(mapped):
    plain, moved = mapped["E4M3 E4M3", "tuned"], mapped["E4M3B9 E4M3", "tuned"]
    assert moved.design.parameters == plain.design.parameters
    assert moved.counts == plain.counts


def test_the_company_in_a_run_does_not_matter(mapped, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    alone, = build([(mac("E2M1 E2M1"), "carry-rows")])
    assert alone.counts == mapped["E2M1 E2M1", "carry-rows"].counts
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")
    assert synthesise([]) == []


def with_cell(netlist: Netlist, index: int, **changes) -> Netlist:
    return replace(netlist, cells=(*netlist.cells[:index], replace(netlist.cells[index], **changes), *netlist.cells[index + 1:]))


def luts(netlist):
    return [(i, cell) for i, cell in enumerate(netlist.cells) if cell.kind.startswith("LUT")]


def flipped(table: str, bit: int) -> str:
    return table[:bit] + "10"[int(table[bit])] + table[bit + 1:]


@pytest.mark.parametrize("job", [("E2M1 E2M1", "tuned"), ("INT4 INT4", "default")], ids=" ".join)
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
        found = exhaustive(faulty, unit.design)
        caught += found.mismatches > 0
        assert found.mismatches > 0 or faulty.next_state(cases, inputs) == good
    assert caught >= 25


def test_an_inverted_lut_is_always_caught(mapped):
    unit = mapped["INT4 INT4", "carry-rows"]
    for i, cell in luts(unit.netlist):
        table = cell.parameters["INIT"].translate(str.maketrans("01", "10"))
        assert exhaustive(with_cell(unit.netlist, i, parameters={"INIT": table}), unit.design).mismatches > 0


def test_a_register_that_does_not_clear_is_caught_and_described(mapped):
    unit = mapped["E2M1 E2M1", "tuned"]
    index = next(i for i, cell in enumerate(unit.netlist.cells) if cell.kind == "FDRE")
    found = exhaustive(with_cell(unit.netlist, index, pins={**unit.netlist.cells[index].pins, "R": ("0",)}), unit.design)
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
    (lambda: Mac(parse("INT8"), parse("INT8"), 10, architecture="fast"), "unknown architecture 'fast': use plain or tuned"),
    (lambda: Mac(parse("E4M3"), parse("INT8"), 10, saturate=True), "only integer MACs saturate"),
    (lambda: build([(mac("INT4 INT4"), "best")]), "unknown variant 'best': use default, "),
    (lambda: mac("INT8 INT8", k=0), "k is a whole number of at least 1"),
    (lambda: Mac(parse("INT8"), parse("INT8"), 10, acc_bits=1), "at least 2 bits, not 1"),
    (lambda: synthesise([(mac("INT4 INT4"), "vivado")]), "unknown mapping 'vivado': use yosys-default, carry-rows, unit-cost or dsp-allowed"),
])
def test_bad_input_is_named(make, message):
    with pytest.raises(BadInput, match=message):
        make()


OPTIONS = [Mac(parse("INT4"), parse("INT4"), K, 8, saturate=True), Mac(parse("INT4"), parse("UINT4"), K, 12, saturate=True),
           Mac(parse("UINT4"), parse("UINT4"), K, saturate=True), Mac(parse("INT8"), parse("INT8"), K, 10, saturate=True),
           Mac(parse("INT4"), parse("INT4"), K, pipeline=True), Mac(parse("E3M2"), parse("E3M2"), K, pipeline=True),
           Mac(parse("E1M2"), parse("E1M2"), K, pipeline=True), Mac(parse("E3M2"), parse("INT5"), K, pipeline=True),
           Mac(parse("INT4"), parse("UINT4"), 9, 5, PLAIN, pipeline=True, saturate=True), Mac(parse("E2M1"), parse("E3M2"), K, None, PLAIN, True)]


@pytest.fixture(scope="module")
def optioned():
    return synthesise([(option, UNIT_COST) for option in OPTIONS])


def test_options_are_exact_too(optioned):
    for unit in optioned:
        found = exhaustive(unit.netlist, unit.design)
        assert (found.mismatches, found.first) == (0, None)
        assert wrong_edges(unit.netlist, unit.design) == 0
        assert (unit.counts.ff > unit.counts.acc_bits) == unit.design.pipeline


def test_the_widest_booth_products_in_every_sign():
    """Beyond what is proved by SAT: a product of its own stands behind a pipeline register."""
    pairs = [(a, b) for a in ("INT8", "UINT8") for b in ("INT8", "UINT8", "INT7")]
    jobs = [(Mac(parse(a), parse(b), 9, pipeline=True), UNIT_COST) for a, b in pairs]
    for unit in synthesise(jobs):
        assert "booth_product" in unit.design.modules
        assert exhaustive(unit.netlist, unit.design).mismatches == 0


@pytest.mark.parametrize("p", [3, 5, 7, 8, 11])
def test_narrow_accumulators_are_right_modulo_two_to_the_p(p):
    """A2Q's case: P below the product's width."""
    jobs = [(Mac(parse(a), parse(b), 9, p), "tuned") for a, b in (("INT4", "INT4"), ("INT6", "UINT4"), ("E2M1", "E2M1"), ("E1M3", "E1M2"))]
    for unit in build(jobs):
        assert exhaustive(unit.netlist, unit.design).mismatches == 0
        assert unit.counts.ff == p


def test_a_pipeline_without_its_register_is_caught(mapped):
    unit = mapped["INT4 INT4", "tuned"]
    piped = Mac(parse("INT4"), parse("INT4"), K, pipeline=True)
    assert exhaustive(unit.netlist, piped).mismatches > 0


def test_a_wrapping_mac_is_no_saturating_one():
    wrapping = Mac(parse("INT4"), parse("INT4"), 64, 8)
    unit, = synthesise([(wrapping, UNIT_COST)])
    assert exhaustive(unit.netlist, replace(wrapping, saturate=True)).mismatches > 0
    wide = Mac(parse("INT3"), parse("INT3"), K)  # no sum of k products comes near the limits
    unit, = synthesise([(wide, UNIT_COST)])
    assert exhaustive(unit.netlist, replace(wide, saturate=True)).mismatches == 0
    assert wrong_edges(unit.netlist, replace(wide, saturate=True)) > 0


def test_a_clear_that_overtakes_the_pipeline_is_caught(monkeypatch):
    text = rtl("minifloat_mac_grouped").replace("assign dropped = clear_before;", "assign dropped = clear;")
    monkeypatch.setattr(synth, "rtl", lambda module: text if module == "minifloat_mac_grouped" else rtl(module))
    unit, = synthesise([(Mac(parse("E2M1"), parse("E2M1"), K, pipeline=True), UNIT_COST)])
    assert wrong_edges(unit.netlist, unit.design) > 0


def test_dsp_blocks_are_counted():
    unit, = synthesise([(Mac(parse("INT8"), parse("INT8"), K, architecture=PLAIN), DSP_ALLOWED)])
    assert unit.counts.dsp == 1 and unit.counts.lut <= 28 and unit.netlist is None


def test_a_pair_and_its_mirror_image_are_one_circuit():
    for a, b in (("INT8", "INT3"), ("E4M3", "E2M1"), ("E3M2", "E2M2"), ("E1M4", "E1M2"), ("INT4", "E2M1")):
        one, other = mac(f"{a} {b}"), mac(f"{b} {a}")
        assert (one.module, one.parameters) == (other.module, other.parameters)
        assert one.swapped != other.swapped


def test_verilog_is_self_contained():
    for pair in ("INT8 INT4", "E4M3 E4M3", "E3M4 E3M4", "INT8 E4M3"):
        text = mac_verilog(*map(parse, pair.split()), 9)
        assert "include" not in text
        name = mac(pair, 9).name
        assert {f"module {name}_{inner} " for inner in with_dependencies(mac(pair).module)} | {f"module {name} "} == {
            line.partition("#")[0].partition("(")[0] for line in text.splitlines() if line.startswith("module")}


@pytest.mark.parametrize("a, b, unit", [
    ("E4M3B600", "E4M3B600", "2**-1204"), ("E4M3B-600", "E4M3B-400", "2**996"), ("E4M3B-600", "E4M3B-600", "2**1196"),
    ("E4M3", "E4M3", "2**-18"), ("INT8", "E2M1", "2**-1"), ("INT8", "UINT4", "2**0")])
def test_the_unit_of_acc_is_written_exactly(a, b, unit):
    """A float64 makes 0.0 of the first and infinity of the third."""
    for design in (Mac(parse(a), parse(b), 4), *([Lane(parse(a), parse(b), 4, 2)] if parse(a).kind == parse(b).kind else [])):
        assert f"one unit of acc is worth {unit}." in design.top()
    step = Fraction(parse(a).min_subnormal) * Fraction(parse(b).min_subnormal)
    assert step == Fraction(2) ** int(unit[3:])


def test_the_header_says_what_is_right_and_when():
    pair = parse("INT8"), parse("INT8")
    exact, narrow = mac_verilog(*pair, 4608), mac_verilog(*pair, 4608, 8, pipeline=True)
    stops, last = mac_verilog(*pair, 4608, 8, saturate=True), mac_verilog(*pair, 4608, 27)
    assert "in 28 bits, which hold them all" in exact and "modulo" not in exact.partition("module")[0]
    assert "modulo 2**8 (28 bits hold them all)" in narrow and "modulo 2**27 (28 bits hold them all)" in last
    assert "that stop at the limits of 8 bits (28 hold them all)" in stops.replace("\n//    ", "")
    for text, latency in ((exact, "One clock cycle"), (narrow, "Two clock cycles"), (stops, "One clock cycle")):
        header = text.partition("\nmodule")[0]
        assert f"// Latency: {latency}" in header and "// Needs: Verilog-2001, and no other file." in header
        assert "unknown until a first clear" in header
        assert all(len(line) <= 128 for line in header.splitlines())


def test_limits_of_the_check_are_named(mapped):
    netlist = mapped["E2M1 E2M1", "tuned"].netlist
    with pytest.raises(BadInput, match="use narrower formats or a smaller k"):
        exhaustive(netlist, mac("E5M10 E5M10"))
    with pytest.raises(BadInput, match="use narrower formats or a smaller k"):
        exhaustive(netlist, mac("E2M1 E2M1", k=2**21))
    without = replace(netlist, cells=tuple(cell for cell in netlist.cells if cell.kind != "FDRE"))
    with pytest.raises(BadInput, match="not exactly the bits of acc"):
        exhaustive(without, mac("E2M1 E2M1"))


def test_missing_yosys_is_named(monkeypatch):
    monkeypatch.setattr(yosys, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install pyosys==0.70"):
        synthesise([(mac("E2M1 E2M1"), MAPPINGS[0])])


def test_yosys_own_words_reach_the_reader(monkeypatch):
    monkeypatch.setattr(synth, "rtl", lambda module: "module broken (; endmodule")
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


@pytest.fixture(scope="module")
def wide():
    """MACs that no check runs whole: too many operand pairs, too many steps, options, an exponent beyond float64's range."""
    designs = [Mac(parse("INT12"), parse("UINT11"), K), Mac(parse("E2M1"), parse("E2M1"), 2**21), Mac(parse("E4M6"), parse("INT11"), 9),
               Mac(parse("INT12"), parse("INT11"), K, 24, saturate=True), Mac(parse("INT12"), parse("INT11"), K, 20, pipeline=True)]
    return synthesise([(design, UNIT_COST) for design in designs])


def test_a_sample_of_a_wide_mac_is_right_and_catches_faults(wide):
    for unit in wide:
        assert not exhaustible(unit.design)
        found = sampled(unit.netlist, unit.design)
        assert (found.mismatches, found.first, wrong_edges(unit.netlist, unit.design)) == (0, None, 0)
        assert found.steps > 2**17
    unit, rng = wide[0], random.Random(0)
    for i, cell in rng.sample(luts(unit.netlist), 6):
        table = cell.parameters["INIT"].translate(str.maketrans("01", "10"))
        assert sampled(with_cell(unit.netlist, i, parameters={"INIT": table}), unit.design).mismatches > 0
    assert sampled(wide[3].netlist, replace(wide[3].design, saturate=False)).mismatches > 0


def test_a_sample_is_everything_where_that_is_little(mapped):
    unit = mapped["E2M1 E2M1", "tuned"]
    assert sampled(unit.netlist, unit.design) == exhaustive(unit.netlist, unit.design)
    assert operand_pairs(parse("INT4"), parse("E2M1")) == list(range(256)) and list(steps(5)) == [1, 2, 3, 4, 5]
    some = operand_pairs(parse("INT16"), parse("UINT16"))
    assert len(set(some)) == len(some) > 2**16 and {0, 2**32 - 1, 2**31 | 2**15, (2**15 - 1) << 16 | 2**16 - 1} <= set(some)
    assert {1, 2, 2**20, 2**21 - 1, 2**21} <= set(steps(2**21)) and max(steps(2**21)) == 2**21


@pytest.mark.parametrize("product", [3, -4, 0, 1, -16, 15])
def test_overflows_are_counted_without_running(product):
    limit = 2**4
    assert overflows(product, 30, 5) == sum(not -limit <= product * step < limit for step in range(1, 31))


def test_exponents_beyond_float64_are_checked_too():
    """The largest E10M2 is 1.75 * 2**1024 of its smallest steps."""
    unit, = synthesise([(Mac(parse("E10M2"), parse("UINT1"), 2, 6), YOSYS_DEFAULT)])
    assert exhaustive(unit.netlist, unit.design).mismatches == 0
