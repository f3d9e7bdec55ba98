"""Dot products on mapped netlists against plain Python integers, one product at a time."""

from dataclasses import replace

import numpy as np
import pytest

from hw.generate import Mac
from hw.loop import dot_products
from hw.variants import build
from repro.errors import BadInput
from repro.formats import parse

JOBS = {"INT3 INT8": 11, "INT4 INT4": 8, "INT5 INT3": 5, "E2M1 E2M1": 9, "E3M2 E2M1": 24, "E5M2 E5M2": 75,
        "UINT1 INT8": 10, "E2M1 INT4": 8}
"""Operands and widths: most wrap within a few products, INT5 x INT3 does not hold each product, E5M2 goes beyond int64."""
K = 30


@pytest.fixture(scope="module")
def mapped():
    macs = [Mac(*map(parse, pair.split()), K, width) for pair, width in JOBS.items()]
    return dict(zip(JOBS, build([(mac, "tuned") for mac in macs])))


def scalar(mac, a_codes, b_codes):
    """One dot product in Python integers: the register at the end, and how often it wrapped."""
    register, wraps = 0, 0
    half = 2 ** (mac.acc_bits - 1)
    for a, b in zip(a_codes, b_codes, strict=True):
        x, y = (int(fmt.decode(code) / fmt.min_subnormal) for fmt, code in ((mac.a, a), (mac.b, b)))
        register += x * y
        wraps += not -half <= register < half
        register = (register + half) % (2 * half) - half
    return register, wraps


def codes(mac, cases, seed=0):
    generator = np.random.default_rng(seed)
    return (generator.integers(0, 2**fmt.bits, (cases, K)) for fmt in (mac.a, mac.b))


@pytest.mark.parametrize("pair", JOBS)
def test_equal_to_a_scalar_loop(mapped, pair):
    unit = mapped[pair]
    a, b = codes(unit.design, 37)  # not a whole number of bytes
    found = dot_products(unit.netlist, unit.design, a, b)
    expected = [scalar(unit.design, *case) for case in zip(a, b)]
    assert found.values.tolist() == [value for value, _ in expected]
    assert found.values.dtype == (object if unit.design.acc_bits > 64 else np.int64)
    if pair == "INT5 INT3":
        assert found.wraps is None
    else:
        assert found.wraps.tolist() == [wraps for _, wraps in expected]
        assert found.wraps.any() == (pair not in ("E3M2 E2M1", "E5M2 E5M2"))


def test_wraps_are_told_when_the_operands_given_fit(mapped):
    """INT5 x INT3 in 5 bits: operands of magnitude 3 and below have products that fit."""
    unit = mapped["INT5 INT3"]
    a, b = (fmt.encode(np.random.default_rng(1).integers(-3, 4, (20, K))) for fmt in (unit.design.a, unit.design.b))
    found = dot_products(unit.netlist, unit.design, a, b)
    assert list(zip(found.values, found.wraps)) == [scalar(unit.design, *case) for case in zip(a, b)]
    assert found.wraps.any()


def test_shapes_broadcast(mapped):
    """All images against all channels, as in a layer."""
    unit = mapped["INT4 INT4"]
    a, b = codes(unit.design, 6)
    found = dot_products(unit.netlist, unit.design, a.reshape(2, 3, 1, K), b[:4])
    assert found.values.shape == found.wraps.shape == (2, 3, 4)
    for i, j in np.ndindex(6, 4):
        assert (found.values.reshape(6, 4)[i, j], found.wraps.reshape(6, 4)[i, j]) == scalar(unit.design, a[i], b[j])
    single = dot_products(unit.netlist, unit.design, a[0], b[0])
    assert single.values.shape == () and single.values == found.values[0, 0, 0]


def test_the_netlist_does_the_sums(mapped):
    """A register bit that does not clear, or one inverted LUT, shows in the values."""
    unit = mapped["INT4 INT4"]
    a, b = codes(unit.design, 20)
    good = dot_products(unit.netlist, unit.design, a, b).values
    cells = unit.netlist.cells
    register = next(i for i, cell in enumerate(cells) if cell.kind == "FDRE")
    lut = next(i for i, cell in enumerate(cells) if cell.kind.startswith("LUT"))
    inverted = cells[lut].parameters["INIT"].translate(str.maketrans("01", "10"))
    unclearable = {**cells[register].pins, "R": ("0",)}
    for index, change in ((register, {"pins": unclearable}), (lut, {"parameters": {"INIT": inverted}})):
        faulty = replace(unit.netlist, cells=(*cells[:index], replace(cells[index], **change), *cells[index + 1:]))
        assert (dot_products(faulty, unit.design, a, b).values != good).any()


@pytest.mark.parametrize("a, b, message", [
    ([[0, 1]], [[0.0, 1.0]], "b must be an array of codes.* not float64"),
    ([[16]], [[0]], "a: codes of INT4 lie in 0..15, found 16..16"),
    ([[-1]], [[0]], "a: codes of INT4 lie in 0..15, found -1"),
    (np.zeros((3, 0), int), np.zeros((3, 0), int), "a must be an array of codes.* shape \\(3, 0\\)"),
    (np.zeros((3, 5), int), np.zeros((3, 4), int), "shapes \\(3, 5\\) and \\(3, 4\\) do not fit"),
])
def test_bad_codes_are_named(mapped, a, b, message):
    unit = mapped["INT4 INT4"]
    with pytest.raises(BadInput, match=message):
        dot_products(unit.netlist, unit.design, a, b)


def test_further_registers_are_named(mapped):
    """Those of a pipeline, and missing ones."""
    unit = mapped["INT4 INT4"]
    without = replace(unit.netlist, cells=tuple(cell for cell in unit.netlist.cells if cell.kind != "FDRE"))
    piped, = build([(replace(unit.design, pipeline=True), "tuned")])
    for netlist, mac in ((without, unit.design), (piped.netlist, piped.design)):
        with pytest.raises(BadInput, match="not exactly the bits of acc: use a MAC without a pipeline"):
            dot_products(netlist, mac, [[0]], [[0]])
