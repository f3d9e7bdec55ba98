"""Reads an accumulator out: converted back to a minifloat, or scaled to an integer. Designs, and the check of their netlists.

A read-out is logic without a clock. The oracle is repro.formats: what comes out is ``fmt.encode`` of the exact value.
"""

import math
import random
from dataclasses import dataclass, field
from fractions import Fraction
from operator import index

import numpy as np

from hw.check import to_planes
from hw.generate import power_of_two, with_dependencies
from hw.netlist import Netlist
from repro.errors import BadInput
from repro.formats import Format, Integer, Minifloat

EXHAUSTIVE_BITS = 16
"""Up to this many input bits the check runs every input."""
_EXACT_BITS = 50
"""Of a float64's 53; a sum's leading bits, and one for all the others, are all that rounding looks at."""


@dataclass(frozen=True)
class _Readout:
    acc_bits: int
    """P, bits of the accumulator."""
    fmt: Format
    """What comes out."""

    def __post_init__(self):
        _whole("acc_bits", self.acc_bits, 2)

    @property
    def modules(self) -> tuple[str, ...]:
        """All modules of hw/rtl that the design needs."""
        return with_dependencies(self.module)

    @property
    def usage(self) -> tuple[str, ...]:
        """How the top module is used, line by line."""
        lines = ["acc         the sum, two's complement"]
        if getattr(self, "multiplier_bits", 0):
            lines.append("multiplier  unsigned")
        return (*lines, f"code        the nearest {self.fmt.name}, ties to even; beyond its range, the nearest end of it", "",
                "Latency: none. It is logic without a clock.")

    def top(self, name: str | None = None) -> str:
        """Verilog text of the top module (called ``self.name`` unless told otherwise)."""
        parameters = ", ".join(f".{key}({value})" for key, value in self.parameters.items())
        inputs = {"acc": ("signed ", self.acc_bits)}
        if getattr(self, "multiplier_bits", 0):
            inputs["multiplier"] = ("", self.multiplier_bits)
        ports = [f"    input  wire {sign}[{bits - 1}:0] {port}" for port, (sign, bits) in inputs.items()]
        ports.append(f"    output wire [{self.fmt.bits - 1}:0] code")
        wires = ", ".join(f".{port}({port})" for port in (*inputs, "code"))
        return (f"// {self.says}\nmodule {name or self.name} (\n" + ",\n".join(ports) + "\n);\n"
                f"    {self.module} #({parameters}) read_out ({wires});\nendmodule\n")


@dataclass(frozen=True)
class ToMinifloat(_Readout):
    """The nearest number of a minifloat format; one unit of the accumulator is worth ``unit``, a power of two.

    Behind a MAC of formats a and b the unit is ``a.min_subnormal * b.min_subnormal``, times the power of two that scales
    the sum. Raises BadInput when fmt is no minifloat, unit no power of two, or acc_bits no whole number of at least 2.
    """

    unit: float
    module: str = field(default="to_minifloat", init=False, repr=False)

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.fmt, Minifloat):
            raise BadInput(f"ToMinifloat makes minifloats, not {_name(self.fmt)}: use ToInteger or Requantize")
        if not (isinstance(self.unit, (int, float)) and 0 < self.unit < math.inf and math.frexp(self.unit)[0] == 0.5):
            raise BadInput(f"one unit of the accumulator is worth a power of two, not {self.unit!r}: "
                           "other scales need a multiplier")

    @property
    def offset(self) -> int:
        """log2 of the format's smallest subnormal step in units: so many bits of the accumulator lie below it."""
        return math.frexp(self.fmt.min_subnormal)[1] - math.frexp(self.unit)[1]

    @property
    def name(self) -> str:
        """The top module's name, such as read_E4M3_p49_s9."""
        return f"read_{self.fmt.name}_p{self.acc_bits}_s{self.offset}".replace("-", "n")

    @property
    def parameters(self) -> dict[str, int]:
        """Verilog parameter name -> value."""
        return {"P": self.acc_bits, "E": self.fmt.exponent_bits, "M": self.fmt.mantissa_bits, "OFFSET": self.offset}

    @property
    def says(self) -> str:
        """What the read-out computes, in one line."""
        return f"A sum of {self.acc_bits} bits as {self.fmt.name}; one unit of acc is worth {power_of_two(self.unit)}."


