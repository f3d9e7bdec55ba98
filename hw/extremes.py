"""The worst case held for k steps: one operand pair, the one whose products need the widest accumulator, again and again."""

from dataclasses import dataclass
from itertools import product

from hw.check import to_planes, units
from hw.generate import Mac
from hw.netlist import Netlist


@dataclass(frozen=True)
class Held:
    """What the mapped MAC did while it added the same product k times, from a cleared register."""

    a: int
    """Code of operand a."""
    b: int
    steps: int
    mismatches: int
    """Steps after which the register is not the exact sum modulo 2**P: faults of the hardware."""
    first_wrap: int | None
    """The first step after which the register is not the exact sum; None when it always is."""
    exact_at_end: bool
    """Whether the register holds the exact sum after the last step. It may again, after many wraps."""


def held(netlist: Netlist, mac: Mac) -> Held:
    """Hold the pair for mac.k steps on the netlist of ``mac`` (no pipeline, wrapping).

    Every step is evaluated at once, each from what the register must hold before it. If all of them come out right,
    then so does the run, by induction from the cleared register.
    """
    a, b, worst = _worst(mac)
    half = 2 ** (mac.acc_bits - 1)
    sums = [step * worst for step in range(mac.k + 1)]
    register = [(total + half) % (2 * half) - half for total in sums]
    ports, cases = netlist.ports, mac.k
    ones = (1 << cases) - 1
    values = {wire: ones * (code >> i & 1) for port, code in (("a", a), ("b", b)) for i, wire in enumerate(ports[port])}
    values |= {ports["clear"][0]: 0, ports["clk"][0]: 0}
    values |= dict(zip(ports["acc"], to_planes(register[:-1], mac.acc_bits), strict=True))
    after, wrong = netlist.next_state(cases, values), 0
    for wire, expected in zip(ports["acc"], to_planes(register[1:], mac.acc_bits), strict=True):
        wrong |= after[wire] ^ expected
    wraps = [step for step, (total, found) in enumerate(zip(sums, register)) if total != found]
    return Held(a, b, mac.k, wrong.bit_count(), wraps[0] if wraps else None, sums[-1] == register[-1])


def _worst(mac: Mac) -> tuple[int, int, int]:
    """Codes of the extreme pair whose k products need the most bits, and the product in units of acc."""
    sides = []
    for fmt in (mac.a, mac.b):
        codes = fmt.encode([fmt.min, fmt.max])
        sides.append(list(zip(units(fmt, codes), codes.tolist())))
    found = []
    for (x, a), (y, b) in product(*sides):
        total = mac.k * x * y
        found.append(((total if total >= 0 else ~total).bit_length(), abs(x * y), x, y, a, b))
    _, _, x, y, a, b = max(found)
    return a, b, x * y
