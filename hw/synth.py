"""Synthesis to 6-input LUTs with Yosys: many designs in one run, counts and netlist from the same mapped design.

Counts are what Yosys maps, before place and route: LUT1 to LUT6 and INV each count as one LUT, though a slice can
pack two small ones into one site. They compare formats with each other under one mapping, not with Vivado's reports.

A *design* is a frozen object with ``name``, ``modules`` (files of hw/rtl that it needs) and ``top(name)`` (Verilog of
its top module): `hw.generate.Mac` and its like.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from hw import yosys
from hw.generate import rtl
from hw.netlist import Netlist
from repro import paths
from repro.errors import BadInput

YOSYS_DEFAULT = "yosys-default"
"""`synth_xilinx` as it comes, without DSP blocks: Yosys chooses how to multiply, and its mapper weighs a LUT by its size."""
CARRY_ROWS = "carry-rows"
"""The same, but hw/techmap/carry_rows.v multiplies, on one carry chain per bit of b."""
UNIT_COST = "unit-cost"
"""The same as the default, but the mapper counts what we count, one for each LUT whatever its size; it ignores delay and
does not restructure the logic first, since our RTL is written in LUTs already."""
MAPPINGS = (YOSYS_DEFAULT, CARRY_ROWS, UNIT_COST)
DSP_ALLOWED = "dsp-allowed"
"""The default with DSP blocks. Their netlists are counted but not evaluated."""

_MOST = 48
_LUTS = ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV")
_UNIT_COST = (
    "setattr -mod -set abc9_lut 1 =LUT1 =LUT2 =LUT3 =LUT4 =LUT5 =LUT6",
    "setattr -mod -set abc9_lut 2 =$__ABC9_LUT7",  # two LUT6 and a MUXF7
    "setattr -mod -set abc9_lut 4 =$__ABC9_LUT8",
    "scratchpad -set abc9.D 1000000",               # a target of a microsecond: every path has time
    'scratchpad -set abc9.script "+&if {W} {D}; &mfs"',
)


class Design(Protocol):
    """What can be synthesised."""

    name: str
    modules: tuple[str, ...]

    def top(self, name: str | None = None) -> str: ...


@dataclass(frozen=True)
class Counts:
    """Cells of one mapped design."""

    luts_by_size: tuple[tuple[str, int], ...]
    """(cell name, how many) for LUT1 to LUT6 and INV."""
    ff: int
    carry4: int
    acc_bits: int
    """Bits of the port acc."""
    dsp: int = 0
    depth: int = 0
    """LUTs on the longest path between registers or ports; the steps of a carry chain are not counted. 0 with DSP blocks."""

    @property
    def lut(self) -> int:
        """LUT1 to LUT6 and INV together."""
        return sum(number for _, number in self.luts_by_size)


@dataclass(frozen=True)
class Mapped:
    """One design after synthesis under one mapping."""

    design: Design
    mapping: str
    counts: Counts
    netlist: Netlist | None
    """None under dsp-allowed."""


def synthesise(jobs: list[tuple[Design, str]]) -> list[Mapped]:
    """Map every (design, mapping name), many in one Yosys run; results in the order of the jobs.

    Takes a few seconds and about half a second per job. Works in a temporary folder and prints nothing. Raises BadInput
    for an unknown mapping, when pyosys is not installed, or when Yosys refuses a design (with its own error line).
    """
    for _, mapping in jobs:
        if mapping not in (*MAPPINGS, DSP_ALLOWED):
            raise BadInput(f"unknown mapping {mapping!r}: use {', '.join(MAPPINGS)} or {DSP_ALLOWED}")
    results: dict[int, Mapped] = {}
    for mapping in dict.fromkeys(mapping for _, mapping in jobs):
        chosen = [index for index, job in enumerate(jobs) if job[1] == mapping]
        for index, module in zip(chosen, _modules([jobs[index][0] for index in chosen], mapping)):
            netlist = None if mapping == DSP_ALLOWED else Netlist.from_json(jobs[index][0].name, module)
            counts = count(netlist) if netlist else _count([cell["type"] for cell in module["cells"].values()], module["ports"])
            results[index] = Mapped(jobs[index][0], mapping, counts, netlist)
    return [results[index] for index in range(len(jobs))]


def count(netlist: Netlist) -> Counts:
    """Counts of a mapped netlist with a port acc."""
    return _count([cell.kind for cell in netlist.cells], netlist.ports, netlist.depth)


def _count(cells: list[str], ports: dict, depth: int = 0) -> Counts:
    kinds, acc = Counter(cells), ports["acc"]
    return Counts(luts_by_size=tuple((kind, kinds[kind]) for kind in _LUTS), ff=kinds["FDRE"] + kinds["FDSE"],
                  carry4=kinds["CARRY4"], acc_bits=len(acc["bits"] if isinstance(acc, dict) else acc),
                  dsp=kinds["DSP48E2"], depth=depth)


def mapping_script(top: str, file: str) -> str:
    """A Yosys script that maps the module ``top`` of a Verilog file at unit cost, line by line as :func:`synthesise` does.

    To be run in the folder of the file; its last lines count as :class:`Counts` does. ``file`` is a name without quotation
    marks, backslashes or control characters.
    """
    counted = {"LUT1 to LUT6 and INV": ("t:LUT?", "t:INV"), "flip-flops": ("t:FDRE", "t:FDSE"), "CARRY4": ("t:CARRY4",)}
    return "\n".join([
        f"# Maps {top} to LUTs of up to six inputs, each of which weighs one. Run this with Yosys in the folder of {file}.",
        *_elaborated(f'"{file}"', top), *_mapped(UNIT_COST, top),
        *(line for what, kinds in counted.items() for line in (f"log {what}:", f"select -count {' '.join(kinds)}")), ""])


def _elaborated(file: str, top: str, *modules: str) -> list[str]:
    """Lines of a script: one flat module of Yosys' own cells, after the commands ``modules`` on what was read."""
    return [f"read_verilog {file}", f"hierarchy -check -top {top}", *modules, "proc", "flatten"]


