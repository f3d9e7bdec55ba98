"""Keeps hw/rtl inside the Verilog that Pyverilog, Yosys, Icarus Verilog and Vivado read alike, and that needs no second look.

The rules ask for plain synchronous Verilog-2001: :data:`RULES` lists them. All but the first four look at Pyverilog's
syntax tree, so layout and comments cannot mislead them. Names count per module, not per generate block.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hw.analyse import NotVerilog2001, assignments, nodes, parser, source, syntax_tree
from repro import paths

RULES = {
    "header": "a file begins with a comment that says what it holds",
    "length": "a line has at most 128 characters",
    "directive": "no compiler directive: a file means the same wherever it is read",
    "systemverilog": "no keyword of SystemVerilog, not even as a name",
    "syntax": "Pyverilog can read the file",
    "module": "one module a file, called as the file",
    "parameter": "one keyword a parameter, all in the module's header",
    "ports": "ports are inputs and outputs, declared in the header as wire or reg",
    "synthesis": "nothing that only a simulator understands",
    "clock": "registers change on the rising edge of clk and on nothing else, so clear is synchronous",
    "assignment": "<= in clocked blocks, = in the others",
    "sensitivity": "a block without a clock is always @*",
    "latch": "a block without a clock assigns its signals on every path",
    "undeclared": "a name is declared above its first use: no implicit nets",
    "unused": "what is declared is read, unless its name begins with unused; an output is driven",
    "undriven": "a wire or register that is read is driven",
    "loop": "no assignment makes a wire from itself, not even from its other bits: simulators take a vector as a whole",
}
"""Rule -> what it asks for."""

LONGEST_LINE = 128
UNUSED = "unused"
"""How the names of wires begin that only take the bits which no one wants. Verilator knows them by this word, too."""
FUNCTIONS = ("signed", "unsigned", "clog2")
"""The system functions that synthesis knows."""
SIMULATION = ("Initial", "Task", "TaskCall", "WhileStatement", "WaitStatement", "ForeverStatement", "EventStatement",
              "DelayStatement", "Disable", "CasexStatement", "Real", "FloatConst", "Tri", "Supply")
"""Pyverilog's names of what the rule "synthesis" forbids."""
SYSTEMVERILOG = frozenset("""
    alias always_comb always_ff always_latch assert assume before bind bins binsof bit break byte chandle class clocking const
    constraint context continue cover covergroup coverpoint cross dist do endclass endclocking endgroup endinterface endpackage
    endprogram endproperty endsequence enum expect export extends extern final first_match foreach forkjoin iff ignore_bins
    illegal_bins import inside int interface intersect join_any join_none local logic longint matches modport new null package
    packed priority program property protected pure rand randc randcase randsequence ref return sequence shortint shortreal
    solve static string struct super tagged this throughout timeprecision timeunit type typedef union unique var virtual void
    wait_order wildcard with within""".split())


@dataclass(frozen=True)
class Finding:
    """A place that breaks a rule; `str()` gives it as one line."""

    file: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message} ({self.rule})"


def lint(text: str, file: str) -> list[Finding]:
    """What breaks a rule in a Verilog text, in order of its lines. `file`: its name, such as "int_mac.v".

    Raises BadInput when Pyverilog is not installed.
    """
    found = [*_layout(text), *_words(text)]
    try:
        tree = syntax_tree(text)
    except NotVerilog2001 as error:
        line = re.search(r"line:(\d+)", str(error))
        found.append((int(line.group(1)) if line else text.count("\n"), "syntax", str(error)))
    else:
        found += _modules(tree, Path(file).stem)
    return [Finding(file, *place) for place in sorted(set(found))]


def lint_folder(folder: Path = paths.RTL) -> list[Finding]:
    """The findings of all Verilog files of a folder. Errors as for :func:`lint`."""
    return [finding for path in sorted(folder.glob("*.v")) for finding in lint(path.read_text(encoding="utf-8"), path.name)]


Place = tuple[int, str, str]
"""(line, rule, message)"""


