"""Reads the text that Vivado's report_utilization writes, for 7-series, UltraScale(+) and Versal devices.

The layout is documented in AMD's UG906 (Report Utilization): a header of "| Name : value" lines, then tables of
"| Site Type | Used | ..." and, last, a table of primitives, "| Ref Name | Used | Functional Category |".
hw/vivado/utilisation.tcl makes such a report.

A Versal LUT in a carry chain is a LUT6CY, and stands in the table of primitives as its two halves, LUTCY1 and LUTCY2
(UG904, LUT Combining in Advanced Flow; UG1344 for the cells).
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from repro.errors import BadInput

_LUTS = ("CLB LUTs", "Slice LUTs")
_REGISTERS = ("CLB Registers", "Slice Registers", "Registers")
_DSPS = ("DSPs", "DSP Slices")
_CARRIES = ("CARRY4", "CARRY8", "LOOKAHEAD8")
_LUT_CELLS = (*(f"LUT{n}" for n in range(1, 7)), "LUT6_2", "INV")
_LUT_CARRY = ("LUT6CY", "LUTCY1", "LUTCY2")
"""One cell and its halves: the largest of the three counts is how many cells there are, whichever of them a report names."""
_REMEDY = "make one with hw/vivado/utilisation.tcl"


@dataclass(frozen=True)
class Utilisation:
    """One design's cells as Vivado reports them."""

    design: str
    """Name of the top module."""
    device: str
    state: str
    """How far the flow went: "Synthesized", "Routed", ..."""
    tool: str
    lut: int
    """LUT sites: two small LUTs that share one site count once."""
    lut_cells: int
    """LUT1 to LUT6, INV, LUT6_2 and LUT6CY in the table of primitives: what hw.synth counts, and Versal's carry logic."""
    ff: int
    carry_cell: str
    """CARRY4, CARRY8 or LOOKAHEAD8; empty when there is none."""
    carry: int
    dsp: int


def read(path: Path) -> Utilisation:
    """Parse the report in a file: UTF-16 with its mark, as PowerShell writes, or anything that has ASCII in it.

    Raises BadInput when the file cannot be read or is not one such report.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read as a utilisation report ({error.strerror}): {_REMEDY}") from None
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    # Names of hosts and folders may be in any encoding; nothing of them is read here.
    return parse(raw.decode("utf-16" if wide else "utf-8-sig", errors="replace"), str(path))


def parse(text: str, name: str = "the text") -> Utilisation:
    """Parse a report. Raises BadInput, calling it ``name`` and saying what it lacks, when it is no such report.

    So does a text with more than one report, or with a LUT cell that is not known here: its counts would be those of neither
    design, or too small.
    """
    lines = [line.strip() for line in text.splitlines()]
    header = _header(lines, name)
    sites, primitives = _counts(lines, name)
    cells = [_first(sites, names) for names in (_LUTS, _REGISTERS)]
    missing = [what for what in ("Design", "Device", "Design State") if what not in header]
    missing += [names[0] for names, count in zip((_LUTS, _REGISTERS), cells) if count is None]
    missing += [] if primitives else ["the table of primitives"]
    if missing:
        raise BadInput(f"{name} is no report of Vivado's report_utilization: it lacks {missing[0]}; {_REMEDY}")
    if unknown := [cell for cell in primitives if cell.startswith("LUT") and cell not in (*_LUT_CELLS, *_LUT_CARRY)]:
        raise BadInput(f"{name}: its cells {unknown[0]} are not known here, so its LUTs cannot be counted: "
                       "say in hw/vivado.py what they are")
    dsp = _first(sites, _DSPS)
    if dsp is None:  # some families name the sites after the cell
        dsp = sum(count for cell, count in primitives.items() if re.fullmatch(r"DSP[0-9]+\w*", cell))
    carry = next((cell for cell in _CARRIES if primitives.get(cell)), "")
    return Utilisation(
        design=header["Design"], device=header["Device"], state=header["Design State"],
        tool=" ".join(header.get("Tool Version", "").split()[:2]), lut=cells[0], ff=cells[1],
        lut_cells=sum(primitives.get(cell, 0) for cell in _LUT_CELLS) + max(primitives.get(cell, 0) for cell in _LUT_CARRY),
        carry_cell=carry, carry=primitives.get(carry, 0), dsp=dsp)


def _header(lines: list[str], name: str) -> dict[str, str]:
    """The values that are read of the header. Raises BadInput when one stands there twice: each report begins with one."""
    header = {}
    for line in lines:
        if match := re.fullmatch(r"\| *(Tool Version|Design|Device|Design State) *: *(.*?) *\|?", line):
            if match[1] in header:
                raise BadInput(_several(name))
            header[match[1]] = match[2]
    return header


def _counts(lines: list[str], name: str) -> tuple[dict[str, int], dict[str, int]]:
    """Site type -> used, and primitive -> used. A site type's first line counts: one report has several tables of them.

    Raises BadInput when there are two tables of primitives.
    """
    sites, primitives, table = {}, {}, {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[:2] == ["Site Type", "Used"]:
            table = sites
        elif cells[:3] == ["Ref Name", "Used", "Functional Category"]:
            if primitives:
                raise BadInput(_several(name))
            table = primitives
        elif len(cells) >= 3 and re.fullmatch(r"[0-9]{1,9}", cells[1]):
            table.setdefault(cells[0].rstrip("*"), int(cells[1]))
        elif not line.startswith(("+", "|")):
            table = {}  # between two tables
    return sites, primitives


def _several(name: str) -> str:
    return f"{name} holds more than one report: give each in a file of its own (report_utilization without -append)"


def _first(counts: dict[str, int], names: tuple[str, ...]) -> int | None:
    """The count under the first of these names that the table has."""
    return next((counts[name] for name in names if name in counts), None)