def _mapped(mapping: str, top: str) -> list[str]:
    """Lines of a script: from there to LUTs."""
    flow = f"synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top {top}" + " -nodsp" * (mapping != DSP_ALLOWED)
    return [f"{flow} -run begin:map_luts", *_UNIT_COST, f"{flow} -run map_luts:"] if mapping == UNIT_COST else [flow]


def _modules(designs: list[Design], mapping: str) -> list[dict]:
    """The mapped modules of all designs. Some of Yosys' passes look at every pair of modules, so a run has not too many."""
    return [module for start in range(0, len(designs), _MOST) for module in _map(designs[start:start + _MOST], mapping)]


def _map(designs: list[Design], mapping: str) -> list[dict]:
    """One Yosys run: the mapped modules, as write_json writes them, in the order of the designs."""
    names = [f"job{index}" for index in range(len(designs))]
    verilog = [rtl(module) for module in dict.fromkeys(module for design in designs for module in design.modules)]
    verilog += [design.top(name) for name, design in zip(names, designs)]
    # (* keep *) on unconnected instances lets one top hold any number of designs; keep_hierarchy keeps them apart.
    verilog += ["module bench;", *(f"(* keep *) {name} keep_{name} ();" for name in names), "endmodule"]
    script = _elaborated("designs.v", "bench", "setattr -mod -set keep_hierarchy 1 " + " ".join(names))
    files = {"designs.v": "\n".join(verilog)}
    if mapping == CARRY_ROWS:
        files["carry_rows.v"] = (paths.TECHMAP / "carry_rows.v").read_text(encoding="utf-8")
        script += ["select " + " ".join(names), "opt -full", "wreduce", "techmap -map carry_rows.v", "select -clear"]
    mapped = yosys.run([*script, *_mapped(mapping, "bench"), "write_json mapped.json"], files, "mapped.json")
    modules = json.loads(mapped)["modules"]
    return [modules[name] for name in names]