def _layout(text: str) -> Iterator[Place]:
    if not text.startswith("//"):
        yield 1, "header", "say in a comment on the first line what this file holds"
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST_LINE:
            yield number, "length", f"{len(line)} characters, {LONGEST_LINE} are allowed"


def _words(text: str) -> Iterator[Place]:
    """Words that Pyverilog's parser forgets (directives) or takes for Verilog-2001 (always_ff, logic)."""
    lexer = parser().lexer
    lexer.reset_lineno()
    lexer.directives = []
    lexer.input(text)
    try:
        while token := lexer.token():
            if token.value in SYSTEMVERILOG:
                yield token.lineno, "systemverilog", f"{token.value} is a keyword of SystemVerilog"
    except Exception:  # a character that is no Verilog: the rule "syntax" names it
        pass
    for line, directive in lexer.directives:
        yield line, "directive", f"{directive.split()[0]} changes what is read after it"


def _modules(tree, stem: str) -> Iterator[Place]:
    from pyverilog.vparser import ast

    modules = list(nodes(tree, ast.ModuleDef))
    for module in modules:
        if module.name != stem:
            yield module.lineno, "module", f"module {module.name} belongs into a file of its own, {module.name}.v"
        yield from _declarations(module, ast)
        for always in nodes(module, ast.Always):
            yield from _block(always, ast)
        yield from _names(module, ast)
        yield from _loops(module, ast)
    if not modules:
        yield 1, "module", "there is no module"


def _declarations(module, ast) -> Iterator[Place]:
    """Rules parameter, ports and synthesis."""
    header = {id(group) for group in module.paramlist.params}
    for group in nodes(module, ast.Decl):
        parameters = [item for item in group.list if isinstance(item, ast.Parameter)]
        for item in parameters[1:]:
            yield item.lineno, "parameter", f"{item.name} needs a keyword of its own"
        for item in parameters[:1]:
            if not isinstance(item, ast.Localparam) and id(group) not in header:
                yield item.lineno, "parameter", f"parameter {item.name} belongs into the module's header"
    for port in module.portlist.ports:
        if isinstance(port, ast.Port):
            yield port.lineno, "ports", f"declare port {port.name} in the header"
        elif not isinstance(port.first, (ast.Input, ast.Output)):
            yield port.lineno, "ports", f"{port.first.name} is neither an input nor an output"
        elif port.second is None:
            yield port.lineno, "ports", f"say whether {port.first.name} is a wire or a reg"
    for node in nodes(module, ast.Node):
        kind = type(node).__name__
        if kind in SIMULATION:
            yield node.lineno, "synthesis", f"{kind} is for simulators only"
        elif isinstance(node, ast.SystemCall) and node.syscall not in FUNCTIONS:
            yield node.lineno, "synthesis", f"${node.syscall} is for simulators only"
        elif isinstance(node, ast.IntConst) and "x" in node.value.lower():
            yield node.lineno, "synthesis", f"{node.value}: an unknown bit is for simulators only"


def _block(always, ast) -> Iterator[Place]:
    """Rules clock, assignment, sensitivity and latch for one always block."""
    events = {(event.type, str(event.sig)) for event in always.sens_list.list}
    clocked = any(kind in ("posedge", "negedge") for kind, _ in events)
    if clocked and events != {("posedge", "clk")}:
        yield always.lineno, "clock", "write always @(posedge clk), and test clear inside"
    if not clocked and {kind for kind, _ in events} != {"all"}:
        yield always.lineno, "sensitivity", "write always @*"
    wanted, sign = (ast.NonblockingSubstitution, "<=") if clocked else (ast.BlockingSubstitution, "=")
    for assignment in assignments(always.statement):
        if not isinstance(assignment, wanted):
            yield assignment.lineno, "assignment", f"assign {source(assignment.left.var)} with {sign} here"
    if not clocked:
        ever, always_set = _assigned(always.statement, ast)
        for target in sorted(ever - always_set):
            if target.partition("[")[0] not in always_set:
                yield always.lineno, "latch", f"{target} keeps its value on some path: give it one before the first if"


