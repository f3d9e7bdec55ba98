"""Evaluates a mapped netlist bit by bit, for many inputs at once.

A *plane* is one wire's value in every test case: a Python int whose bit t is the wire's value in case t. One bitwise
operation on planes of 65,536 bits then simulates 65,536 cases. Cells behave as in Xilinx's library guide (UG974).
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from repro.errors import BadInput

_OUTPUTS = {"CARRY4": ("O", "CO"), "FDRE": ("Q",), "FDSE": ("Q",), **dict.fromkeys(
    ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV", "MUXF7", "MUXF8", "MUXF9"), ("O",))}
_REGISTERS = ("FDRE", "FDSE")
_INPUTS = {"CARRY4": {"CI": 1, "CYINIT": 1, "DI": 4, "S": 4}, "INV": {"I": 1},
           "FDRE": dict.fromkeys(("C", "CE", "D", "R"), 1), "FDSE": dict.fromkeys(("C", "CE", "D", "S"), 1),
           **{f"LUT{n}": {f"I{i}": 1 for i in range(n)} for n in range(1, 7)},
           **dict.fromkeys(("MUXF7", "MUXF8", "MUXF9"), {"I0": 1, "I1": 1, "S": 1})}
"""Kind of cell -> how many wires each of its inputs has. An output has one, those of CARRY4 four."""


@dataclass(frozen=True)
class Cell:
    """One cell: its library name, its parameters (name -> bit string or int) and pins (name -> wires, LSB first)."""

    kind: str
    parameters: dict
    pins: dict[str, tuple]

    @property
    def outputs(self) -> tuple:
        """Wires that the cell drives."""
        return tuple(wire for pin in _OUTPUTS[self.kind] for wire in self.pins.get(pin, ()))

    @property
    def inputs(self) -> tuple:
        """Wires that the cell reads."""
        return tuple(wire for pin, wires in self.pins.items() if pin not in _OUTPUTS[self.kind] for wire in wires)


@dataclass(frozen=True)
class Netlist:
    """A mapped module. A wire is an int, or one of the strings "0" and "1" for a constant."""

    name: str
    ports: dict[str, tuple]
    """Port name -> wires, least significant first."""
    cells: tuple[Cell, ...]

    @classmethod
    def from_json(cls, name: str, module: dict) -> "Netlist":
        """From one entry of `modules` in the file that Yosys' write_json makes.

        Raises BadInput for a cell that this module cannot evaluate, naming it, for a wire that two cells drive, and for what
        is not as Yosys writes it.
        """
        try:
            cells = tuple(_cell(f"{name}: cell {instance}", cell) for instance, cell in module["cells"].items()
                          if cell["type"] != "$scopeinfo")  # a note on where cells came from, not a cell
            ports = {port: _wires(entry["bits"]) for port, entry in module["ports"].items()}
        except (LookupError, TypeError, AttributeError):
            raise BadInput(f"{name}: {_NO_NETLIST}") from None
        driven = Counter(wire for cell in cells for wire in cell.outputs)
        if doubled := [wire for wire, times in driven.items() if times > 1]:
            raise BadInput(f"{name}: several cells drive wire {doubled[0]}; {_NO_NETLIST}")
        return cls(name, ports, cells)

    @property
    def registers(self) -> tuple[Cell, ...]:
        """The flip-flops."""
        return tuple(cell for cell in self.cells if cell.kind in _REGISTERS)

    @cached_property
    def order(self) -> tuple[Cell, ...]:
        """The cells without a clock, each after those whose outputs it reads; worked out once.

        Raises BadInput when the logic has a loop.
        """
        driver = {wire: cell for cell in self.cells if cell.kind not in _REGISTERS for wire in cell.outputs}
        graph = {id(cell): {id(driver[w]) for w in cell.inputs if w in driver and driver[w] is not cell}
                 for cell in driver.values()}
        by_id = {id(cell): cell for cell in driver.values()}
        try:
            return tuple(by_id[key] for key in TopologicalSorter(graph).static_order())
        except CycleError:
            raise BadInput(f"{self.name}: its logic has a combinational loop") from None

    @cached_property
    def depth(self) -> int:
        """LUTs on the longest path from a port or register to a port or register; steps of a carry chain are not counted.

        Raises BadInput when the logic has a loop.
        """
        levels: dict = {}
        for cell in self.order:
            level = max((levels.get(wire, 0) for wire in cell.inputs), default=0) + cell.kind.startswith(("LUT", "INV"))
            levels.update(dict.fromkeys(cell.outputs, level))
        return max(levels.values(), default=0)

    def next_state(self, cases: int, values: dict) -> dict:
        """One clock edge: wire -> plane for the Q wire of every flip-flop after it.

        ``cases`` is the number of test cases; ``values`` maps every input wire and every Q wire to its plane before
        the edge. Raises BadInput when a wire has no value or the logic has a loop.
        """
        planes, ones = self._settle(cases, values), (1 << cases) - 1
        return {cell.pins["Q"][0]: _register(cell, planes, ones) for cell in self.registers}

    def outputs(self, cases: int, values: dict) -> dict[str, list[int]]:
        """Port name -> its planes, least significant first, with these values at the inputs and registers.

        Arguments and errors as for :meth:`next_state`.
        """
        planes = self._settle(cases, values)
        return {port: [planes[wire] for wire in wires] for port, wires in self.ports.items()}

    def _settle(self, cases: int, values: dict) -> dict:
        """Every wire's plane once the logic has settled."""
        ones = (1 << cases) - 1
        planes = {**values, "0": 0, "1": ones}
        try:
            for cell in self.order:
                planes.update(_evaluate(cell, planes, ones))
            for cell in self.registers:
                planes[cell.pins["D"][0]], planes[cell.pins["Q"][0]]
        except KeyError as missing:
            raise BadInput(f"{self.name}: wire {missing} has no value: give one for every input and register") from None
        return planes


