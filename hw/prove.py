"""Proofs by SAT: no input at all makes a circuit wrong, or here is one that does.

Evaluation (hw.check) tries every operand pair, but cannot try every accumulator. Yosys' solver can: a *goal* is a module
``goal`` without registers whose output ``wrong`` must never be anything but zero. It is proved when the solver finds no
inputs for which it is.
"""

import re
import time
from dataclasses import dataclass

from hw import yosys
from hw.generate import Mac, rtl
from hw.netlist import Netlist
from hw.next_state import next_state_verilog
from repro import paths
from repro.formats import Format

TIMEOUT = 120
"""Seconds for one goal."""
_VALUE = re.compile(r"^\s+\\(\w+)\s+\S+\s+\S+\s+([01x]+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Goal:
    """What is to be proved: ``wrong`` of the module ``goal`` in this Verilog text is always 0."""

    name: str
    verilog: str
    techmap: bool = False
    """Whether hw/techmap/carry_rows.v maps the multiplications of the module ``mapped`` first."""


@dataclass(frozen=True)
class Proof:
    """What the solver said."""

    name: str
    proved: bool
    seconds: float
    counterexample: dict[str, int] | None
    """Input of ``goal`` -> a value that makes it wrong; None when proved, or when the time ran out."""


def prove(goals: list[Goal], timeout: int = TIMEOUT) -> list[Proof]:
    """Try to prove every goal, in order, for at most ``timeout`` seconds each.

    Raises BadInput when pyosys is not installed, or when Yosys refuses a text.
    """
    return [_prove(goal, timeout) for goal in goals]


def _prove(goal: Goal, timeout: int) -> Proof:
    script = ["read_verilog goal.v", "hierarchy -check -top goal", "proc"]
    files = {"goal.v": goal.verilog}
    if goal.techmap:
        files["carry_rows.v"] = (paths.TECHMAP / "carry_rows.v").read_text(encoding="utf-8")
        script += ["techmap -map carry_rows.v mapped", "select -assert-none mapped/t:$mul"]
    script += ["flatten", "opt -full", f"tee -o sat.log sat -timeout {timeout} -prove wrong 0 -show-inputs goal"]
    start = time.perf_counter()
    log = yosys.run(script, files, "sat.log")
    proved = "SAT proof finished - no model found: SUCCESS" in log
    values = {name: int(bits.replace("x", "0"), 2) for name, bits in _VALUE.findall(log)}
    return Proof(goal.name, proved, time.perf_counter() - start, values if "model found: FAIL" in log else None)


def product(module: str, wa: int, wb: int, a_signed: bool = False, b_signed: bool = False) -> Goal:
    """The module ``booth_product`` or ``table_product`` (unsigned only) of hw/rtl gives a * b, all bits of it."""
    signs = f", .A_SIGNED({int(a_signed)}), .B_SIGNED({int(b_signed)})" * (module == "booth_product")
    instance = f"{module} #(.WA({wa}), .WB({wb}){signs}) unit (.a(a), .b(b), .product(product));"
    name = f"{module} {_sign(a_signed)}{wa} x {_sign(b_signed)}{wb}"
    return Goal(name, rtl(module) + _product_goal(wa, wb, a_signed, b_signed, instance))


def carry_rows(wa: int, wb: int, signed: bool) -> Goal:
    """What hw/techmap/carry_rows.v makes of `*` is what Yosys' solver takes `*` to be."""
    sign = "signed" * signed
    mapped = (f"module mapped (input {sign} [{wa - 1}:0] a, input {sign} [{wb - 1}:0] b,\n"
              f"               output {sign} [{wa + wb - 1}:0] product);\nassign product = a * b;\nendmodule\n")
    instance = "mapped unit (.a(a), .b(b), .product(product));"
    return Goal(f"carry_rows {_sign(signed)}{wa} x {_sign(signed)}{wb}",
                mapped + _product_goal(wa, wb, signed, signed, instance), techmap=True)


def shift_left(width: int, bits: int, signed: bool) -> Goal:
    """The module shift_left moves as `<<` does, and loses nothing."""
    size = width + 2**bits - 1
    extended = "$signed(number)" if signed else "number"
    return Goal(f"shift_left {_sign(signed)}{width} by {bits} bits", rtl("shift_left") + f"""
module goal (input [{width - 1}:0] number, input [{bits - 1}:0] distance, output wrong);
wire [{size - 1}:0] shifted;
wire {"signed" * signed} [{size - 1}:0] whole = {extended};
shift_left #(.W({width}), .S({bits}), .SIGNED({int(signed)})) unit (.number(number), .distance(distance), .shifted(shifted));
assign wrong = shifted != (whole << distance);
endmodule
""")


def exact(netlist: Netlist, mac: Mac) -> Goal:
    """The mapped MAC's next state is acc + a * b (0 with clear), for every acc, a and b, modulo 2**P.

    The reference decodes by value, shifts each operand to its place, and multiplies what comes out.
    """
    steps = [fmt.bits + 1 if fmt.kind == "integer" else 2**fmt.exponent_bits + fmt.mantissa_bits for fmt in (mac.a, mac.b)]
    width = max(mac.acc_bits, sum(steps))
    reference = f"""wire signed [{width - 1}:0] value_a, value_b;
{_value(mac.a, "a")}
{_value(mac.b, "b")}
wire signed [{width - 1}:0] sum = $signed(acc) + value_a * value_b;
assign wrong = next != (clear ? {mac.acc_bits}'d0 : sum[{mac.acc_bits - 1}:0]);
"""
    return Goal(f"{mac.name} adds a * b", next_state_verilog(netlist, "unit") + _state_goal(
        mac, "unit mapped (.clear(clear), .a(a), .b(b), .acc(acc), .next(next));\n" + reference))


def equivalent(netlist: Netlist, other: Netlist, mac: Mac) -> Goal:
    """Two netlists of MACs with the ports of ``mac`` have the same next state, for every acc, a, b and clear."""
    width = f"[{mac.acc_bits - 1}:0]"
    ports = ".clear(clear), .a(a), .b(b), .acc(acc)"
    return Goal(f"{netlist.name} is {other.name}", next_state_verilog(netlist, "unit") + next_state_verilog(other, "twin")
                + _state_goal(mac, f"wire {width} same;\nunit first ({ports}, .next(next));\n"
                                   f"twin second ({ports}, .next(same));\nassign wrong = next != same;\n"))


def never(netlist: Netlist, mac: Mac, probes: list[str]) -> Goal:
    """None of these expressions in the netlist's wires (:func:`hw.next_state.wire`) is ever 1, whatever acc, a, b and clear."""
    unit = (f"wire [{len(probes) - 1}:0] probe;\n"
            "unit mapped (.clear(clear), .a(a), .b(b), .acc(acc), .next(next), .probe(probe));\n")
    return Goal(f"{netlist.name}: none of {len(probes)} is ever 1",
                next_state_verilog(netlist, "unit", probes) + _state_goal(mac, unit + "assign wrong = |probe;\n"))


def _sign(signed: bool) -> str:
    return "signed " if signed else "unsigned "


def _product_goal(wa: int, wb: int, a_signed: bool, b_signed: bool, instance: str) -> str:
    a, b = (f"$signed({name})" if signed else f"$signed({{1'b0, {name}}})"
            for name, signed in (("a", a_signed), ("b", b_signed)))
    return f"""
module goal (input [{wa - 1}:0] a, input [{wb - 1}:0] b, output wrong);
wire [{wa + wb - 1}:0] product;
wire signed [{wa + wb + 1}:0] expected = {a} * {b};
{instance}
assign wrong = product != expected[{wa + wb - 1}:0];
endmodule
"""


def _state_goal(mac: Mac, body: str) -> str:
    width = f"[{mac.acc_bits - 1}:0]"
    return (f"module goal (input clear, input [{mac.a.bits - 1}:0] a, input [{mac.b.bits - 1}:0] b,\n"
            f"             input {width} acc, output wrong);\nwire {width} next;\n{body}endmodule\n")


def _value(fmt: Format, name: str) -> str:
    """Verilog for value_<name>: the code's value in subnormal steps."""
    if fmt.kind == "integer":
        return f"assign value_{name} = {f'$signed({name})' if fmt.signed else name};"
    e, m = fmt.exponent_bits, fmt.mantissa_bits
    exponent, mantissa = f"{name}[{m + e - 1}:{m}]", f", {name}[{m - 1}:0]" if m else ""
    return f"""wire [{2**e + m - 1}:0] size_{name} =
    {exponent} == 0 ? {{1'b0{mantissa}}} : {{1'b1{mantissa}}} << ({exponent} - 1);
assign value_{name} = {name}[{e + m}] ? -$signed({{1'b0, size_{name}}}) : $signed({{1'b0, size_{name}}});"""
