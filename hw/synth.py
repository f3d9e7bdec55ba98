"""Synthesis to 6-input LUTs with Yosys: many MACs in one run, counts and netlist from the same mapped design.

Counts are what Yosys maps, before place and route: LUT1 to LUT6 and INV each count as one LUT, though a slice can
pack two small ones into one site. They compare formats with each other under one mapping, not with Vivado's reports.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hw.generate import Mac, rtl
from hw.netlist import Netlist
from repro import paths
from repro.errors import BadInput

YOSYS_DEFAULT = "yosys-default"
"""Yosys chooses how to multiply."""
CARRY_ROWS = "carry-rows"
"""hw/techmap/carry_rows.v multiplies, on one carry chain per bit of b."""
MAPPINGS = (YOSYS_DEFAULT, CARRY_ROWS)

_FAMILY = "synth_xilinx -family xcup -nodsp -flatten -noiopad -noclkbuf -top bench"
_RUN = "from pyosys import libyosys; libyosys.run_pass('script run.ys')"
_LUTS = ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV")


@dataclass(frozen=True)
class Counts:
    """Cells of one mapped MAC."""

    luts_by_size: tuple[tuple[str, int], ...]
    """(cell name, how many) for LUT1 to LUT6 and INV."""
    ff: int
    carry4: int
    acc_bits: int

    @property
    def lut(self) -> int:
        """LUT1 to LUT6 and INV together."""
        return sum(number for _, number in self.luts_by_size)


@dataclass(frozen=True)
class Mapped:
    """One MAC after synthesis under one mapping."""

    mac: Mac
    mapping: str
    counts: Counts
    netlist: Netlist


def synthesise(jobs: list[tuple[Mac, str]]) -> list[Mapped]:
    """Map every (MAC, mapping name) in one Yosys run; results in the order of the jobs.

    Takes a few seconds and about one more per job. Works in a temporary folder and prints nothing. Raises BadInput for an unknown
    mapping, when pyosys is not installed, or when Yosys refuses the design (with its own error line).
    """
    for _, mapping in jobs:
        if mapping not in MAPPINGS:
            raise BadInput(f"unknown mapping {mapping!r}: use {' or '.join(MAPPINGS)}")
    names = [f"job{index}" for index in range(len(jobs))]
    design = [rtl(module) for module in sorted({mac.module for mac, _ in jobs})]
    design += [mac.top().replace(f"module {mac.name} ", f"module {name} ", 1) for name, (mac, _) in zip(names, jobs)]
    # (* keep *) on unconnected instances lets one top hold any number of MACs; keep_hierarchy keeps them apart.
    design += ["module bench;", *(f"(* keep *) {name} keep_{name} ();" for name in names), "endmodule"]
    by_rows = [name for name, (_, mapping) in zip(names, jobs) if mapping == CARRY_ROWS]
    modules = json.loads(_yosys("\n".join(design), _script(names, by_rows)))["modules"] if jobs else {}
    mapped = []
    for name, (mac, mapping) in zip(names, jobs):
        netlist = Netlist.from_json(name, modules[name])
        mapped.append(Mapped(mac, mapping, count(netlist), netlist))
    return mapped


def count(netlist: Netlist) -> Counts:
    """Counts of a mapped netlist with the ports of the MAC contract."""
    kinds = Counter(cell.kind for cell in netlist.cells)
    return Counts(luts_by_size=tuple((kind, kinds[kind]) for kind in _LUTS), ff=kinds["FDRE"] + kinds["FDSE"],
                  carry4=kinds["CARRY4"], acc_bits=len(netlist.ports["acc"]))


def _script(names: list[str], by_rows: list[str]) -> str:
    """The Yosys script: our mapping of $mul for the modules in by_rows, then the same flow for all."""
    lines = ["read_verilog macs.v", "hierarchy -check -top bench",
             "setattr -mod -set keep_hierarchy 1 " + " ".join(names), "proc", "flatten"]
    if by_rows:
        lines += ["select " + " ".join(by_rows), "opt -full", "wreduce", "techmap -map carry_rows.v", "select -clear"]
    return "\n".join([*lines, _FAMILY, "write_json mapped.json"])


def _yosys(design: str, script: str) -> str:
    """Run a script on a design (macs.v) and return what it wrote to mapped.json."""
    if find_spec("pyosys") is None:
        raise BadInput("synthesis needs Yosys and pyosys is not installed: pip install pyosys==0.70")
    with tempfile.TemporaryDirectory(prefix="synthesis-") as name:
        folder = Path(name)
        shutil.copy(paths.TECHMAP / "carry_rows.v", folder)
        (folder / "macs.v").write_text(design, encoding="utf-8")
        (folder / "run.ys").write_text(script, encoding="utf-8")
        # Yosys splits script lines at spaces and writes where it stands, so it stands in the folder and paths are
        # relative. A process of its own keeps its log off the reader's terminal and its crashes out of our process.
        done = subprocess.run([sys.executable, "-c", _RUN], cwd=folder, capture_output=True, text=True)
        mapped = folder / "mapped.json"
        if done.returncode or not mapped.exists():
            lines = (done.stdout + done.stderr).splitlines()
            reasons = [line.strip() for line in lines if "ERROR" in line] or lines[-1:] or ["no message"]
            raise BadInput(f"Yosys could not synthesise the design: {reasons[0]}")
        return mapped.read_text(encoding="utf-8")
