"""Reads Verilog with Pyverilog: each module's interface, the contract it is held to, and its operators.

Pyverilog reads Verilog-2001. A file in hw/rtl that it cannot read has left the subset that this project's tools
share; a test reads them all.
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


def _mac(module: str, parameters: str, a: Port, b: Port) -> Interface:
    pairs = tuple(tuple(item.split("=")) for item in parameters.split())
    shared = Port("clk", "input"), Port("clear", "input"), a, b, Port("acc", "output", "[P-1:0]", signed=True)
    return Interface(module, pairs, shared)


CONTRACTS = {contract.module: contract for contract in (
    _mac("int_mac", "WA=8 WB=8 P=28",
         Port("a", "input", "[WA-1:0]", signed=True), Port("b", "input", "[WB-1:0]", signed=True)),
    _mac("minifloat_mac", "EA=4 MA=3 EB=4 MB=3 P=49",
         Port("a", "input", "[EA+MA:0]"), Port("b", "input", "[EB+MB:0]")),
)}
"""Module name -> the interface that every module of hw/rtl must have: five ports, in this order, for any MAC."""


def interfaces(verilog: str) -> list[Interface]:
    """The interfaces of all modules in a Verilog text, in order.

    Raises BadInput when Pyverilog cannot read the text, naming the line, or is not installed.
    """
    tree = _parse(verilog)
    from pyverilog.vparser import ast  # after _parse, which says it in one line when Pyverilog is missing

    found = []
    for module in _nodes(tree, ast.ModuleDef):
        parameters = [(p.name, _text(p.value.var)) for p in _nodes(module.paramlist, ast.Parameter)]
        ports = []
        for port in _nodes(module.portlist, ast.Ioport):
            first = port.first
            span = f"[{_text(first.width.msb)}:{_text(first.width.lsb)}]" if first.width else ""
            ports.append(Port(first.name, type(first).__name__.lower(), span, bool(first.signed)))
        found.append(Interface(module.name, tuple(parameters), tuple(ports)))
    return found


def operators(verilog: str) -> Counter:
    """How often each operator stands in the logic of a Verilog text (ranges and parameters left out,
    conditions of a generate included).

    Keys are Pyverilog's names: Times, Plus, Sll (shift left), Xor, Uor (OR of all bits), ... Errors as for
    :func:`interfaces`.
    """
    tree = _parse(verilog)
    from pyverilog.vparser import ast

    skipped = (ast.Width, ast.Paramlist, ast.Localparam, ast.Partselect, ast.Repeat)
    counted = _nodes(tree, ast.Operator, skipped)
    return Counter(type(node).__name__ for node in counted)


def _nodes(node, kind, skipped=()):
    """All nodes of a kind, in order of the source, not looking inside nodes of the skipped kinds."""
    if isinstance(node, kind):
        yield node
    for child in node.children():
        if not isinstance(child, skipped):
            yield from _nodes(child, kind, skipped)


def _text(expression) -> str:
    """An expression as Verilog, without spaces or outer brackets."""
    from pyverilog.ast_code_generator.codegen import ASTCodeGenerator

    return ASTCodeGenerator().visit(expression).replace(" ", "").removeprefix("(").removesuffix(")")


@cache
def _parser():
    try:
        from pyverilog.vparser.parser import VerilogParser
    except ImportError:
        raise BadInput("reading Verilog needs Pyverilog, which is not installed: pip install pyverilog==1.3.0") from None
    # Building the parser takes a second and writes its tables to a file, which is kept out of the reader's folder.
    with tempfile.TemporaryDirectory(prefix="pyverilog-") as folder:
        return VerilogParser(outputdir=folder, debug=False)


def _parse(verilog: str):
    parser = _parser()
    parser.lexer.reset_lineno()
    try:
        return parser.parse(verilog)
    except Exception as error:  # Pyverilog raises a different class for each way to fail
        raise BadInput(f"Pyverilog cannot read this Verilog ({str(error).strip()}): keep to Verilog-2001") from None
