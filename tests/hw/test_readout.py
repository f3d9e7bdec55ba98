"""Read-outs: the mapped netlists against repro.formats, and the oracle itself against rational arithmetic."""

import random
from dataclasses import replace
from fractions import Fraction

import pytest

from hw.check import to_planes
from hw.readout import EXHAUSTIVE_BITS, Requantize, ToInteger, ToMinifloat, check
from hw.synth import UNIT_COST, YOSYS_DEFAULT, synthesise
from repro.errors import BadInput
from repro.formats import parse


def minifloat(acc_bits, name, offset):
    fmt = parse(name)
    return ToMinifloat(acc_bits, fmt, fmt.min_subnormal / 2.0**offset)


# One or no mantissa bit, one exponent bit, odd and even exponents; steps below, at and above the unit; a bias.
SMALL = [minifloat(12, "E2M1", 3), minifloat(12, "E3M2", 2), minifloat(12, "E3M0", 1), minifloat(9, "E1M3", 0), minifloat(7, "E2M2", -2),
         minifloat(8, "E1M0", 2), minifloat(13, "E2M1B5", 8), minifloat(16, "E4M1", 0), minifloat(6, "E2M3", 9),
         ToInteger(12, parse("INT4"), 5), ToInteger(9, parse("UINT3"), 3), ToInteger(8, parse("INT6"), 0), ToInteger(6, parse("INT8"), 1),
         ToInteger(10, parse("INT3"), 9), Requantize(9, parse("INT4"), 3, 6), Requantize(8, parse("UINT4"), 4, 0),
         Requantize(6, parse("INT8"), 5, 2)]
WIDE = [minifloat(49, "E4M3", 24), minifloat(79, "E5M2", 39), ToInteger(28, parse("INT8"), 14)]
JOBS = [*((design, YOSYS_DEFAULT) for design in (*SMALL, *WIDE)), *((design, UNIT_COST) for design in (SMALL[0], SMALL[9]))]


@pytest.fixture(scope="module")
def mapped():
    return dict(zip(JOBS, synthesise(JOBS)))


@pytest.mark.parametrize("job", JOBS, ids=lambda job: f"{job[0].name} {job[1]}")
def test_netlist_is_right(mapped, job):
    found = check(mapped[job].netlist, job[0])
    assert (found.mismatches, found.first) == (0, None)
    bits = job[0].acc_bits + getattr(job[0], "multiplier_bits", 0)
    assert found.exhaustive == (bits <= EXHAUSTIVE_BITS)
    assert found.cases == 2**bits if found.exhaustive else found.cases > 5000


def nearest(value: Fraction, fmt) -> Fraction:
    """The nearest number of a format, by looking at them all; of two, the one with the even code."""
    codes = sorted(range(2**fmt.bits), key=lambda code: (abs(Fraction(float(fmt.decode(code))) - value), code % 2))
    return Fraction(float(fmt.decode(codes[0])))


@pytest.mark.parametrize("design", [SMALL[1], SMALL[4], SMALL[9], SMALL[10], SMALL[14], WIDE[0]], ids=lambda design: design.name)
def test_netlist_against_rational_arithmetic(mapped, design):
    """Independent of the check's oracle: the nearest of all numbers of the format, by exact distance."""
    rng = random.Random(3)
    netlist = mapped[design, YOSYS_DEFAULT].netlist
    sums = [0, *(rng.choice((1, -1)) * rng.getrandbits(rng.randrange(design.acc_bits)) for _ in range(300))]
    factors = [rng.getrandbits(getattr(design, "multiplier_bits", 1)) for _ in sums]
    values = dict(zip(netlist.ports["acc"], to_planes(sums, design.acc_bits)))
    worth = Fraction(design.unit) if isinstance(design, ToMinifloat) else Fraction(1, 2**design.shift)
    if isinstance(design, Requantize):
        values |= dict(zip(netlist.ports["multiplier"], to_planes(factors, design.multiplier_bits)))
    else:
        factors = [1] * len(sums)
    planes = netlist.outputs(len(sums), values)["code"]
    for case, (total, factor) in enumerate(zip(sums, factors)):
        code = sum((plane >> case & 1) << i for i, plane in enumerate(planes))
        assert Fraction(float(design.fmt.decode(code))) == nearest(total * factor * worth, design.fmt)
        if isinstance(design, ToMinifloat):     # minus zero is a negative sum rounded away, never a sum of zero
            assert code >> (design.fmt.bits - 1) == (total < 0)


