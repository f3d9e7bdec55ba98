"""Runs a mapped MAC over every operand pair and compares it with repro.formats, in exact integers.

A MAC is a register and a next-state function: (a, b, clear, acc) -> acc at the next clock edge. If every edge of a
run is right when it starts from the exact sum so far, then the whole run is right, by induction from the cleared
register. So no edge has to wait for the one before it: all are evaluated at once, as bit planes (hw.netlist), each
from the exact sum before it and compared with the exact sum after it. The sums come from the formats' decode.

With a pipeline register the function has two edges: the first loads the product, the second adds it while other operands
already wait at the ports. Both are evaluated, the second with the operands of another edge.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import accumulate

import numpy as np

from hw.generate import Mac
from hw.netlist import Netlist
from repro.errors import BadInput
from repro.formats import Format

MAX_EDGES = 2**20
SPREAD = 2**16
"""At least this many edges start from accumulators spread over the whole register (every pair takes part)."""
SAMPLE = 2**16
"""Of more than MAX_EDGES operand pairs or steps, so many pseudo-random ones are run, and all that are extreme."""


@dataclass(frozen=True)
class Check:
    """What the comparison found."""

    pairs: int
    """Different operand pairs that were run; all that the two formats have, unless it was a sample."""
    steps: int
    """Clock edges compared."""
    mismatches: int
    """Edges after which the register is not the expected sum modulo 2**P: faults of the hardware."""
    overflows: int
    """Steps of the two worst cases whose exact sum P bits do not hold: 0 from accumulators.exact_width up."""
    first: str | None
    """The first mismatch in words, or None."""


@dataclass(frozen=True)
class _Edges:
    """A run of clock edges: which operand pair, and the exact sum before and after each; lists of Python ints."""

    pairs: list[int]
    """code of a * 2**b.bits + code of b"""
    before: list[int]
    after: list[int]
    clear: bool = False


def exhaustive(netlist: Netlist, mac: Mac) -> Check:
    """Compare the netlist of ``mac`` with exact arithmetic on five runs.

    1. Every operand pair, one after the other in code order, as one running sum.
    2. The same pairs with ``clear`` high: the register becomes zero from every one of those sums.
    3. The pair with the largest product, held for k edges from zero.
    4. The pair with the smallest (most negative) product, held for k edges from zero.
    5. Every operand pair, from register values spread over all of its 2**P (pseudo-random, always the same ones):
       the first four runs leave many upper bits in step with each other, and a fault there could hide.

    What a saturating register does at its limits, and how clear passes a pipeline, hw.check_options asks.

    Raises BadInput when a run would take more than 2**20 edges, or when the netlist has registers beside acc without
    being a pipeline.
    """
    require_exhaustible(mac)
    return sampled(netlist, mac)


def sampled(netlist: Netlist, mac: Mac) -> Check:
    """The runs of :func:`exhaustive` for a MAC of any width and length.

    Where there are more than 2**20 operand pairs, those of :func:`operand_pairs` take the place of every pair. Where
    k is more than 2**20, runs 3 and 4 have the first and last 256 steps, those around every power of two, and 2**16
    pseudo-random ones.

    Raises BadInput when the netlist has registers beside acc without being a pipeline.
    """
    registers = {cell.pins["Q"][0] for cell in netlist.registers}
    if not registers >= set(netlist.ports["acc"]) or not mac.pipeline and len(registers) > mac.acc_bits:
        raise BadInput(f"{netlist.name}: its flip-flops are not exactly the bits of acc")
    products = _products(mac)
    everything = _run(mac, products)
    cleared = replace(everything, after=[0] * len(products), clear=True)
    extremes = _extreme_pairs(mac, products)
    held = [_hold(mac, pair, products[pair]) for pair in extremes]
    runs = [everything, cleared, *held, _spread(mac, products)]
    wrong = _wrong_edges(netlist, mac, runs)
    return Check(
        pairs=len(products),
        steps=sum(len(run.pairs) for run in runs),
        mismatches=wrong.bit_count(),
        overflows=sum(overflows(products[pair], mac.k, mac.acc_bits) for pair in extremes),
        first=_describe(mac, runs, (wrong & -wrong).bit_length() - 1) if wrong else None,
    )


def exhaustible(mac: Mac) -> bool:
    """Whether every operand pair, and the worst case k times, take at most 2**20 edges each."""
    return max(2 ** (mac.a.bits + mac.b.bits), mac.k) <= MAX_EDGES


def require_exhaustible(mac: Mac) -> None:
    """Raises BadInput for a MAC that is not exhaustible."""
    if not exhaustible(mac):
        raise BadInput(f"{mac.name}: an exhaustive check stops at 2**20 operand pairs and 2**20 products: "
                       "use narrower formats or a smaller k")


def operand_pairs(a: Format, b: Format) -> list[int]:
    """Pairs of codes as ``code of a * 2**b.bits + code of b``: every one, or of more than 2**20 a sample, always the same.

    The sample has all pairs of codes at the ends of a format, or with ones or zeros in one bit or up to one bit, and 2**16
    pseudo-random pairs.
    """
    bits = a.bits + b.bits
    if 2**bits <= MAX_EDGES:
        return list(range(2**bits))
    rng = random.Random(0)
    chosen = {x << b.bits | y for x in _extreme_codes(a) for y in _extreme_codes(b)}
    return sorted(chosen | {rng.getrandbits(bits) for _ in range(SAMPLE)})


def _extreme_codes(fmt: Format) -> set[int]:
    ones = 2**fmt.bits - 1
    found = {0, *(2**i for i in range(fmt.bits)), *(2**i - 1 for i in range(fmt.bits))}
    return found | {code ^ ones for code in found} | set(fmt.encode(np.array([fmt.min, fmt.max])).tolist())


def steps(k: int) -> Iterable[int]:
    """Steps 1 to k of a dot product, or of more than 2**20 a sample, always the same."""
    if k <= MAX_EDGES:
        return range(1, k + 1)
    rng = random.Random(0)
    chosen = {*range(1, 257), *range(k - 255, k + 1), *(rng.randint(1, k) for _ in range(SAMPLE))}
    return sorted(chosen | {2**i + j for i in range(k.bit_length()) for j in (-1, 0, 1) if 1 <= 2**i + j <= k})


def units(fmt: Format, codes: np.ndarray) -> list[int]:
    """The values of codes, in whole subnormal steps. Fractions, because such a quotient can leave float64's range."""
    step = Fraction(fmt.min_subnormal)
    return [int(Fraction(value) / step) for value in fmt.decode(codes).tolist()]