def _assigned(statement, ast) -> tuple[set[str], set[str]]:
    """What a statement assigns on some path and what on every path, as written. Loops are taken to run at least once."""
    if isinstance(statement, ast.Substitution):
        var = statement.left.var
        targets = {source(part) for part in (var.list if isinstance(var, ast.LConcat) else [var])}
        return targets, targets
    if isinstance(statement, ast.ForStatement):
        return _assigned(statement.statement, ast)
    if isinstance(statement, ast.Block):
        parts = [_assigned(part, ast) for part in statement.statements]
        return set().union(*(ever for ever, _ in parts)), set().union(*(surely for _, surely in parts))
    if isinstance(statement, ast.IfStatement):
        branches, complete = [statement.true_statement, statement.false_statement], statement.false_statement is not None
    elif isinstance(statement, ast.CaseStatement):
        branches = [case.statement for case in statement.caselist]
        complete = any(case.cond is None for case in statement.caselist)
    else:
        return set(), set()
    parts = [_assigned(branch, ast) for branch in branches if branch is not None]
    ever = set().union(*(some for some, _ in parts))
    return ever, set.intersection(*(surely for _, surely in parts)) if complete else set()


def _names(module, ast) -> Iterator[Place]:
    """Rules undeclared, unused and undriven. Names inside a function are its own."""
    functions = list(nodes(module, ast.Function))
    lines, kinds = {function.name: 0 for function in functions}, {}
    for node in nodes(module, (ast.Variable, ast.Parameter), skipped=ast.Function):
        lines.setdefault(node.name, node.lineno)
        kinds.setdefault(node.name, set()).add(type(node))
    for function in functions:
        own = {node.name for node in nodes(function, ast.Variable)}
        for node in nodes(function, ast.Identifier):
            if node.name not in own | set(lines):
                yield node.lineno, "undeclared", f"{node.name} is not declared"
    for node in nodes(module, ast.Identifier, skipped=ast.Function):
        if node.name not in lines:
            yield node.lineno, "undeclared", f"{node.name} is not declared"
        elif node.lineno < lines[node.name]:
            yield node.lineno, "undeclared", f"{node.name} is declared only in line {lines[node.name]}"
    read, driven = set(), set()
    _uses(module, False, read, driven, ast)
    for name, kind in kinds.items():
        if ast.Output in kind:
            if name not in driven:
                yield lines[name], "unused", f"output {name} is never driven"
        elif name not in read and not name.startswith(UNUSED):
            yield lines[name], "unused", f"{name} is never read"
        elif kind <= {ast.Wire, ast.Reg} and name not in driven:
            yield lines[name], "undriven", f"{name} is never driven"


def _loops(module, ast) -> Iterator[Place]:
    """Rule loop. A hierarchical name, such as row[i-1].sum, is another wire in each turn of a loop and not looked at."""
    sources: dict[str, set[str]] = {}
    lines: dict[str, int] = {}
    for assign in nodes(module, ast.Assign):
        targets: set[str] = set()
        _uses(assign.left, True, set(), targets, ast)
        for target in targets:
            sources.setdefault(target, set()).update(
                name.name for name in nodes(assign.right, ast.Identifier) if name.scope is None)
            lines.setdefault(target, assign.lineno)
    for target, line in lines.items():
        behind, waiting = set(), [target]
        while waiting:
            further = sources.get(waiting.pop(), set()) - behind
            behind |= further
            waiting += further
        if target in behind:
            yield line, "loop", f"{target} is made from itself: give each stage a wire of its own"


def _uses(node, written: bool, read: set[str], driven: set[str], ast) -> None:
    """Collect the names that a tree reads and those that it drives. A port of an instance counts as both."""
    if isinstance(node, ast.Identifier):
        (driven if written else read).add(node.name)
    elif isinstance(node, ast.Lvalue):
        _uses(node.var, True, read, driven, ast)
    elif written and isinstance(node, (ast.Partselect, ast.Pointer)):
        _uses(node.var, True, read, driven, ast)
        for index in node.children()[1:]:
            _uses(index, False, read, driven, ast)
    else:
        for child in node.children():
            _uses(child, written, read, driven, ast)
            if isinstance(node, ast.PortArg):
                _uses(child, True, read, driven, ast)
