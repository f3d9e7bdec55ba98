"""Faults put into a mapped MAC on purpose: every bit of every LUT's table, flipped one at a time.

A good check catches a fault, or the fault is no fault: its entry of the table is one that no operands and no
accumulator ever read, or it is read but never changes a sum. That is proved, not sampled (hw.prove).
"""

from dataclasses import dataclass, field, replace

from hw.check import exhaustive
from hw.generate import Mac
from hw.netlist import Cell, Netlist
from hw.next_state import next_state_verilog, wire
from hw.prove import TIMEOUT, Goal, equivalent, never, prove
from repro.errors import BadInput


@dataclass(frozen=True)
class Fault:
    """Bit ``entry`` of the table of LUT ``netlist.cells[cell]`` is flipped."""

    cell: int
    entry: int

    def put(self, netlist: Netlist) -> Netlist:
        """The netlist with this fault."""
        cell = netlist.cells[self.cell]
        table = int(cell.parameters["INIT"], 2) ^ 1 << self.entry
        faulty = replace(cell, parameters=cell.parameters | {"INIT": format(table, f"0{2**_size(cell)}b")})
        return replace(netlist, cells=(*netlist.cells[:self.cell], faulty, *netlist.cells[self.cell + 1:]))


@dataclass(frozen=True)
class Faults:
    """What became of all single-bit faults of one netlist: every one stands in exactly one of the four lists."""

    caught: tuple[Fault, ...]
    """hw.check.exhaustive reports mismatches."""
    unreachable: tuple[Fault, ...]
    """Proved: the entry is never read."""
    harmless: tuple[Fault, ...]
    """Proved: the entry is read, but nothing that reaches the register depends on it."""
    left: tuple[Fault, ...]
    """Neither: the check has a gap, or the solver ran out of time."""

    @property
    def bits(self) -> int:
        """Faults put in."""
        return len(self.caught) + len(self.unreachable) + len(self.harmless) + len(self.left)


@dataclass(frozen=True)
class _Listener(Netlist):
    """A netlist that notes what it is asked, so that faulty ones can be asked the same."""

    asked: list = field(default_factory=list)

    def next_state(self, cases: int, values: dict) -> dict:
        self.asked.append((cases, values))
        return super().next_state(cases, values)


def flip_every_bit(netlist: Netlist, mac: Mac, timeout: int = TIMEOUT) -> Faults:
    """Flip each bit of each LUT of the netlist of ``mac``, and say which faults the exhaustive check catches.

    For the others, the solver decides for at most ``timeout`` seconds a question. Raises BadInput when the netlist is
    wrong before any fault, or has registers beside acc.
    """
    listener = _Listener(netlist.name, netlist.ports, netlist.cells)
    if exhaustive(listener, mac).mismatches or len(listener.asked) != 1:
        raise BadInput(f"{netlist.name}: faults are put into a right netlist without a pipeline")
    caught, read, unread = _run(netlist, *listener.asked[0])
    unreachable, reachable = _never_read(netlist, mac, unread, timeout)
    suspects = [*read, *reachable]
    proofs = prove([equivalent(netlist, fault.put(netlist), mac) for fault in suspects], timeout)
    harmless = tuple(fault for fault, proof in zip(suspects, proofs) if proof.proved)
    left = tuple(fault for fault, proof in zip(suspects, proofs) if not proof.proved)
    return Faults(tuple(caught), tuple(unreachable), harmless, left)


def _size(cell: Cell) -> int:
    return int(cell.kind[3:])


def _run(netlist: Netlist, cases: int, values: dict) -> tuple[list[Fault], list[Fault], list[Fault]]:
    """On these cases: faults that change the next state, faults whose entry is read without that, and faults never read."""
    good, planes = netlist.next_state(cases, values), _planes(netlist, cases, values)
    caught, read, unread = [], [], []
    for index, cell in enumerate(netlist.cells):
        if not cell.kind.startswith("LUT"):
            continue
        fan_out, output = _fan_out(netlist, cell), cell.pins["O"][0]
        for entry in range(2**_size(cell)):
            hit = _reads(cell, entry, planes)
            after = fan_out.next_state(cases, planes | {output: planes[output] ^ hit}) if hit else {}
            shown = any(plane != good[number] for number, plane in after.items())
            (caught if shown else read if hit else unread).append(Fault(index, entry))
    return caught, read, unread


def _planes(netlist: Netlist, cases: int, values: dict) -> dict:
    """Every wire's plane, once the logic has settled."""
    wires = tuple(number for cell in netlist.order for number in cell.outputs)
    settled = replace(netlist, ports={"all": wires}).outputs(cases, values)["all"]
    return {**values, **dict(zip(wires, settled)), "0": 0, "1": (1 << cases) - 1}


def _fan_out(netlist: Netlist, cell: Cell) -> Netlist:
    """The part of the netlist that depends on a cell, without the cell: only that changes when the cell is faulty."""
    reached, cells = set(cell.outputs), []
    for other in netlist.order:
        if other is not cell and not reached.isdisjoint(other.inputs):
            cells.append(other)
            reached.update(other.outputs)
    registers = [other for other in netlist.registers if not reached.isdisjoint(other.inputs)]
    return replace(netlist, cells=(*cells, *registers))


def _reads(cell: Cell, entry: int, planes: dict) -> int:
    """The plane of the cases in which a LUT reads this entry of its table."""
    hit = planes["1"]
    for i in range(_size(cell)):
        plane = planes[cell.pins[f"I{i}"][0]]
        hit &= plane if entry >> i & 1 else ~plane
    return hit


def _never_read(netlist: Netlist, mac: Mac, faults: list[Fault], timeout: int) -> tuple[list[Fault], list[Fault]]:
    """The faults whose entry is proved never to be read, and the rest.

    One question for all of them: is any of these entries ever read? Each counter-example strikes off those that it
    reads, until the answer is no.
    """
    rest: list[Fault] = []
    while faults:
        proof, = prove([_question(netlist, mac, faults)], timeout)
        if proof.proved:
            break
        if proof.counterexample is None:
            return [], [*rest, *faults]
        values = {number: proof.counterexample.get(port, 0) >> i & 1
                  for port in ("clear", "a", "b", "acc") for i, number in enumerate(netlist.ports[port])}
        planes = _planes(netlist, 1, values | {netlist.ports["clk"][0]: 0})
        read = [fault for fault in faults if _reads(netlist.cells[fault.cell], fault.entry, planes)]
        rest, faults = rest + read, [fault for fault in faults if fault not in read]
    return faults, rest


def _question(netlist: Netlist, mac: Mac, faults: list[Fault]) -> Goal:
    """`wrong` when any of the faulty entries is read."""
    probes = [" & ".join(("" if fault.entry >> i & 1 else "~") + wire(netlist.cells[fault.cell].pins[f"I{i}"][0])
                         for i in range(_size(netlist.cells[fault.cell]))) for fault in faults]
    return never(netlist, mac, probes)