@dataclass(frozen=True)
class ToInteger(_Readout):
    """``acc / 2**shift``, rounded half to even and saturated to an integer format.

    Raises BadInput when fmt is no integer or has a narrow range, or when acc_bits or shift is no whole number (of at
    least 2 and 0).
    """

    shift: int
    module: str = field(default="to_integer", init=False, repr=False)

    def __post_init__(self):
        super().__post_init__()
        _whole("shift", self.shift, 0)
        _whole_range(self)

    @property
    def name(self) -> str:
        """The top module's name, such as read_INT8_p28_s14."""
        return f"read_{self.fmt.name}_p{self.acc_bits}_s{self.shift}"

    @property
    def parameters(self) -> dict[str, int]:
        """Verilog parameter name -> value."""
        return {"P": self.acc_bits, "S": self.shift, "WO": self.fmt.bits, "SIGNED": int(self.fmt.signed)}

    @property
    def says(self) -> str:
        """What the read-out computes, in one line."""
        return f"A sum of {self.acc_bits} bits divided by 2**{self.shift} as {self.fmt.name}."


@dataclass(frozen=True)
class Requantize(_Readout):
    """``acc * multiplier / 2**shift``, rounded half to even and saturated to an integer format.

    The multiplier is an input of ``multiplier_bits`` bits, unsigned. Raises BadInput as :class:`ToInteger` does, and for
    fewer than one multiplier bit.
    """

    multiplier_bits: int
    shift: int
    module: str = field(default="requantize", init=False, repr=False)

    def __post_init__(self):
        super().__post_init__()
        _whole("shift", self.shift, 0)
        _whole_range(self)
        _whole("multiplier_bits", self.multiplier_bits, 1)

    @property
    def name(self) -> str:
        """The top module's name, such as read_INT8_p28_m8_s22."""
        return f"read_{self.fmt.name}_p{self.acc_bits}_m{self.multiplier_bits}_s{self.shift}"

    @property
    def parameters(self) -> dict[str, int]:
        """Verilog parameter name -> value."""
        return {"P": self.acc_bits, "WM": self.multiplier_bits, "S": self.shift, "WO": self.fmt.bits,
                "SIGNED": int(self.fmt.signed)}

    @property
    def says(self) -> str:
        """What the read-out computes, in one line."""
        return f"A sum of {self.acc_bits} bits times multiplier / 2**{self.shift} as {self.fmt.name}."


Readout = ToMinifloat | ToInteger | Requantize


@dataclass(frozen=True)
class Check:
    """What the comparison found."""

    cases: int
    """Inputs run on the netlist."""
    exhaustive: bool
    """Whether these are all inputs that there are."""
    mismatches: int
    first: str | None
    """The first mismatch in words, or None."""


def check(netlist: Netlist, design: Readout) -> Check:
    """Compare the netlist of a read-out with ``fmt.encode`` of the exact values.

    Every input, when there are at most 2**16. Else the sums are: both ends of the register; the powers of two; every
    midpoint between neighbouring numbers of the format, above which one rounds up; each of these plus and minus one and
    every power of two; and 64 pseudo-random sums of every length in bits, of either sign. With a multiplier: for the
    largest, all powers of two and ten pseudo-random ones. Raises BadInput when fmt has more than 8 bits, whose midpoints
    are too many.
    """
    require_checkable(design)
    sums, multipliers = _inputs(design)
    expected = _codes(design, sums, multipliers)
    ports = {"acc": to_planes(sums, design.acc_bits)}
    if isinstance(design, Requantize):
        ports["multiplier"] = to_planes(multipliers, design.multiplier_bits)
    values = {wire: plane for port, planes in ports.items() for wire, plane in zip(netlist.ports[port], planes, strict=True)}
    found = netlist.outputs(len(sums), values)["code"]
    wrong = 0
    for plane, right in zip(found, to_planes(expected, design.fmt.bits), strict=True):
        wrong |= plane ^ right
    first = None
    if wrong:
        case = (wrong & -wrong).bit_length() - 1
        times = f" times {multipliers[case]}" if isinstance(design, Requantize) else ""
        first = f"acc = {sums[case]}{times}: code should be {expected[case]}"
    return Check(len(sums), _input_bits(design) <= EXHAUSTIVE_BITS, wrong.bit_count(), first)


