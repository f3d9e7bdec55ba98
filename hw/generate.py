"""From two number formats and a dot-product length to Verilog: the modules of hw/rtl, and one top with frozen parameters.

Here is decided which variant of a MAC is built. The measurements behind the choices are the rows of `mac_variants`.
"""

import re
from dataclasses import dataclass
from functools import cache

from repro import accumulators, paths
from repro.arguments import flag, whole
from repro.errors import BadInput
from repro.formats import Format

PLAIN = "plain"
"""Multiply with `*`, shift with `<<`, add: what a textbook writes."""
TUNED = "tuned"
"""Written for LUTs of six inputs. Rules choose among its forms; the few pairs for which plain is smaller are in `mac_luts`."""
ARCHITECTURES = (PLAIN, TUNED)

_TABLE_BITS = 4
"""A significand of up to four bits times two bits of the other is a table of one LUT a bit."""


@dataclass(frozen=True)
class Mac:
    """A multiply-accumulate unit for k products of formats a and b: integers, minifloats, or one of each.

    ``acc_bits`` is the accumulator's width P; None means ``accumulators.exact_width(a, b, k)``, with which no sum of
    k products overflows. ``architecture`` is "plain" or "tuned". ``pipeline`` puts a register behind the multiplier
    (sums come one cycle later); ``saturate`` makes an integer accumulator stop at its limits instead of wrapping.

    Raises BadInput for a width or k that is not a whole number of at least 1 (2 for P), an unknown architecture, or a
    saturating accumulator for minifloats.
    """

    a: Format
    b: Format
    k: int
    acc_bits: int | None = None
    architecture: str = TUNED
    pipeline: bool = False
    saturate: bool = False

    def __post_init__(self):
        exact = accumulators.exact_width(self.a, self.b, self.k)
        object.__setattr__(self, "k", whole("k", self.k, 1))
        acc_bits = exact if self.acc_bits is None else whole("an accumulator's number of bits", self.acc_bits)
        object.__setattr__(self, "acc_bits", acc_bits)
        if acc_bits < 2:
            raise BadInput(f"an accumulator has a whole number of at least 2 bits, not {acc_bits}")
        for name in ("pipeline", "saturate"):
            object.__setattr__(self, name, flag(name, getattr(self, name)))
        if self.architecture not in ARCHITECTURES:
            raise BadInput(f"unknown architecture {self.architecture!r}: use {' or '.join(ARCHITECTURES)}")
        if self.saturate and self.kinds != {"integer"}:
            raise BadInput("only integer MACs saturate: an exact minifloat sum is wide enough not to")

    @property
    def kinds(self) -> set[str]:
        """{"integer"}, {"minifloat"}, or both."""
        return {self.a.kind, self.b.kind}

    @property
    def name(self) -> str:
        """The top module's name, a Verilog identifier such as mac_E4M3_E4M3_k4608_p49; then options, where they are not the default."""
        options = [self.architecture if self.architecture != TUNED else "", "piped" * self.pipeline,
                   "saturating" * self.saturate]
        base = f"mac_{self.a.name}_{self.b.name}_k{self.k}_p{self.acc_bits}"
        return "_".join([base, *filter(None, options)]).replace("-", "n")

    @property
    def module(self) -> str:
        """The parametric module of hw/rtl that this MAC freezes."""
        return self._choice[0]

    @property
    def parameters(self) -> dict[str, int]:
        """Verilog parameter name -> value, without those at their default. Biases are missing: they cost no hardware."""
        return self._choice[1]

    @property
    def swapped(self) -> bool:
        """Whether operand b enters at the module's port a: products commute, and one order can cost less."""
        return self._choice[2]

    @property
    def modules(self) -> tuple[str, ...]:
        """All modules of hw/rtl that the design needs, each after those it instantiates."""
        return with_dependencies(self.module)

    @property
    def latency(self) -> int:
        """Cycles from operands to the sum that holds their product."""
        return 2 if self.pipeline else 1

    @property
    def _choice(self) -> tuple[str, dict[str, int], bool]:
        """Module, parameters, and whether the operands are swapped."""
        tuned, options = self.architecture == TUNED, {"P": self.acc_bits}
        if self.pipeline:
            options["PIPELINE"] = 1
        if self.kinds == {"integer"}:
            return _integer(self.a, self.b, options, tuned, self.saturate)
        if self.kinds == {"minifloat"}:
            return _minifloat(self.a, self.b, options, tuned)
        a, b = (self.a, self.b) if self.a.kind == "minifloat" else (self.b, self.a)
        parameters = {"EA": a.exponent_bits, "MA": a.mantissa_bits, "WB": b.bits, "B_SIGNED": int(b.signed),
                      "BOOTH": int(tuned)}
        return "mixed_mac", parameters | options, a is not self.a

    def top(self, name: str | None = None) -> str:
        """Verilog text of the top module (called ``self.name`` unless told otherwise): the contract's ports around one
        instance of the parametric module."""
        parameters = ", ".join(f".{key}({value})" for key, value in self.parameters.items())
        unit = self.a.min_subnormal * self.b.min_subnormal
        a, b = ("b", "a") if self.swapped else ("a", "b")
        return f"""\
// {self.a.name} times {self.b.name}, sums of up to {self.k} products in {self.acc_bits} bits; one unit of acc is worth {unit!r}.
module {name or self.name} (
    input  wire clk,
    input  wire clear,
    input  wire [{self.a.bits - 1}:0] a,
    input  wire [{self.b.bits - 1}:0] b,
    output wire signed [{self.acc_bits - 1}:0] acc
);
    {self.module} #({parameters}) mac (.clk(clk), .clear(clear), .a({a}), .b({b}), .acc(acc));
endmodule
"""


