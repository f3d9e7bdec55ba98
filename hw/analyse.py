"""Reads Verilog with Pyverilog: each module's interface, the contract it is held to, and its operators.

Pyverilog reads Verilog-2001. A file in hw/rtl that it cannot read has left the subset that this project's tools
share; hw/lint.py names what else the subset leaves out.
"""

import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import cache

from repro.errors import BadInput


@dataclass(frozen=True)
class Port:
    """A port: its range as written, such as "[P-1:0]" (empty for one wire), and whether it is declared signed."""

    name: str
    direction: str
    range: str = ""
    signed: bool = False


@dataclass(frozen=True)
class Interface:
    """What a module shows to whoever instantiates it. Parameters: (name, default as written)."""

    module: str
    parameters: tuple[tuple[str, str], ...]
    ports: tuple[Port, ...]


FAMILIES = {
    "mac": (("clk", "clear", "a", "b"), ("acc",)),      # acc <- acc + a * b
    "lane": (("clk", "clear", "a", "b"), ("acc",)),     # acc <- acc + the products of all operands packed in a and b
    "product": (("a", "b"), ("product",)),
    "one's complement product": (("a", "b"), ("product", "negative")),      # a * b = product + negative
    "adder": (("terms", "carries"), ("sum", "carry")),
    "shifter": (("number", "distance"), ("shifted",)),
    "read-out": (("acc",), ("code",)),                  # the register, converted to a number format
}
"""Family -> names of its inputs and outputs, in the order of the ports. Further inputs of one module come between them."""


def _contract(family: str, module: str, parameters: str, **ranges: str) -> Interface:
    """A line of the table: parameters with their defaults, then each port wider than one wire as it is declared."""
    inputs, outputs = FAMILIES[family]
    further = tuple(name for name in ranges if name not in inputs + outputs)
    ports = []
    for name in (*inputs, *further, *outputs):
        declared = ranges.get(name, "")
        span = declared.removeprefix("signed").strip()
        ports.append(Port(name, "output" if name in outputs else "input", span, declared.startswith("signed")))
    return Interface(module, tuple(tuple(item.split("=", 1)) for item in parameters.split()), tuple(ports))


CONTRACTS = {contract.module: contract for contract in (
    _contract("mac", "int_mac", "WA=8 WB=8 A_SIGNED=1 B_SIGNED=1 P=28 BOOTH=0 PIPELINE=0 SATURATE=0",
              a="[WA-1:0]", b="[WB-1:0]", acc="signed [P-1:0]"),
    _contract("mac", "int_mac_fused", "WA=8 WB=8 A_SIGNED=1 B_SIGNED=1 MAGNITUDE=0 P=28",
              a="[WA-1:0]", b="[WB-1:0]", acc="signed [P-1:0]"),
    _contract("mac", "minifloat_mac", "EA=4 MA=3 EB=4 MB=3 P=49 PIPELINE=0",
              a="[EA+MA:0]", b="[EB+MB:0]", acc="signed [P-1:0]"),
    _contract("mac", "minifloat_mac_grouped", "EA=4 MA=3 EB=4 MB=3 P=49 F=3 BOOTH=0 PIPELINE=0",
              a="[EA+MA:0]", b="[EB+MB:0]", acc="signed [P-1:0]"),
    _contract("mac", "mixed_mac", "EA=4 MA=3 WB=8 B_SIGNED=1 P=39 BOOTH=0 PIPELINE=0",
              a="[EA+MA:0]", b="[WB-1:0]", acc="signed [P-1:0]"),
    _contract("product", "booth_product", "WA=8 WB=8 A_SIGNED=1 B_SIGNED=1",
              a="[WA-1:0]", b="[WB-1:0]", product="[WA+WB-1:0]"),
    _contract("product", "table_product", "WA=4 WB=4",
              a="[WA-1:0]", b="[WB-1:0]", product="[WA+WB-1:0]"),
    _contract("shifter", "shift_left", "W=8 S=3 SIGNED=0",
              number="[W-1:0]", distance="[S-1:0]", shifted="[W+2**S-2:0]"),
    _contract("read-out", "to_minifloat", "P=49 E=4 M=3 OFFSET=9",
              acc="signed [P-1:0]", code="[E+M:0]"),
    _contract("read-out", "to_integer", "P=28 S=14 WO=8 SIGNED=1",
              acc="signed [P-1:0]", code="[WO-1:0]"),
    _contract("read-out", "requantize", "P=28 WM=8 S=22 WO=8 SIGNED=1",
              acc="signed [P-1:0]", multiplier="[WM-1:0]", code="[WO-1:0]"),
    _contract("one's complement product", "minifloat_product", "EA=4 MA=3 EB=4 MB=3 F=3 BOOTH=0",
              a="[EA+MA:0]", b="[EB+MB:0]", product="signed [2**EA+2**EB+MA+MB-2:0]"),
    _contract("adder", "adder_tree", "N=4 W=16 CHAIN=1",
              terms="[N*W-1:0]", carries="[N-1:0]", sum="signed [W+$clog2(CHAIN)+$clog2((N/CHAIN))-1:0]"),
    _contract("lane", "int_lane", "WA=8 WB=8 A_SIGNED=1 B_SIGNED=1 SIMD=4 P=28",
              a="[SIMD*WA-1:0]", b="[SIMD*WB-1:0]", acc="signed [P-1:0]"),
    _contract("lane", "minifloat_lane", "EA=4 MA=3 EB=4 MB=3 F=3 BOOTH=0 SIMD=4 P=49",
              a="[SIMD*(1+EA+MA)-1:0]", b="[SIMD*(1+EB+MB)-1:0]", acc="signed [P-1:0]"),
)}
"""Module name -> the interface that every module of hw/rtl must have."""


