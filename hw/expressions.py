"""Verilog expressions under known parameters: their values where they are constant, their widths where they are not.

Works on the nodes of Pyverilog's syntax tree. Widths follow the Verilog standard (IEEE 1364-2001, section 4.4), but an
unsized constant counts only the bits that its value needs: synthesis keeps no others.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps

from repro.errors import BadInput

MOST_BITS = 2**16
"""Widest number and widest signal: far beyond any design, and quick to compute with."""


def _divide(x: int, y: int) -> int:
    """Towards zero, as Verilog divides."""
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def _power(x: int, y: int) -> int:
    """A fraction is cut to 0, as in Verilog."""
    return x**y if y >= 0 else _divide(1, x**-y)


_VALUES = {
    "Plus": operator.add, "Minus": operator.sub, "Times": operator.mul, "Divide": _divide,
    "Mod": lambda x, y: x - y * _divide(x, y), "Power": _power,
    "Sll": operator.lshift, "Sla": operator.lshift, "Srl": operator.rshift, "Sra": operator.rshift,
    "LessThan": operator.lt, "GreaterThan": operator.gt, "LessEq": operator.le, "GreaterEq": operator.ge, "Eq": operator.eq,
    "NotEq": operator.ne, "And": operator.and_, "Or": operator.or_, "Xor": operator.xor,
    "Land": lambda x, y: bool(x) and bool(y), "Lor": lambda x, y: bool(x) or bool(y),
    "Uplus": operator.pos, "Uminus": operator.neg, "Ulnot": operator.not_, "Unot": operator.invert, "Uor": bool,
}
"""Pyverilog's name of an operator -> what it does to integers."""

SHIFTS = ("Sll", "Srl", "Sla", "Sra")
REDUCTIONS = ("Uand", "Unand", "Uor", "Unor", "Uxor", "Uxnor", "Ulnot")
COMPARISONS = ("LessThan", "GreaterThan", "LessEq", "GreaterEq", "Eq", "NotEq", "Eql", "NotEql")
LOGICAL = ("Land", "Lor")
CASTS = ("signed", "unsigned")


def kind_of(node) -> str:
    """Pyverilog's name for the kind of a node: Plus, Identifier, Always, ..."""
    return type(node).__name__


def refuse(node, reason: str):
    """Raise BadInput for a node that cannot be read."""
    raise BadInput(f"line {node.lineno} of the Verilog: {reason}")


def indexed(select):
    """(start, width) of a slice written [start +: width] or [start -: width], None for [high:low].

    Pyverilog keeps the first as [start : start + width]. It then holds the very same node twice.
    """
    if kind_of(select.lsb) in ("Plus", "Minus") and select.lsb.left is select.msb:
        return select.msb, select.lsb.right
    return None


def _once(method: Callable) -> Callable:
    """Work out a method's answer to a node once in each scope: expressions in expressions ask for it again and again."""
    @wraps(method)
    def remembering(self, node):
        key = method.__name__, id(node)
        if key not in self.answers:
            self.answers[key] = method(self, node)
        return self.answers[key]

    return remembering


