"""From two number formats and a dot-product length to Verilog: the modules of hw/rtl, and one top with frozen parameters.

Here is decided which variant of a MAC is built. The measurements behind the choices are the rows of `mac_variants`.
"""

import math
import re
import textwrap
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

    @property
    def says(self) -> str:
        """What the MAC computes, in one line."""
        exact = accumulators.exact_width(self.a, self.b, self.k)
        unit = power_of_two(self.a.min_subnormal, self.b.min_subnormal)
        return (f"{self.a.name} times {self.b.name}, sums of up to {self.k} products "
                f"{register(self.acc_bits, exact, self.saturate)}; one unit of acc is worth {unit}.")

    @property
    def usage(self) -> tuple[str, ...]:
        """How the top module is used, line by line."""
        return clocked(f"operands: codes of {self.a.name} and {self.b.name}", self.latency)

    def top(self, name: str | None = None) -> str:
        """Verilog text of the top module (called ``self.name`` unless told otherwise): the contract's ports around one
        instance of the parametric module."""
        parameters = ", ".join(f".{key}({value})" for key, value in self.parameters.items())
        a, b = ("b", "a") if self.swapped else ("a", "b")
        return f"""\
// {self.says}
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


def power_of_two(*factors: float) -> str:
    """The product of powers of two, such as "2**-18". It is written as a power because a float need not hold it."""
    return f"2**{sum(math.frexp(factor)[1] - 1 for factor in factors)}"


def register(acc_bits: int, exact: int, saturate: bool = False) -> str:
    """Which sums a register of ``acc_bits`` bits gets right when every sum fits in ``exact`` bits."""
    if acc_bits >= exact:
        return f"in {acc_bits} bits, which hold them all"
    if saturate:
        return f"that stop at the limits of {acc_bits} bits ({exact} hold them all)"
    return f"modulo 2**{acc_bits} ({exact} bits hold them all)"


def clocked(operands: str, latency: int) -> tuple[str, ...]:
    """How a design with the contract of hw/rtl/int_mac.v is used, line by line."""
    takes = ("One clock cycle: the edge that takes operands adds their product." if latency == 1 else
             "Two clock cycles: one edge takes operands, the next adds their product; clear passes the same way.")
    return ("clk    everything happens on its rising edge",
            "clear  high: acc becomes zero, and the product of this edge's operands is dropped",
            f"a, b   {operands}",
            "acc    the sum so far, two's complement; unknown until a first clear has made it zero",
            "",
            f"Latency: {takes}")


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


def verilog(design, checked: str = "") -> str:
    """Self-contained Verilog for a design (a :class:`Mac`, or a lane or read-out: hw.lane, hw.readout) to take away.

    A header says what it does and how it is used, and ends with ``checked``, a sentence on what was checked. The design's
    name stands before that of every inner module, so that any number of designs can live in one project.
    """
    _, _, top = design.top().partition("module ")
    text = "\n".join([*map(rtl, design.modules), f"module {top}"])
    inner = "|".join(design.modules)
    text = re.sub(rf"^(\s*(?:module\s+)?)({inner})(?=\s*#?\()", rf"\1{design.name}_\2", text, flags=re.MULTILINE)
    needs = "Verilog-2001" + " with $clog2 of Verilog-2005" * ("$clog2" in text)
    notes = [*design.says.splitlines(), "", *design.usage, f"Needs: {needs}, and no other file."]
    notes += [f"Checked: {checked}"] if checked else []
    notes += ["Comments below name files of the folder hw/rtl that this text was made from."]
    notes += ["SPDX-License-Identifier: Apache-2.0"]
    lines = [line for note in notes for line in textwrap.wrap(note, 117, subsequent_indent="    ") or [""]]
    return "".join(f"// {line}".rstrip() + "\n" for line in lines) + f"\n{text}"


def mac_verilog(a: Format, b: Format, k: int, acc_bits: int | None = None, **options) -> str:
    """Self-contained Verilog for the MAC of k products of formats a and b: :func:`verilog` of a :class:`Mac`.

    Arguments and errors as for :class:`Mac`.
    """
    return verilog(Mac(a, b, k, acc_bits, **options))
