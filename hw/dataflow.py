"""The signals and operators of one module once its parameters have values: ranges computed, generates resolved.

A walk over Pyverilog's syntax tree. Loops are unrolled and instances opened; what lies inside carries a prefix, as in
``row[2].partial``. Pyverilog's own dataflow analyser keeps parameters symbolic and needs Icarus Verilog, so it is not used.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from hw.analyse import assignments, nodes, syntax_tree
from hw.expressions import CASTS, COMPARISONS, LOGICAL, REDUCTIONS, SHIFTS, Scope, indexed, kind_of, refuse
from hw.generate import rtl
from repro.errors import BadInput

_SECTION = re.compile(r"\s*//\s*\d+\.\s+(\w+)")
_MOST_TURNS = 4096


@dataclass(frozen=True)
class Signal:
    """A port, wire or register: its width in bits, and the section of the source that drives it.

    ``direction`` is "input" or "output" for a port of the module, else empty. ``stage`` is the first word of the numbered
    comment above the place where the signal is driven ("2. Multiply the significands."), empty where there is none.
    """

    name: str
    bits: int
    direction: str = ""
    register: bool = False
    stage: str = ""


@dataclass(frozen=True)
class Operation:
    """One operator that becomes logic: Pyverilog's name for it, bits of its result, bits of its operands.

    Two more kinds: Select, a bit or slice taken at a place that is a signal; Case, the table or multiplexer behind a case
    statement (operands: bits of the selector, number of cases). Concatenations, slices and shifts by constants are wiring
    and missing; so are resets and clock enables, which every flip-flop has.
    """

    kind: str
    bits: int
    operands: tuple[int, ...]
    target: str


@dataclass(frozen=True)
class Edge:
    """A signal that is read to make another, and the operators on the way, outermost first.

    Beside those of :class:`Operation` there are Concat and, for the reset or enable of a register, Control.
    """

    source: str
    target: str
    operators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """The dataflow of one module with values for its parameters."""

    module: str
    parameters: tuple[tuple[str, int], ...]
    signals: tuple[Signal, ...]
    edges: tuple[Edge, ...]
    operations: tuple[Operation, ...] = field(repr=False)


def dataflow(verilog: str, parameters: dict[str, int] | None = None, library: Callable[[str], str] = rtl) -> Graph:
    """The graph of the first module of a Verilog text; parameters that are not given keep their defaults.

    ``library`` gives the text of a module that is instantiated. Raises BadInput when Pyverilog cannot read the text, when a
    parameter is unknown, and for what this walk does not know (memories, functions), naming the line.
    """
    walk = _Walk(library)
    module, values = walk.module(verilog, parameters or {}, prefix="", stage="")
    return Graph(module, tuple(values.items()), tuple(walk.signals.values()), tuple(dict.fromkeys(walk.edges)),
                 tuple(walk.operations))


class _Walk:
    """Collects signals, edges and operations from a module and all that it instantiates.

    A method called as a kind of Pyverilog's nodes reads an item of that kind.
    """

    def __init__(self, library: Callable[[str], str]):
        self.library = library
        self.signals: dict[str, Signal] = {}
        self.widths: dict[str, int] = {}
        self.edges: list[Edge] = []
        self.operations: list[Operation] = []
        self.sections: list[tuple[int, str]] = []

    def module(self, verilog: str, given: dict[str, int], prefix: str, stage: str) -> tuple[str, dict[str, int]]:
        """Walk the first module of a text; its signals get the prefix. Returns its name and its parameters' values."""
        tree = syntax_tree(verilog)
        from pyverilog.vparser import ast

        outer, self.sections = self.sections, [(0, stage)]
        for number, line in enumerate(verilog.splitlines(), 1):
            if match := _SECTION.match(line):
                self.sections.append((number, match.group(1)))
        module = next(nodes(tree, ast.ModuleDef), None)
        if module is None:
            raise BadInput("there is no module in this Verilog text")
        scope, values = Scope(prefix, self.widths), {}
        for parameter in nodes(module.paramlist, ast.Parameter):
            value = given.get(parameter.name)
            value = scope.known(parameter.value.var) if value is None else int(value)
            values[parameter.name] = scope.names[parameter.name] = value
        if unknown := sorted(set(given) - set(values)):
            raise BadInput(f"{module.name} has no parameter {unknown[0]}: it has {', '.join(values) or 'none'}")
        for port in module.portlist.ports:
            self._declare(port.first, scope, "" if prefix else kind_of(port.first).lower())
        for item in module.items:
            self._item(item, scope)
        self.sections = outer
        return module.name, values

    def _item(self, item, scope: Scope) -> None:
        visit = getattr(self, kind_of(item), None)
        if visit is None:
            refuse(item, f"{kind_of(item)} is not known to the dataflow walk")
        visit(item, scope)

    def _declare(self, variable, scope: Scope, direction: str = "") -> None:
        if variable.dimensions is not None:
            refuse(variable, f"{variable.name} is a memory, which the dataflow walk does not know")
        width = variable.width
        bits = abs(scope.known(width.msb) - scope.known(width.lsb)) + 1 if width else 1
        name = scope.prefix + variable.name
        scope.names[variable.name] = name
        self.widths[name] = bits
        self.signals[name] = Signal(name, bits, direction)

    # Items of a module and of its generates.

    def Decl(self, item, scope):
        for part in item.list:
            if kind_of(part) in ("Wire", "Reg", "Integer"):
                self._declare(part, scope)
            elif kind_of(part) != "Genvar":
                self._item(part, scope)

    def Localparam(self, item, scope):
        scope.names[item.name] = scope.known(item.value.var)

    def Pragma(self, item, scope):
        """Attributes are for the synthesiser."""

    def GenerateStatement(self, item, scope):
        for part in item.items:
            self._item(part, scope)

    def Block(self, item, scope):
        inner = scope.inside(f"{item.scope}.") if item.scope else scope
        for part in item.statements:
            self._item(part, inner)

    def IfStatement(self, item, scope):
        chosen = item.true_statement if scope.known(item.cond) else item.false_statement
        if chosen is not None:
            self._item(chosen, scope)

    def ForStatement(self, item, scope):
        for counter, value in _turns(item, scope):
            inner = scope.inside(f"{item.statement.scope}[{value}].", {counter: value})
            for part in item.statement.statements:
                self._item(part, inner)

    def Assign(self, item, scope):
        self._drive(item, scope, (), clocked=False)

    def Always(self, item, scope):
        clocked = any(event.type in ("posedge", "negedge") for event in item.sens_list.list)
        self._statement(item.statement, scope, (), clocked)

    def InstanceList(self, item, scope):
        from pyverilog.vparser import ast

        text = self.library(item.module)
        child = next(nodes(syntax_tree(text), ast.ModuleDef))
        outputs = {port.first.name for port in child.portlist.ports if isinstance(port.first, ast.Output)}
        stage = self._stage(item.lineno)
        for instance in item.instances:
            values = {argument.paramname: scope.known(argument.argname) for argument in instance.parameterlist}
            prefix = f"{scope.prefix}{instance.name}."
            self.module(text, values, prefix, stage)
            for port in instance.portlist:
                inner = f"{prefix}{port.portname}"
                if inner not in self.signals:
                    refuse(item, f"connect the ports of {item.module} by their names")
                if port.argname is None:
                    continue
                if port.portname in outputs:
                    targets = self._targets(port.argname, scope, item.lineno, clocked=False)
                    self.edges += [Edge(inner, target) for target in targets]
                else:
                    self._read(port.argname, self.widths[inner], scope, (), [inner])

    # Statements of an always block.

    def _statement(self, item, scope: Scope, path: tuple[str, ...], clocked: bool) -> None:
        kind = kind_of(item)
        if kind == "Decl":
            self.Decl(item, scope)
        elif kind == "Block":
            inner = scope.inside(f"{item.scope}.") if item.scope else scope
            for part in item.statements:
                self._statement(part, inner, path, clocked)
        elif kind == "ForStatement":
            for counter, value in _turns(item, scope):
                self._statement(item.statement, scope.inside(names={counter: value}), path, clocked)
        elif kind == "IfStatement":
            self._if(item, scope, path, clocked)
        elif kind in ("CaseStatement", "CasezStatement"):
            bits = scope.bits(item.comp)
            for target in self._driven(item, scope, clocked):
                self.operations.append(Operation("Case", self.widths[target], (bits, len(item.caselist)), target))
                self._read(item.comp, bits, scope, (*path, "Case"), [target])
            for case in item.caselist:
                self._statement(case.statement, scope, (*path, "Case"), clocked)
        elif kind in ("BlockingSubstitution", "NonblockingSubstitution"):
            self._drive(item, scope, path, clocked)
        else:
            refuse(item, f"{kind} is not known to the dataflow walk")

    def _if(self, item, scope: Scope, path: tuple[str, ...], clocked: bool) -> None:
        """A choice by parameters, the reset or enable of registers, or a multiplexer."""
        branches = [branch for branch in (item.true_statement, item.false_statement) if branch is not None]
        known = scope.constant(item.cond)
        if known is not None:
            chosen = item.true_statement if known else item.false_statement
            branches = [chosen] if chosen is not None else []
        else:
            control = clocked and (len(branches) == 1 or any(_constant(branch, scope) for branch in branches))
            step = "Control" if control else "Cond"
            for target in self._driven(item, scope, clocked):
                bits = self.widths[target]
                if not control:
                    self.operations.append(Operation("Cond", bits, (1, bits, bits), target))
                self._read(item.cond, scope.bits(item.cond), scope, (*path, step), [target])
            path = path if control else (*path, step)
        for branch in branches:
            self._statement(branch, scope, path, clocked)

    def _driven(self, statement, scope: Scope, clocked: bool) -> list[str]:
        """The signals that a statement assigns."""
        found = [self._targets(part.left.var, scope, part.lineno, clocked) for part in assignments(statement)]
        return list(dict.fromkeys(name for names in found for name in names))

    # Assignments and expressions.

    def _drive(self, item, scope: Scope, path: tuple[str, ...], clocked: bool) -> None:
        targets = self._targets(item.left.var, scope, item.lineno, clocked)
        self._read(item.right.var, scope.bits(item.left.var), scope, path, targets)
        for place in _places(item.left.var):
            if scope.constant(place) is None:
                self._address(place, scope, path, targets)

    def _targets(self, var, scope: Scope, line: int, clocked: bool) -> list[str]:
        """The full names that the left side of an assignment drives; notes by whom."""
        kind = kind_of(var)
        if kind in ("LConcat", "Concat"):
            return [name for part in var.list for name in self._targets(part, scope, line, clocked)]
        if kind in ("Pointer", "Partselect"):
            return self._targets(var.var, scope, line, clocked)
        name = scope.find(var)
        signal = self.signals[name]
        self.signals[name] = replace(signal, register=signal.register or clocked, stage=signal.stage or self._stage(line))
        return [name]

    def _stage(self, line: int) -> str:
        return [word for start, word in self.sections if start <= line][-1]

    def _address(self, place, scope: Scope, path: tuple[str, ...], targets: list[str], bits: int = 1) -> None:
        """A place in a vector that is no constant: a multiplexer. Its arithmetic only counts elements, so it is wiring."""
        from pyverilog.vparser import ast

        names = [name for node in nodes(place, ast.Identifier) if isinstance(name := scope.find(node), str)]
        self.operations.append(Operation("Select", bits, (sum(self.widths[name] for name in names),), targets[0]))
        self.edges += [Edge(name, target, (*path, "Select")) for name in names for target in targets]

    def _read(self, node, bits: int, scope: Scope, path: tuple[str, ...], targets: list[str]) -> None:
        """Note the edges and operations of an expression whose value is wanted in so many bits."""
        if scope.constant(node) is not None:
            return
        kind = kind_of(node)
        if kind == "Identifier":
            self.edges += [Edge(scope.find(node), target, path) for target in targets]
        elif kind in ("Pointer", "Partselect"):
            place = next(_places(node))
            if scope.constant(place) is None:
                self._address(place, scope, path, targets, scope.bits(node))
                path = (*path, "Select")
            self._read(node.var, scope.bits(node.var), scope, path, targets)
        elif kind == "Concat":
            for part in node.list:
                self._read(part, scope.bits(part), scope, (*path, "Concat") if len(node.list) > 1 else path, targets)
        elif kind == "Repeat":
            self._read(node.value, scope.bits(node.value), scope, path, targets)
        elif kind == "SystemCall" and node.syscall in CASTS:
            self._read(node.args[0], scope.bits(node.args[0]), scope, path, targets)
        elif (chosen := _wiring(node, scope)) is not None:
            self._read(chosen, bits, scope, path, targets)
        else:
            operands = _operands(node, bits, scope)
            result = 1 if kind in (*REDUCTIONS, *COMPARISONS, *LOGICAL) else bits
            width = scope.significant if kind == "Times" else scope.bits
            self.operations.append(Operation(kind, result, tuple(width(child) for child, _ in operands), targets[0]))
            for child, wanted in operands:
                self._read(child, wanted, scope, (*path, kind), targets)