def breaches(interface: Interface) -> list[str]:
    """How a module breaks its contract: one line for each difference, none when it keeps it."""
    contract = CONTRACTS.get(interface.module)
    if contract is None:
        return [f"{interface.module} has no contract: add its line to CONTRACTS in hw/analyse.py"]
    found = []
    for what, promised, built in (("parameters", contract.parameters, interface.parameters),
                                  ("ports", contract.ports, interface.ports)):
        promised, built = ([_spoken(item) for item in items] for items in (promised, built))
        found += [f"{interface.module} lacks {item}" for item in promised if item not in built]
        found += [f"{interface.module} has {item}, which its contract lacks" for item in built if item not in promised]
        if not found and promised != built:
            found.append(f"{interface.module} has its {what} in another order than its contract: {', '.join(promised)}")
    return found


def _spoken(item: Port | tuple[str, str]) -> str:
    """A port or a parameter as it is declared in Verilog."""
    if isinstance(item, Port):
        return " ".join(filter(None, (item.direction, item.signed and "signed", item.range, item.name)))
    return "parameter {} = {}".format(*item)


def interfaces(verilog: str) -> list[Interface]:
    """The interfaces of all modules in a Verilog text, in order.

    Raises BadInput when Pyverilog cannot read the text, naming the line, or is not installed.
    """
    tree = syntax_tree(verilog)
    from pyverilog.vparser import ast  # after syntax_tree, which says it in one line when Pyverilog is missing

    found = []
    for module in nodes(tree, ast.ModuleDef):
        parameters = [(p.name, source(p.value.var)) for p in nodes(module.paramlist, ast.Parameter)]
        ports = []
        for port in nodes(module.portlist, ast.Ioport):
            first = port.first
            span = f"[{source(first.width.msb)}:{source(first.width.lsb)}]" if first.width else ""
            ports.append(Port(first.name, type(first).__name__.lower(), span, bool(first.signed)))
        found.append(Interface(module.name, tuple(parameters), tuple(ports)))
    return found


def operators(verilog: str) -> Counter:
    """How often each operator stands in the logic of a Verilog text (ranges and parameters left out,
    conditions of a generate included). hw/dataflow.py counts those that parameters leave.

    Keys are Pyverilog's names: Times, Plus, Sll (shift left), Xor, Uor (OR of all bits), ... Errors as for
    :func:`interfaces`.
    """
    tree = syntax_tree(verilog)
    from pyverilog.vparser import ast

    skipped = (ast.Width, ast.Paramlist, ast.Localparam, ast.Partselect, ast.Repeat)
    counted = nodes(tree, ast.Operator, skipped)
    return Counter(type(node).__name__ for node in counted)


def nodes(node, kind, skipped=()):
    """All nodes of a kind (or kinds) in a syntax tree, in order of the source, but for those inside skipped kinds."""
    if isinstance(node, kind):
        yield node
    for child in node.children():
        if not isinstance(child, skipped):
            yield from nodes(child, kind, skipped)


def assignments(statement):
    """All assignments in a statement of an always block, but for those of a loop to its own counter."""
    from pyverilog.vparser import ast

    if isinstance(statement, ast.Substitution):
        yield statement
    elif isinstance(statement, ast.ForStatement):
        yield from assignments(statement.statement)
    else:
        for child in statement.children():
            yield from assignments(child)


def source(expression) -> str:
    """An expression of a syntax tree as Verilog, without spaces or outer brackets."""
    from pyverilog.ast_code_generator.codegen import ASTCodeGenerator

    text = ASTCodeGenerator().visit(expression).replace(" ", "")
    return text[1:-1] if text.startswith("(") else text  # each operator comes in brackets of its own


class NotVerilog2001(BadInput):
    """A text that Pyverilog cannot read, or that is nested too deeply to be walked."""


DEEPEST = 100
"""Levels of a syntax tree; those of hw/rtl have up to 22, and each costs the walks over it some of Python's stack."""


@cache
def parser():
    """Pyverilog's parser. Raises BadInput when Pyverilog is not installed."""
    try:
        from pyverilog.vparser.parser import VerilogParser
    except ImportError:
        raise BadInput("reading Verilog needs Pyverilog, which is not installed: pip install pyverilog==1.3.0") from None
    # Building the parser takes a second and writes its tables to a file, which is kept out of the reader's folder.
    with tempfile.TemporaryDirectory(prefix="pyverilog-") as folder:
        return VerilogParser(outputdir=folder, debug=False)


@cache
def syntax_tree(verilog: str):
    """Pyverilog's syntax tree of a Verilog text, parsed once; not to be changed.

    Raises NotVerilog2001 (a BadInput) when Pyverilog cannot read the text or it is nested too deeply, naming the line, and
    BadInput when Pyverilog is not installed.
    """
    reader = parser()
    reader.lexer.reset_lineno()
    try:
        tree = reader.parse(verilog)
    except Exception as error:  # Pyverilog raises a different class for each way to fail
        reason = " ".join(str(error).split())
        raise NotVerilog2001(f"Pyverilog cannot read this Verilog ({reason}): keep to Verilog-2001") from None
    level = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in node.children()]
    if level:
        raise NotVerilog2001(f"line:{level[0].lineno} of this Verilog is nested more than {DEEPEST} deep: name its parts")
    return tree
