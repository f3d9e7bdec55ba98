"""Reads the text that Vivado's report_utilization writes, for 7-series, UltraScale(+) and Versal devices.

The layout is documented in AMD's UG906 (Report Utilization): a header of "| Name : value" lines, then tables of
"| Site Type | Used | ..." and, last, a table of primitives, "| Ref Name | Used | Functional Category |".
hw/vivado/utilisation.tcl makes such a report.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from repro.errors import BadInput

_LUTS = ("CLB LUTs", "Slice LUTs")
_REGISTERS = ("CLB Registers", "Slice Registers", "Registers")
_DSPS = ("DSPs", "DSP Slices")
_CARRIES = ("CARRY4", "CARRY8", "LOOKAHEAD8")
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
    """LUT1 to LUT6 and INV in the table of primitives: what hw.synth counts."""
    ff: int
    carry_cell: str
    """CARRY4, CARRY8 or LOOKAHEAD8; empty when there is none."""
    carry: int
    dsp: int


def read(path: Path) -> Utilisation:
    """Parse the report in a file. Raises BadInput when the file cannot be read or is no such report."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as a utilisation report ({getattr(error, 'strerror', None) or 'not text'}): "
                       f"{_REMEDY}") from None
    return parse(text, str(path))


def parse(text: str, name: str = "the text") -> Utilisation:
    """Parse a report. Raises BadInput, calling it ``name`` and saying what it lacks, when it is no such report."""
    header = dict(re.findall(r"^\| *(Tool Version|Design|Device|Design State) *: *(.*?) *\|? *$", text, re.MULTILINE))
    sites, primitives = _counts(text)
    cells = [_first(sites, names) for names in (_LUTS, _REGISTERS)]
    missing = [what for what in ("Design", "Device", "Design State") if what not in header]
    missing += [names[0] for names, count in zip((_LUTS, _REGISTERS), cells) if count is None]
    missing += [] if primitives else ["the table of primitives"]
    if missing:
        raise BadInput(f"{name} is no report of Vivado's report_utilization: it lacks {missing[0]}; {_REMEDY}")
    carry = next((cell for cell in _CARRIES if primitives.get(cell)), "")
    return Utilisation(
        design=header["Design"], device=header["Device"], state=header["Design State"],
        tool=" ".join(header.get("Tool Version", "").split()[:2]), lut=cells[0], ff=cells[1],
        lut_cells=sum(primitives.get(cell, 0) for cell in (*(f"LUT{n}" for n in range(1, 7)), "INV")),
        carry_cell=carry, carry=primitives.get(carry, 0), dsp=_first(sites, _DSPS) or 0)


def _counts(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """Site type -> used, and primitive -> used; a name's first line counts."""
    sites, primitives, table = {}, {}, {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[:2] == ["Site Type", "Used"]:
            table = sites
        elif cells[:2] == ["Ref Name", "Used"]:
            table = primitives
        elif len(cells) >= 3 and re.fullmatch(r"\d+", cells[1]):
            table.setdefault(cells[0].rstrip("*"), int(cells[1]))
        elif not line.startswith(("+", "|")):
            table = {}  # between two tables
    return sites, primitives


def _first(counts: dict[str, int], names: tuple[str, ...]) -> int | None:
    """The count under the first of these names that the table has."""
    return next((counts[name] for name in names if name in counts), None)