def _places(var) -> Iterator:
    """The indices of a bit or slice; for [high:low] the low one."""
    if kind_of(var) in ("LConcat", "Concat"):
        for part in var.list:
            yield from _places(part)
    elif kind_of(var) == "Pointer":
        yield var.ptr
    elif kind_of(var) == "Partselect":
        start = indexed(var)
        yield start[0] if start else var.lsb


def _wiring(node, scope: Scope):
    """The operand that an operator passes on unchanged or shifted by a constant; None when it does more."""
    kind = kind_of(node)
    if kind == "Cond" and (known := scope.constant(node.cond)) is not None:
        return node.true_value if known else node.false_value
    if kind in SHIFTS and scope.constant(node.right) is not None:
        return node.left
    if kind in ("Uor", "Uand", "Uxor") and scope.bits(node.right) == 1:
        return node.right
    if kind == "Land" and scope.constant(node.left) and scope.bits(node.right) == 1:
        return node.right
    if kind == "Plus" and scope.constant(node.left) == 0:
        return node.right
    if kind in ("Plus", "Minus") and scope.constant(node.right) == 0:
        return node.left
    return None


def _operands(node, bits: int, scope: Scope) -> list:
    """(operand, bits wanted of it) for each operand of an operator whose result is wanted in so many bits."""
    kind = kind_of(node)
    if kind not in (*SHIFTS, *COMPARISONS, *LOGICAL, *REDUCTIONS, "Cond", "Plus", "Minus", "Times", "And", "Or", "Xor", "Xnor",
                    "Unot", "Uminus", "Uplus"):
        refuse(node, f"{kind} is not known to the dataflow walk")
    children = node.children()
    own = [scope.bits(child) for child in children]
    if kind in REDUCTIONS or kind in LOGICAL:
        wanted = own
    elif kind in COMPARISONS:
        wanted = [max(own)] * 2
    elif kind in SHIFTS:
        wanted = [bits if kind in ("Sll", "Sla") else max(bits, own[0]), own[1]]
    elif kind == "Cond":
        wanted = [own[0], bits, bits]
    else:
        wanted = [bits] * len(children)
    return list(zip(children, wanted))


def _turns(loop, scope: Scope) -> Iterator[tuple[str, int]]:
    """(counter, value) for each turn of a for loop with constant bounds."""
    counter, value = loop.pre.left.var.name, scope.known(loop.pre.right.var)
    for _ in range(_MOST_TURNS):
        inner = scope.inside(names={counter: value})
        if not inner.known(loop.cond):
            return
        yield counter, value
        value = inner.known(loop.post.right.var)
    refuse(loop, f"a loop of more than {_MOST_TURNS} turns")


def _constant(statement, scope: Scope) -> bool:
    """Whether a statement assigns nothing but constants."""
    return all(scope.constant(part.right.var) is not None for part in assignments(statement))
