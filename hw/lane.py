"""A lane of a dot product: SIMD products a clock cycle, an adder tree, one accumulator. The design, and its netlist's check.

As for a MAC (hw.check), each clock edge is compared on its own, from the accumulator it starts with. All operands at once
are too many to run; but the lane is a sum, so every pair is run in every position, with other pairs in the others.
"""

import random
from dataclasses import dataclass
from operator import index

import numpy as np

from hw.check import MAX_EDGES, operand_pairs, overflows, steps, to_planes, units
from hw.generate import Mac, clocked, power_of_two, register, with_dependencies
from hw.netlist import Netlist
from repro import accumulators
from repro.errors import BadInput
from repro.formats import Format

SPREAD = 2**14
"""At least this many edges have pseudo-random accumulators."""


@dataclass(frozen=True)
class Lane:
    """A unit that adds ``simd`` products of formats a and b to its accumulator in a cycle, k cycles long.

    ``acc_bits`` is the accumulator's width P; None means ``accumulators.exact_width(a, b, k * simd)``. Operand i of the
    ports a and b lies from bit ``i * bits``, lowest first. Raises BadInput for formats of different kinds, for a k or simd
    that is not a whole number of at least 1, or acc_bits below 2.
    """

    a: Format
    b: Format
    k: int
    simd: int
    acc_bits: int | None = None

    def __post_init__(self):
        if self.a.kind != self.b.kind:
            raise BadInput(f"no lane multiplies {self.a.name} by {self.b.name}: give two minifloats or two integers")
        for name in ("k", "simd"):
            object.__setattr__(self, name, _whole(name, getattr(self, name)))
        object.__setattr__(self, "acc_bits", self._mac.acc_bits)

    @property
    def _mac(self) -> Mac:
        """One MAC for the same sum: its width, and its choices for a single product."""
        return Mac(self.a, self.b, self.k * self.simd, self.acc_bits)

    @property
    def name(self) -> str:
        """The top module's name, such as lane_E4M3_E4M3_s4_k1152_p49."""
        return f"lane_{self.a.name}_{self.b.name}_s{self.simd}_k{self.k}_p{self.acc_bits}".replace("-", "n")

    @property
    def module(self) -> str:
        """int_lane or minifloat_lane."""
        return "int_lane" if self.a.kind == "integer" else "minifloat_lane"

    @property
    def modules(self) -> tuple[str, ...]:
        """All modules of hw/rtl that the design needs."""
        return with_dependencies(self.module)

    @property
    def parameters(self) -> dict[str, int]:
        """Verilog parameter name -> value."""
        mac = self._mac
        a, b = (self.b, self.a) if mac.swapped else (self.a, self.b)
        size = {"SIMD": self.simd, "P": self.acc_bits}
        if self.a.kind == "integer":
            return {"WA": a.bits, "WB": b.bits, "A_SIGNED": int(a.signed), "B_SIGNED": int(b.signed)} | size
        fields = {"EA": a.exponent_bits, "MA": a.mantissa_bits, "EB": b.exponent_bits, "MB": b.mantissa_bits}
        # With one exponent bit on both sides the MAC is an integer's and has not chosen a multiplier: nothing is shifted.
        chosen = {"F": mac.parameters.get("F", 2), "BOOTH": mac.parameters.get("BOOTH", 1)}
        return fields | chosen | size

    @property
    def says(self) -> str:
        """What the lane computes, in two lines."""
        exact = accumulators.exact_width(self.a, self.b, self.k * self.simd)
        unit = power_of_two(self.a.min_subnormal, self.b.min_subnormal)
        return (f"{self.simd} products of {self.a.name} and {self.b.name} a cycle, sums of up to {self.k} cycles "
                f"{register(self.acc_bits, exact)};\none unit of acc is worth {unit}.")

    @property
    def usage(self) -> tuple[str, ...]:
        """How the top module is used, line by line."""
        return clocked(f"{self.simd} operands each: codes of {self.a.name}, operand i from bit {self.a.bits}*i, "
                       f"and of {self.b.name}, from bit {self.b.bits}*i", latency=1)

    def top(self, name: str | None = None) -> str:
        """Verilog text of the top module (called ``self.name`` unless told otherwise)."""
        parameters = ", ".join(f".{key}({value})" for key, value in self.parameters.items())
        a, b = ("b", "a") if self._mac.swapped else ("a", "b")
        says = self.says.replace("\n", "\n// ")
        return f"""\
// {says}
module {name or self.name} (
    input  wire clk,
    input  wire clear,
    input  wire [{self.simd * self.a.bits - 1}:0] a,
    input  wire [{self.simd * self.b.bits - 1}:0] b,
    output wire signed [{self.acc_bits - 1}:0] acc
);
    {self.module} #({parameters}) lane (.clk(clk), .clear(clear), .a({a}), .b({b}), .acc(acc));
endmodule
"""


@dataclass(frozen=True)
class Check:
    """What the comparison found."""

    pairs: int
    """Different operand pairs run in each position; all that the two formats have, unless it was a sample."""
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
    """Clock edges: operand codes, integer arrays of shape (edges, simd), and the register before each, Python ints."""

    a: np.ndarray
    b: np.ndarray
    before: list[int]
    clear: bool = False