def _extreme_pairs(mac: Mac, products: dict[int, int]) -> tuple[int, int]:
    """The pairs with the largest and the smallest product of values that the formats have (a narrow range drops a code)."""
    codes = [fmt.encode(np.array([fmt.min, fmt.max])).tolist() for fmt in (mac.a, mac.b)]
    corners = [code_a * 2**mac.b.bits + code_b for code_a in codes[0] for code_b in codes[1]]
    return max(corners, key=products.__getitem__), min(corners, key=products.__getitem__)


def _products(mac: Mac) -> dict[int, int]:
    """Operand pair -> its exact product in units of acc, for the pairs that are run."""
    of_a, of_b = (units(fmt, np.arange(2**fmt.bits)) for fmt in (mac.a, mac.b))
    low = 2**mac.b.bits - 1
    return {pair: of_a[pair >> mac.b.bits] * of_b[pair & low] for pair in operand_pairs(mac.a, mac.b)}


def _next(mac: Mac, before: int, product: int) -> int:
    """The exact sum, or the nearest that a saturating register can hold. Wrapping is left to the comparison modulo 2**P."""
    limit = 2 ** (mac.acc_bits - 1)
    return min(max(before + product, -limit), limit - 1) if mac.saturate else before + product


def _run(mac: Mac, products: dict[int, int]) -> _Edges:
    """One running sum over the pairs, from zero."""
    sums = list(accumulate(products.values(), partial(_next, mac), initial=0))
    return _Edges(list(products), sums[:-1], sums[1:])


