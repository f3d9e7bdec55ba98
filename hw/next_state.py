"""Writes a mapped netlist as Verilog without a clock: its next-state function, for proofs over every register value.

The register is cut: what it holds comes in at the port ``acc``, what it will hold goes out at ``next``. Then nothing is
left but logic, and a solver may choose the accumulator as freely as the operands.
"""

from hw.netlist import Cell, Netlist
from repro.errors import BadInput


def next_state_verilog(netlist: Netlist, name: str, probes: list[str] = ()) -> str:
    """Verilog-2001 of the module ``name``: inputs clear, a, b and acc, output next.

    ``probes``: Verilog expressions in the netlist's wires (:func:`wire`); with any, an output ``probe`` has a bit for each.

    Raises BadInput when the netlist has registers beside acc, or a register that is not a plain one with a reset.
    """
    after = {cell.pins["Q"][0]: _after(netlist, cell) for cell in netlist.registers}
    if after.keys() != set(netlist.ports["acc"]):
        raise BadInput(f"{netlist.name}: its flip-flops are not exactly the bits of acc: build the MAC without a pipeline")
    inputs = ("clear", "a", "b", "acc")
    ports = [f"input [{len(netlist.ports[port]) - 1}:0] {port}" for port in inputs]
    outputs = [f"output [{len(after) - 1}:0] next"] + [f"output [{len(probes) - 1}:0] probe"] * bool(probes)
    lines = [f"module {name} ({', '.join(ports + outputs)});"]
    driven = {number for cell in netlist.order for number in cell.outputs}
    driven.update(number for port in inputs for number in netlist.ports[port])
    lines += [f"wire {wire(number)};" for number in sorted(driven)]
    lines += [f"assign {wire(number)} = {port}[{i}];" for port in inputs for i, number in enumerate(netlist.ports[port])]
    lines += [line for cell in netlist.order for line in _logic(cell)]
    lines += [f"assign next[{i}] = {after[number]};" for i, number in enumerate(netlist.ports["acc"])]
    lines += [f"assign probe[{i}] = {expression};" for i, expression in enumerate(probes)]
    return "\n".join([*lines, "endmodule", ""])


def wire(number) -> str:
    """The Verilog expression for a wire of a netlist."""
    return f"w{number}" if isinstance(number, int) else f"1'b{number}"


def _after(netlist: Netlist, cell: Cell) -> str:
    if cell.kind != "FDRE" or cell.pins["CE"] != ("1",):
        raise BadInput(f"{netlist.name}: a flip-flop is a {cell.kind} with an enable: only plain FDREs can be cut")
    return f"{wire(cell.pins['D'][0])} & ~{wire(cell.pins['R'][0])}"


def _logic(cell: Cell) -> list[str]:
    """Statements for one combinational cell."""
    pin = {name: [wire(number) for number in numbers] for name, numbers in cell.pins.items()}
    if cell.kind == "CARRY4":
        lines, carry = [], f"({pin['CI'][0]} | {pin['CYINIT'][0]})"  # one of the two is tied to 0
        for i, (select, data) in enumerate(zip(pin["S"], pin["DI"])):
            out = f"{select} ? {carry} : {data}"
            lines += [f"assign {pin['O'][i]} = {select} ^ {carry};"] * ("O" in pin)
            lines += [f"assign {pin['CO'][i]} = {out};"] * ("CO" in pin)
            carry = pin["CO"][i] if "CO" in pin else f"({out})"
        return lines
    if cell.kind == "INV":
        return [f"assign {pin['O'][0]} = ~{pin['I'][0]};"]
    if cell.kind.startswith("MUXF"):
        return [f"assign {pin['O'][0]} = {pin['S'][0]} ? {pin['I1'][0]} : {pin['I0'][0]};"]
    inputs = [pin[f"I{i}"][0] for i in range(int(cell.kind[3:]))]
    return [f"assign {pin['O'][0]} = {_lut(int(cell.parameters['INIT'], 2), inputs)};"]


def _lut(table: int, inputs: list[str]) -> str:
    """Bit i of the table is the output when the inputs read i: choose by the last input, and so on."""
    if table in (0, (1 << (1 << len(inputs))) - 1):
        return f"1'b{table & 1}"
    half = 1 << (len(inputs) - 1)
    low, high = (_lut(part, inputs[:-1]) for part in (table & ((1 << half) - 1), table >> half))
    return low if low == high else f"({inputs[-1]} ? {high} : {low})"