def require_checkable(design: Readout) -> None:
    """Raises BadInput when the format has more than 8 bits."""
    if design.fmt.bits > 8:
        raise BadInput(f"{design.name}: the check runs every midpoint of formats of up to 8 bits, not {design.fmt.bits}")


def _input_bits(design: Readout) -> int:
    return design.acc_bits + getattr(design, "multiplier_bits", 0)


def _inputs(design: Readout) -> tuple[list[int], list[int]]:
    """Sums and, beside each, its multiplier (1 where the design has none)."""
    limit = 2 ** (design.acc_bits - 1)
    factors, bits = [1], getattr(design, "multiplier_bits", 0)
    if _input_bits(design) <= EXHAUSTIVE_BITS:
        factors = range(2**bits) if bits else factors
        return [*range(-limit, limit)] * len(factors), [m for m in factors for _ in range(2 * limit)]
    rng = random.Random(0)
    if bits:
        factors = sorted({0, 2**bits - 1, *(2**i for i in range(bits)), *(rng.getrandbits(bits) for _ in range(10))})
    sums, multipliers = [], []
    for factor in factors:
        chosen = {-limit, limit - 1, *_around(design, factor)}
        chosen |= {rng.getrandbits(length) * sign for length in range(design.acc_bits) for sign in (1, -1) for _ in range(64)}
        inside = sorted(value for value in chosen if -limit <= value < limit)
        sums += inside
        multipliers += [factor] * len(inside)
    return sums, multipliers


def _around(design: Readout, factor: int) -> set[int]:
    """Midpoints and powers of two, as sums that the factor takes there, with their neighbourhoods."""
    # A midpoint is not always a whole sum: floor and one more, then.
    midpoints = [(low + high) / 2 / _worth(design) for low, high in _neighbours(design.fmt)]
    centres = {math.floor(point / factor) for point in midpoints} if factor else {0}
    powers = [2**i for i in range(design.acc_bits)]
    centres |= {sign * power for power in powers for sign in (1, -1)}
    near = {centre + step for centre in centres for step in (0, 1, 2)}
    return near | {centre + sign * power for centre in centres for power in powers for sign in (1, -1)}


def _neighbours(fmt: Format) -> list[tuple[Fraction, Fraction]]:
    """Neighbouring numbers of the format, and those at the ends with what would come after."""
    values = [Fraction(value) for value in fmt.values().tolist()]
    return [*zip(values, values[1:]), (values[-1], 2 * values[-1] - values[-2]), (2 * values[0] - values[1], values[0])]


def _worth(design: Readout) -> Fraction:
    """What one unit of acc, or of acc times the multiplier, is worth in numbers of the format."""
    return Fraction(design.unit) if isinstance(design, ToMinifloat) else Fraction(1, 2**design.shift)


def _codes(design: Readout, sums: list[int], multipliers: list[int]) -> list[int]:
    """What should come out. float64 does not hold every sum: bits beyond the first 50 become one, set if any of them is."""
    significands, exponents = [], []
    worth = math.frexp(float(_worth(design)))[1] - 1
    for value in map(int.__mul__, sums, multipliers):
        magnitude = abs(value)
        surplus = max(0, magnitude.bit_length() - _EXACT_BITS)
        kept = magnitude >> surplus
        lost = kept << surplus != magnitude
        significands.append(math.copysign(2 * kept + lost, value))
        exponents.append(surplus + worth - 1)
    return design.fmt.encode(np.ldexp(np.array(significands), np.array(exponents))).tolist()


def _whole(name: str, value, least: int) -> None:
    try:
        good = index(value) >= least
    except TypeError:
        good = False
    if not good:
        raise BadInput(f"{name} is a whole number of at least {least}, not {value!r}")


def _whole_range(design: Readout) -> None:
    if not isinstance(design.fmt, Integer) or design.fmt.narrow_range:
        raise BadInput(f"{type(design).__name__} makes integers with their whole range, not {_name(design.fmt)}")


def _name(fmt) -> str:
    return getattr(fmt, "name", repr(fmt))