def with_flipped_bit(netlist, index, bit):
    cell = netlist.cells[index]
    table = cell.parameters["INIT"]
    faulty = replace(cell, parameters={"INIT": table[:bit] + "10"[int(table[bit])] + table[bit + 1:]})
    return replace(netlist, cells=(*netlist.cells[:index], faulty, *netlist.cells[index + 1:]))


def test_faults_in_a_wide_read_out_are_caught(mapped):
    """Flip a LUT bit that pseudo-random sums reach: the check finds it, and says where."""
    design = WIDE[0]
    netlist = mapped[design, YOSYS_DEFAULT].netlist
    rng = random.Random(0)
    sums = [rng.choice((1, -1)) * rng.getrandbits(rng.randrange(design.acc_bits)) for _ in range(2**13)]
    inputs = dict(zip(netlist.ports["acc"], to_planes(sums, design.acc_bits)))
    good = netlist.outputs(len(sums), inputs)["code"]
    luts = [(i, bit) for i, cell in enumerate(netlist.cells) if cell.kind.startswith("LUT")
            for bit in range(len(cell.parameters["INIT"]))]
    shown = 0
    for index, bit in rng.sample(luts, 30):
        faulty = with_flipped_bit(netlist, index, bit)
        found = check(faulty, design)
        if faulty.outputs(len(sums), inputs)["code"] != good:
            shown += 1
            assert found.mismatches > 0 and "code should be" in found.first
    assert shown >= 5


def test_counts_are_no_worse_than_at_first(mapped):
    """LUTs under yosys-default when these designs were written."""
    for design, most in zip(WIDE, (51, 87, 21), strict=True):
        assert mapped[design, YOSYS_DEFAULT].counts.lut <= most
    assert all(mapped[design, YOSYS_DEFAULT].counts.ff == 0 for design in WIDE)


def test_names_are_identifiers_and_differ():
    names = [design.name for design in (*SMALL, *WIDE)]
    assert len(set(names)) == len(names) and all(name.isidentifier() for name in names)


@pytest.mark.parametrize("make, message", [
    (lambda: ToMinifloat(20, parse("INT8"), 1.0), "makes minifloats, not INT8: use ToInteger or Requantize"),
    (lambda: ToMinifloat(20, parse("E2M1"), 0.3), "worth a power of two, not 0.3"),
    (lambda: ToMinifloat(20, parse("E2M1"), -0.5), "worth a power of two"),
    (lambda: ToMinifloat(1, parse("E2M1"), 1.0), "acc_bits is a whole number of at least 2, not 1"),
    (lambda: ToInteger(20, parse("E2M1"), 3), "ToInteger makes integers with their whole range, not E2M1"),
    (lambda: ToInteger(20, parse("INT8N"), 3), "not INT8N"),
    (lambda: ToInteger(20, parse("INT8"), -1), "shift is a whole number of at least 0"),
    (lambda: Requantize(20, parse("INT8"), 0, 3), "multiplier_bits is a whole number of at least 1"),
    (lambda: Requantize(20, 8, 8, 3), "Requantize makes integers with their whole range, not 8"),
    (lambda: check(None, ToMinifloat(20, parse("E4M4"), 1.0)), "formats of up to 8 bits, not 9"),
])
def test_bad_input_is_named(make, message):
    with pytest.raises(BadInput, match=message):
        make()
