"""From two number formats and a dot-product length to Verilog: one parametric module, one top with frozen parameters."""

from dataclasses import dataclass
from numbers import Integral

from repro import accumulators, paths
from repro.errors import BadInput
from repro.formats import Format


@dataclass(frozen=True)
class Mac:
    """A multiply-accumulate unit for k products of formats a and b.

    ``acc_bits`` is the accumulator's width P; None means ``accumulators.exact_width(a, b, k)``, with which no sum of
    k products overflows. Raises BadInput when a and b are of different kinds, an integer is unsigned, or a width or k
    is not a whole number of at least 1 (2 for P).
    """

    a: Format
    b: Format
    k: int
    acc_bits: int | None = None

    def __post_init__(self):
        if self.a.kind != self.b.kind:
            raise BadInput(f"no MAC multiplies {self.a.name} by {self.b.name}: give two minifloats or two integers")
        for fmt in (self.a, self.b):
            if not fmt.signed:
                raise BadInput(f"the integer MAC takes signed operands, not {fmt.name}: use INT{fmt.bits + 1}, which holds it")
        exact = accumulators.exact_width(self.a, self.b, self.k)
        object.__setattr__(self, "k", int(self.k))
        if self.acc_bits is None:
            object.__setattr__(self, "acc_bits", exact)
        elif not isinstance(self.acc_bits, Integral) or self.acc_bits < 2:
            raise BadInput(f"an accumulator has a whole number of at least 2 bits, not {self.acc_bits!r}")

    @property
    def name(self) -> str:
        """The top module's name, a Verilog identifier such as mac_E4M3_E4M3_k4608_p49."""
        return f"mac_{self.a.name}_{self.b.name}_k{self.k}_p{self.acc_bits}".replace("-", "n")

    @property
    def module(self) -> str:
        """The parametric module in hw/rtl that this MAC freezes: int_mac or minifloat_mac."""
        return "int_mac" if self.a.kind == "integer" else "minifloat_mac"

    @property
    def parameters(self) -> dict[str, int]:
        """Verilog parameter name -> value. Biases are missing because they cost no hardware."""
        if self.a.kind == "integer":
            return {"WA": self.a.bits, "WB": self.b.bits, "P": self.acc_bits}
        return {"EA": self.a.exponent_bits, "MA": self.a.mantissa_bits,
                "EB": self.b.exponent_bits, "MB": self.b.mantissa_bits, "P": self.acc_bits}

    def top(self) -> str:
        """Verilog text of the top module: the contract's ports around one instance of the parametric module."""
        parameters = ", ".join(f".{name}({value})" for name, value in self.parameters.items())
        unit = self.a.min_subnormal * self.b.min_subnormal
        return f"""\
// {self.a.name} times {self.b.name}, sums of up to {self.k} products in {self.acc_bits} bits; one unit of acc is worth {unit!r}.
module {self.name} (
    input  wire clk,
    input  wire clear,
    input  wire [{self.a.bits - 1}:0] a,
    input  wire [{self.b.bits - 1}:0] b,
    output wire signed [{self.acc_bits - 1}:0] acc
);
    {self.module} #({parameters}) mac (.clk(clk), .clear(clear), .a(a), .b(b), .acc(acc));
endmodule
"""


def rtl(module: str) -> str:
    """The Verilog text of one module of hw/rtl."""
    return (paths.RTL / f"{module}.v").read_text(encoding="utf-8")


def mac_verilog(a: Format, b: Format, k: int, acc_bits: int | None = None) -> str:
    """Self-contained Verilog-2001 for the MAC of k products of formats a and b: the module, then its frozen top.

    Arguments and errors as for :class:`Mac`.
    """
    mac = Mac(a, b, k, acc_bits)
    return f"{rtl(mac.module)}\n{mac.top()}"