def _hold(mac: Mac, pair: int, product: int) -> _Edges:
    """One pair, held from zero: what the register holds before and after each step."""
    before, after = ([_next(mac, 0, product * (step - less)) for step in steps(mac.k)] for less in (1, 0))
    return _Edges([pair] * len(before), before, after)


def overflows(product: int, k: int, acc_bits: int) -> int:
    """Of k steps that add this product, from zero, how many have an exact sum that P = acc_bits bits do not hold."""
    limit = 2 ** (acc_bits - 1)
    holds = (limit - 1) // product if product > 0 else limit // -product if product else k
    return max(0, k - holds)


def _spread(mac: Mac, products: dict[int, int]) -> _Edges:
    rng = random.Random(0)
    pairs = list(products) * max(1, SPREAD // len(products))
    before = [rng.getrandbits(mac.acc_bits) - 2 ** (mac.acc_bits - 1) for _ in pairs]
    return _Edges(pairs, before, [_next(mac, old, products[pair]) for old, pair in zip(before, pairs)])


def _wrong_edges(netlist: Netlist, mac: Mac, runs: list[_Edges]) -> int:
    """Plane of the edges, over all runs, after which some bit of the register differs from the expected sum."""
    def planes(name: str, bits: int) -> list[int]:
        return to_planes([value for run in runs for value in getattr(run, name)], bits)

    pairs = planes("pairs", mac.a.bits + mac.b.bits)
    cases = sum(len(run.pairs) for run in runs)
    clear = to_planes([int(run.clear) for run in runs for _ in run.pairs], 1)
    before = dict(zip(netlist.ports["acc"], planes("before", mac.acc_bits), strict=True))
    ports = {"a": pairs[mac.b.bits:], "b": pairs[:mac.b.bits], "clear": clear, "clk": [0]}
    values = {wire: plane for port, bits in ports.items() for wire, plane in zip(netlist.ports[port], bits, strict=True)}
    pipeline = dict.fromkeys((cell.pins["Q"][0] for cell in netlist.registers if cell.pins["Q"][0] not in before), 0)
    after = netlist.next_state(cases, values | pipeline | before)
    if mac.pipeline:
        others = {wire: plane >> 1 | (plane & 1) << cases - 1 for wire, plane in values.items()}
        after = netlist.next_state(cases, others | after | before)
    wrong = 0
    for wire, expected in zip(netlist.ports["acc"], planes("after", mac.acc_bits), strict=True):
        wrong |= after[wire] ^ expected
    return wrong


def to_planes(values: list[int], bits: int) -> list[int]:
    """Integers of any size, taken modulo 2**bits, as ``bits`` planes: bit t of plane i is bit i of values[t]."""
    size, modulus = (bits + 7) // 8, 2**bits
    data = b"".join((value % modulus).to_bytes(size, "little") for value in values)
    table = np.unpackbits(np.frombuffer(data, np.uint8).reshape(len(values), size), axis=1, bitorder="little")
    packed = np.packbits(table[:, :bits].T, axis=1, bitorder="little")
    return [int.from_bytes(plane.tobytes(), "little") for plane in packed]


def _describe(mac: Mac, runs: list[_Edges], edge: int) -> str:
    for run in runs:
        if edge < len(run.pairs):
            a, b = divmod(run.pairs[edge], 2**mac.b.bits)
            return (f"a = code {a}, b = code {b}, clear = {int(run.clear)}, acc = {run.before[edge]}: "
                    f"the next acc should be {run.after[edge]}, modulo 2**{mac.acc_bits}")
        edge -= len(run.pairs)
    raise IndexError(edge)