def check(netlist: Netlist, lane: Lane) -> Check:
    """Compare the netlist of ``lane`` with exact arithmetic on these clock edges, all modulo 2**P.

    1. Every operand pair in every position: each position runs through all pairs in a pseudo-random order of its own, from
       pseudo-random accumulators (always the same ones). The pairs are repeated until there are 2**14 edges.
    2. The first 256 of them with ``clear`` high.
    3. The pair with the largest product in all positions, held for k edges from zero; and the one with the smallest.

    Raises BadInput when a run would take more than 2**20 edges, or when the netlist has registers beside acc.
    """
    if not exhaustible(lane):
        raise BadInput(f"{lane.name}: the check stops at 2**20 operand pairs and 2**20 cycles: "
                       "use narrower formats or a smaller k")
    return sampled(netlist, lane)


def exhaustible(lane: Lane) -> bool:
    """Whether there are at most 2**20 operand pairs and as many cycles."""
    return max(2 ** (lane.a.bits + lane.b.bits), lane.k) <= MAX_EDGES


def sampled(netlist: Netlist, lane: Lane) -> Check:
    """The edges of :func:`check` for a lane of any width and length: of more than 2**20 operand pairs or cycles a sample,
    that of hw.check.operand_pairs and hw.check.steps.

    Raises BadInput when the netlist has registers beside acc.
    """
    if {cell.pins["Q"][0] for cell in netlist.registers} != set(netlist.ports["acc"]):
        raise BadInput(f"{netlist.name}: its flip-flops are not exactly the bits of acc")
    pairs = np.array(operand_pairs(lane.a, lane.b))
    everything = _every_pair(lane, pairs)
    cleared = _Edges(everything.a[:256], everything.b[:256], everything.before[:256], clear=True)
    of_a, of_b = _units(lane.a), _units(lane.b)
    held = [_hold(lane, of_a, of_b, corner) for corner in (max, min)]
    runs = [everything, cleared, *held]
    after = [_after(run, of_a, of_b) for run in runs]
    wrong = [_wrong(netlist, lane, run, sums) for run, sums in zip(runs, after)]
    return Check(
        pairs=len(pairs),
        steps=sum(len(run.before) for run in runs),
        mismatches=sum(plane.bit_count() for plane in wrong),
        overflows=sum(overflows(sums[0], lane.k, lane.acc_bits) for sums in after[2:]),  # each begins with its first cycle
        first=next((_describe(lane, run, sums, plane) for run, sums, plane in zip(runs, after, wrong) if plane), None),
    )


def _every_pair(lane: Lane, pairs: np.ndarray) -> _Edges:
    rng = np.random.default_rng(0)
    pairs = np.tile(pairs, (lane.simd, 1))
    pairs = np.tile(pairs, max(1, SPREAD // pairs.shape[1]))
    a, b = np.divmod(rng.permuted(pairs, axis=1).T, 2**lane.b.bits)
    accumulators = random.Random(0)
    return _Edges(a, b, [accumulators.getrandbits(lane.acc_bits) for _ in a])


def _hold(lane: Lane, of_a: np.ndarray, of_b: np.ndarray, corner) -> _Edges:
    """The pair with the largest (corner max) or smallest product of values that the formats have, in all positions."""
    codes = [fmt.encode(np.array([fmt.min, fmt.max])).tolist() for fmt in (lane.a, lane.b)]
    x, y = corner(((x, y) for x in codes[0] for y in codes[1]), key=lambda pair: of_a[pair[0]] * of_b[pair[1]])
    before = [lane.simd * of_a[x] * of_b[y] * (cycle - 1) for cycle in steps(lane.k)]
    shape = len(before), lane.simd
    return _Edges(np.full(shape, x), np.full(shape, y), before)


def _after(edges: _Edges, of_a: np.ndarray, of_b: np.ndarray) -> list[int]:
    """The register that should follow each edge, before it wraps."""
    if edges.clear:
        return [0] * len(edges.before)
    return [old + new for old, new in zip(edges.before, (of_a[edges.a] * of_b[edges.b]).sum(axis=1))]


def _wrong(netlist: Netlist, lane: Lane, edges: _Edges, after: list[int]) -> int:
    """Plane of the edges after which some bit of the register differs from the expected sum."""
    cases = len(after)
    ports = {"acc": to_planes(edges.before, lane.acc_bits), "clear": to_planes([int(edges.clear)] * cases, 1)}
    for port, codes, fmt in (("a", edges.a, lane.a), ("b", edges.b, lane.b)):
        ports[port] = [plane for position in codes.T for plane in to_planes(position.tolist(), fmt.bits)]
    values = {wire: plane for port, planes in ports.items() for wire, plane in zip(netlist.ports[port], planes, strict=True)}
    register = netlist.next_state(cases, values | {netlist.ports["clk"][0]: 0})
    wrong = 0
    for wire, expected in zip(netlist.ports["acc"], to_planes(after, lane.acc_bits), strict=True):
        wrong |= register[wire] ^ expected
    return wrong


def _describe(lane: Lane, edges: _Edges, after: list[int], wrong: int) -> str:
    edge = (wrong & -wrong).bit_length() - 1
    return (f"a = codes {edges.a[edge].tolist()}, b = codes {edges.b[edge].tolist()}, clear = {int(edges.clear)}, "
            f"acc = {edges.before[edge]}: the next acc should be {after[edge]}, modulo 2**{lane.acc_bits}")


def _units(fmt: Format) -> np.ndarray:
    """The value of every code, in whole subnormal steps, as Python ints."""
    return np.array(units(fmt, np.arange(2**fmt.bits)), object)


def _whole(name: str, value) -> int:
    try:
        number = index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise BadInput(f"{name} is a whole number of at least 1, not {value!r}")
    return number