def _integer(a: Format, b: Format, options: dict, tuned: bool, saturate: bool) -> tuple[str, dict, bool]:
    """Fused rows recode the operand with which they are fewest; a product of its own where the sum must be seen whole."""
    fused = tuned and not saturate and "PIPELINE" not in options
    swap = fused and _row_bits(b, a) < _row_bits(a, b)
    first, second = (b, a) if swap else (a, b)
    parameters = {"WA": first.bits, "WB": second.bits, "A_SIGNED": int(first.signed), "B_SIGNED": int(second.signed)}
    if fused:
        return "int_mac_fused", parameters | options, swap
    further = {"BOOTH": int(tuned)} | ({"SATURATE": 1} if saturate else {})
    return "int_mac", parameters | further | options, swap


def _row_bits(a: Format, b: Format) -> int:
    """Bits of all rows of int_mac_fused, less those that its last chain is shorter for a wider a."""
    width, digits = a.bits + (not a.signed), b.bits + (not b.signed)
    return (digits + 1) // 2 * (width + 1) - digits % 2 - (width - digits % 2)


def _minifloat(a: Format, b: Format, options: dict, tuned: bool) -> tuple[str, dict, bool]:
    """One exponent bit on both sides is a sign and a magnitude: no shift, so the integer's fused rows serve, beyond tables."""
    booth = min(a.mantissa_bits, b.mantissa_bits) + 1 > _TABLE_BITS
    if tuned and booth and a.exponent_bits == b.exponent_bits == 1 and "PIPELINE" not in options:
        swap = a.bits < b.bits
        first, second = (b, a) if swap else (a, b)
        return "int_mac_fused", {"WA": first.bits, "WB": second.bits, "MAGNITUDE": 1} | options, swap
    if not tuned:
        swap = (a.exponent_bits, a.mantissa_bits) < (b.exponent_bits, b.mantissa_bits)
        return "minifloat_mac", _fields(a, b, swap) | options, swap
    # A table wants the narrow significand first, Booth rows want it second; the exponent's chain wants the long one first.
    swap = (a.mantissa_bits < b.mantissa_bits if booth else a.mantissa_bits > b.mantissa_bits) or (
        a.mantissa_bits == b.mantissa_bits and a.exponent_bits < b.exponent_bits)
    return "minifloat_mac_grouped", _fields(a, b, swap) | {"F": _group(a, b), "BOOTH": int(booth)} | options, swap


def _fields(a: Format, b: Format, swap: bool) -> dict[str, int]:
    first, second = (b, a) if swap else (a, b)
    return {"EA": first.exponent_bits, "MA": first.mantissa_bits, "EB": second.exponent_bits, "MB": second.mantissa_bits}


def _group(a: Format, b: Format) -> int:
    """log2 of the group in minifloat_mac_grouped: small where the exponents reach few places."""
    places = 2**a.exponent_bits + 2**b.exponent_bits - 4
    return 2 if places <= 16 else 3


def with_dependencies(*modules: str) -> tuple[str, ...]:
    """These modules of hw/rtl and all that they instantiate, each after those that it instantiates, none twice."""
    known = tuple(sorted(path.stem for path in paths.RTL.glob("*.v")))
    found: dict[str, None] = {}

    def visit(module: str) -> None:
        for inner in known:
            if inner != module and re.search(rf"^\s*{inner}\s*#?\(", rtl(module), re.MULTILINE):
                visit(inner)
        found[module] = None

    for module in modules:
        visit(module)
    return tuple(found)


@cache
def rtl(module: str) -> str:
    """The Verilog text of one module of hw/rtl."""
    return (paths.RTL / f"{module}.v").read_text(encoding="utf-8")


def mac_verilog(a: Format, b: Format, k: int, acc_bits: int | None = None, **options) -> str:
    """Self-contained Verilog-2001 for the MAC of k products of formats a and b: the modules, then their frozen top.

    Arguments and errors as for :class:`Mac`.
    """
    mac = Mac(a, b, k, acc_bits, **options)
    return "\n".join([*map(rtl, mac.modules), mac.top()])