@dataclass
class Scope:
    """What names mean at one place: a number (parameter, loop counter) or the full name of a signal.

    ``widths``: full name of a signal -> bits; shared by all scopes. ``prefix`` stands before names declared here.
    """

    prefix: str
    widths: dict[str, int]
    names: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict, repr=False, compare=False)
    own: set = field(default_factory=set, repr=False, compare=False)
    """Names declared here and not further out."""

    def inside(self, label: str = "", names: dict | None = None) -> "Scope":
        """A scope within this one, its prefix lengthened by a label, with further names."""
        return Scope(self.prefix + label, self.widths, {**self.names, **(names or {})})

    def declare(self, node, meaning: int | str) -> None:
        """Give the name of a node its meaning. Raises BadInput when it has one in this scope."""
        if node.name in self.own:
            refuse(node, f"{node.name} is declared twice")
        self.own.add(node.name)
        self.names[node.name] = meaning

    def find(self, identifier):
        """What an identifier means. Raises BadInput for an unknown name, and for what is no name.

        A hierarchical name, such as row[i-1].sum, is looked for in this block of a generate and then in those around it.
        """
        if kind_of(identifier) != "Identifier":
            refuse(identifier, f"a {kind_of(identifier)} stands where a name is needed")
        if identifier.scope is None and identifier.name in self.names:
            return self.names[identifier.name]
        blocks = identifier.scope.labellist if identifier.scope is not None else ()
        path = "".join(f"{block.name}." if block.loop is None else f"{block.name}[{self.known(block.loop)}]."
                       for block in blocks)
        around = self.prefix
        while path:
            if around + path + identifier.name in self.widths:
                return around + path + identifier.name
            if not around:
                break
            around = around[:around[:-1].rfind(".") + 1]
        refuse(identifier, f"{path}{identifier.name} is not declared in this module")

    def known(self, node) -> int:
        """The value of a constant expression. Raises BadInput when it depends on a signal."""
        value = self.constant(node)
        if value is None:
            refuse(node, "a range, a parameter or the condition of a generate is no constant")
        return value

    @_once
    def constant(self, node) -> int | None:
        """The value of an expression, None when it depends on a signal.

        Raises BadInput where it has none: a division by zero, an unknown digit, more than MOST_BITS bits.
        """
        kind = kind_of(node)
        if kind == "IntConst":
            return _number(node)[0]
        if kind == "Identifier":
            meaning = self.find(node)
            return meaning if isinstance(meaning, int) else None
        if kind == "Cond":
            condition = self.constant(node.cond)
            return None if condition is None else self.constant(node.true_value if condition else node.false_value)
        if kind in ("Concat", "Repeat"):
            return self._joined(node)
        if kind in ("Pointer", "Partselect"):
            return self._part(node)
        if kind == "SystemCall":
            if node.syscall not in (*CASTS, "clog2") or len(node.args) != 1:
                refuse(node, f"${node.syscall} is not known to the dataflow walk")
            value = self.constant(node.args[0])
            return max(value - 1, 0).bit_length() if node.syscall == "clog2" and value is not None else value
        if kind not in _VALUES:
            return None
        operands = [self.constant(child) for child in node.children()]
        return None if None in operands else self._value(node, *operands)

    def _value(self, node, *operands: int) -> int:
        kind = kind_of(node)
        if kind in SHIFTS and operands[1] < 0:
            refuse(node, "a shift by a negative distance")
        if (kind in ("Sll", "Sla") and operands[1] > MOST_BITS
                or kind == "Power" and operands[0].bit_length() * abs(operands[1]) > MOST_BITS):
            refuse(node, f"a number of more than {MOST_BITS} bits")
        try:
            value = int(_VALUES[kind](*operands))
        except ZeroDivisionError:
            refuse(node, "a division by zero")
        if value.bit_length() > MOST_BITS:
            refuse(node, f"a number of more than {MOST_BITS} bits")
        return value

    def _joined(self, node) -> int | None:
        self.bits(node)  # no wider than can be
        if kind_of(node) == "Repeat":
            value, bits = self.constant(node.value), self.bits(node.value)
            return None if value is None else sum((value & (1 << bits) - 1) << i * bits for i in range(self.known(node.times)))
        total = 0
        for part in node.list:
            value, bits = self.constant(part), self.bits(part)
            if value is None:
                return None
            total = total << bits | value & (1 << bits) - 1
        return total

    def _part(self, node) -> int | None:
        """A bit or a slice of a constant."""
        value = self.constant(node.var)
        if kind_of(node) == "Pointer":
            low, bits = self.constant(node.ptr), 1
        else:
            start = indexed(node)
            low, bits = self.constant(start[0] if start else node.lsb), self.bits(node)
            if low is not None and start and kind_of(node.lsb) == "Minus":  # [start -: width] goes down from its start
                low -= bits - 1
        if low is not None and low < 0:
            refuse(node, "a place below the lowest bit")
        return None if value is None or low is None else value >> low & (1 << bits) - 1

    @_once
    def bits(self, node) -> int:
        """The width of an expression that stands alone.

        Raises BadInput when it is beyond MOST_BITS or below 1 (of a repetition, which may vanish in a concatenation, below 0).
        """
        bits = self._bits(node)
        if bits > MOST_BITS:
            refuse(node, f"more than {MOST_BITS} bits")
        if bits < (kind_of(node) != "Repeat"):
            refuse(node, f"a width of {bits} bits")
        return bits

    def _bits(self, node) -> int:
        kind = kind_of(node)
        if kind == "Identifier":
            meaning = self.find(node)
            return _needed(meaning) if isinstance(meaning, int) else self.widths[meaning]
        if kind == "IntConst":
            value, size = _number(node)
            return size or _needed(value)
        if kind in (*REDUCTIONS, *COMPARISONS, *LOGICAL, "Pointer"):
            return 1
        if kind == "Partselect":
            start = indexed(node)
            return self.known(start[1]) if start else abs(self.known(node.msb) - self.known(node.lsb)) + 1
        if kind == "Concat" or kind == "LConcat":
            return sum(self.bits(part) for part in node.list)
        if kind == "Repeat":
            return self.known(node.times) * self.bits(node.value)
        if kind == "Cond":
            return max(self.bits(node.true_value), self.bits(node.false_value))
        if kind == "SystemCall" and node.syscall in CASTS:
            return self.bits(node.args[0])
        value = self.constant(node)
        if value is not None:
            return _needed(value)
        if kind in (*SHIFTS, "Power"):
            return self.bits(node.left)
        if kind in _VALUES or kind == "Xnor":
            return max(self.bits(child) for child in node.children())
        refuse(node, f"{kind} is not known to the dataflow walk")

    def significant(self, node, signed: bool = False) -> int:
        """The width of an operand without the zeros or the copies of its sign that extend it: synthesis keeps no others."""
        if kind_of(node) == "SystemCall" and node.syscall in CASTS:
            return self.significant(node.args[0], signed=node.syscall == "signed")
        if kind_of(node) != "Concat" or len(node.list) != 2:
            return self.bits(node)
        above, number = node.list
        filled = above.value if kind_of(above) == "Repeat" else above
        if kind_of(filled) == "Concat" and len(filled.list) == 1:
            filled = filled.list[0]
        if kind_of(filled) == "Cond" and (condition := self.constant(filled.cond)) is not None:
            filled = filled.true_value if condition else filled.false_value
        if self.constant(filled) == 0:
            return self.bits(number) + signed
        top = kind_of(filled) == "Pointer" and filled.var == number and self.constant(filled.ptr) == self.bits(number) - 1
        return self.bits(number) if signed and top else self.bits(node)


def _needed(value: int) -> int:
    """Bits of an unsized constant: at least one, and a sign for negative ones."""
    return max(1, value.bit_length()) if value >= 0 else (-value - 1).bit_length() + 1


def _number(node) -> tuple[int, int]:
    """Value and size (0 when unsized) of a constant such as 12, 4'b10z1 (unknown bits read as zero) or 8'hff.

    Raises BadInput for one that is no number, such as 8'dx.
    """
    text = node.value.replace("_", "").lower()
    size, quote, digits = text.rpartition("'")
    base = {"b": 2, "o": 8, "d": 10, "h": 16}[digits.removeprefix("s")[0]] if quote else 10
    digits = digits.removeprefix("s")[1:] if quote else text
    if base != 10:
        digits = "".join("0" if digit in "xz?" else digit for digit in digits)
    try:
        value, size = int(digits, base), int(size or 0)
    except ValueError:  # unknown digits, or more than Python reads
        refuse(node, f"{node.value[:20]} is no number")
    if value.bit_length() > MOST_BITS:
        refuse(node, f"a number of more than {MOST_BITS} bits")
    return value, size