_NO_NETLIST = "this is no netlist as Yosys' write_json makes them: map the design with hw.synth"


def _cell(label: str, cell: dict) -> Cell:
    """One cell of Yosys' JSON, checked; `label` names it in errors."""
    kind, parameters = cell["type"], cell.get("parameters", {})
    if kind not in _OUTPUTS:
        raise BadInput(f"{label} is a {kind}, which the evaluator does not know: map the design with hw.synth")
    if inverted := [key for key, value in parameters.items() if key.startswith("IS_") and "1" in str(value)]:
        raise BadInput(f"{label} sets {inverted[0]}, which the evaluator does not know: map the design with hw.synth")
    found = Cell(kind, parameters, {pin: _wires(wires) for pin, wires in cell["connections"].items()})
    inputs, outputs = _INPUTS[kind], dict.fromkeys(_OUTPUTS[kind], 4 if kind == "CARRY4" else 1)
    widths = {pin: len(wires) for pin, wires in found.pins.items()}
    if not inputs.items() <= widths.items() <= {**inputs, **outputs}.items() or not set(outputs) & set(widths):
        raise BadInput(f"{label} has not the pins of a {kind}; {_NO_NETLIST}")
    if any(isinstance(wire, str) for wire in found.outputs):
        raise BadInput(f"{label} drives a constant; {_NO_NETLIST}")
    if kind == "CARRY4" and "0" not in (*found.pins["CI"], *found.pins["CYINIT"]):
        raise BadInput(f"{label} has two carries in; {_NO_NETLIST}")
    if kind.startswith("LUT") and not re.fullmatch(f"[01]{{{2**len(inputs)}}}", str(parameters.get("INIT"))):
        raise BadInput(f"{label} has no table of {2**len(inputs)} bits in INIT; {_NO_NETLIST}")
    return found


def _wires(bits: list) -> tuple:
    """The wires of a pin or port. Raises TypeError unless each is a number or a constant: "0", "1", "x" or "z"."""
    if not isinstance(bits, list) or not all(type(bit) is int or bit in ("0", "1", "x", "z") for bit in bits):
        raise TypeError(bits)
    return tuple(bits)


def _evaluate(cell: Cell, planes: dict, ones: int) -> dict:
    """Wire -> plane for the outputs of one combinational cell."""
    pin = {name: [planes[w] for w in wires] for name, wires in cell.pins.items() if name not in _OUTPUTS[cell.kind]}
    if cell.kind == "CARRY4":
        return _carry4(cell, pin, ones)
    if cell.kind == "INV":
        value = pin["I"][0] ^ ones
    elif cell.kind.startswith("MUXF"):
        value = _mux(pin["S"][0], pin["I0"][0], pin["I1"][0])
    else:
        inputs = [pin[f"I{i}"][0] for i in range(int(cell.kind[3:]))]
        value = _lut(int(cell.parameters["INIT"], 2), inputs, ones)
    return {cell.pins["O"][0]: value}


def _mux(select: int, low: int, high: int) -> int:
    return low ^ (select & (low ^ high))


def _lut(table: int, inputs: list[int], ones: int) -> int:
    """Bit i of the table is the output when the inputs read i: halve the table on the last input, and again."""
    if not inputs:
        return ones if table else 0
    half = 1 << (len(inputs) - 1)
    low, high = table & ((1 << half) - 1), table >> half
    rest = inputs[:-1]
    if low == high:
        return _lut(low, rest, ones)
    return _mux(inputs[-1], _lut(low, rest, ones), _lut(high, rest, ones))


def _carry4(cell: Cell, pin: dict, ones: int) -> dict:
    """Four bits of carry chain: O = S ^ carry in; carry out = S ? carry in : DI."""
    carry = pin["CI"][0] | pin["CYINIT"][0]  # one of the two is tied to 0
    result = {}
    for i, (select, data) in enumerate(zip(pin["S"], pin["DI"])):
        outputs = {"O": select ^ carry}
        carry = outputs["CO"] = _mux(select, data, carry)
        result |= {cell.pins[name][i]: plane for name, plane in outputs.items() if name in cell.pins}
    return result


def _register(cell: Cell, planes: dict, ones: int) -> int:
    """The flip-flop's value after a clock edge; R (or S in an FDSE) is the synchronous reset (set), CE the enable."""
    enable, data, old = (planes[cell.pins[name][0]] for name in ("CE", "D", "Q"))
    value = _mux(enable, old, data)
    if cell.kind == "FDSE":
        return value | planes[cell.pins["S"][0]]
    return value & ~planes[cell.pins["R"][0]] & ones
