"""Vivado's counts beside ours: readers who have Vivado add a row per report; nobody else needs anything.

No row here is computed by this package, so this is no experiment with a grid: rows come from reports, are kept in a
results folder as vivado.csv, and say which device, state and tool they are from.
"""

import re
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from hw.generate import ARCHITECTURES, PLAIN, TUNED, Mac
from hw.variants import VARIANTS
from hw.vivado import read
from repro import csvfile, paths
from repro.atomic import alone_with, replacing
from repro.errors import BadInput
from repro.exhibits import Table, exhibit
from repro.formats import parse

_MAC = ["a", "b", "k", "acc_bits"]
KEYS = [*_MAC, "rtl", "device", "state", "tool"]
"""`rtl`: the architecture of the Verilog, "tuned" or "plain", then "piped" and "saturating" where it is so."""
COLUMNS = [*KEYS, "lut", "lut_cells", "ff", "carry_cell", "carry", "dsp"]
_NUMBERS = ["k", "acc_bits", "lut", "lut_cells", "ff", "carry", "dsp"]
_DESIGN = re.compile(r"mac_([A-Za-z0-9]+)_([A-Za-z0-9]+)_k([0-9]{1,18})_p([0-9]{1,18})(_plain)?(_piped)?(_saturating)?")


def add(report: Path, folder: Path = paths.LIVE) -> dict:
    """Put the row of one utilisation report into ``folder``/vivado.csv, in place of an older one of the same key.

    The report's top module says which MAC it is. Returns the row. Raises BadInput when the file is no utilisation report,
    when its design is none of this package's MACs, or when it used DSPs, which our counts never do.
    """
    found = read(report)
    mac, options = _mac(found.design, report)
    if found.dsp:
        raise BadInput(f"{report}: the design uses {found.dsp} DSPs: synthesise it with hw/vivado/utilisation.tcl, "
                       "which allows none")
    counts = asdict(found)
    row = {"a": mac.a.name, "b": mac.b.name, "k": mac.k, "acc_bits": mac.acc_bits, "rtl": options,
           **{key: counts[key] for key in COLUMNS if key in counts}}
    file = Path(folder) / "vivado.csv"
    with alone_with(file):
        rows = pd.concat([load(folder), pd.DataFrame([row])], ignore_index=True)
        rows = rows.drop_duplicates(KEYS, keep="last").sort_values(KEYS, ignore_index=True)
        with replacing(file) as temporary:
            rows.to_csv(temporary, index=False, lineterminator="\n")
    return row


def load(*folders: Path) -> pd.DataFrame:
    """The rows of these results folders, each key once, earlier folders first; by default this machine's, then recorded.

    An empty frame where there is none. Raises BadInput, naming file and line, when a file is not as `add` writes it.
    """
    frames = []
    for file in (Path(folder) / "vivado.csv" for folder in folders or (paths.LIVE, paths.RECORDED)):
        if file.exists():
            remedy = "delete it and add the reports again"
            frame = csvfile.read(file, COLUMNS, _NUMBERS, remedy)
            for column in _NUMBERS:
                wrong = frame[column] % 1 != 0  # also of a missing number
                if wrong.any():
                    raise BadInput(f"{file} line {int(wrong.idxmax()) + 2}: {column} is not a whole number: {remedy}")
            frames.append(frame)
    return pd.concat(frames, ignore_index=True).drop_duplicates(KEYS) if frames else pd.DataFrame(columns=COLUMNS)


def _mac(design: str, report: Path) -> tuple[Mac, str]:
    """The MAC whose top module has this name, and its options."""
    if match := _DESIGN.fullmatch(design):
        a, b = (parse(name.replace("Bn", "B-")) for name in match.groups()[:2])
        plain, piped, saturating = match.groups()[4:]
        mac = Mac(a, b, int(match[3]), int(match[4]), PLAIN if plain else TUNED, bool(piped), bool(saturating))
        return mac, " ".join([mac.architecture, *("piped",) * mac.pipeline, *("saturating",) * mac.saturate])
    raise BadInput(f"{report}: its design {design} is no MAC of this package: write one with `repro mac E4M3 --verilog mac.v` "
                   "and keep the top module's name")


@exhibit
def beside(macs: pd.DataFrame, *folders: Path) -> Table:
    """LUTs of each MAC: ours in every variant, and Vivado's for the same Verilog where a report was added.

    ``macs``: rows of the experiment ``mac``; ``folders``: where the rows of reports lie, as for :func:`load`.
    """
    luts = macs.pivot(index=_MAC, columns="variant", values="lut").reset_index()
    ours = luts[[*_MAC, *(variant for variant in VARIANTS if variant in luts)]]
    names = {"rtl": "Verilog for Vivado", "lut": "Vivado LUT sites", "lut_cells": "Vivado LUT cells", "ff": "Vivado FF",
             "device": "device", "state": "state"}
    theirs = load(*folders)
    theirs = theirs[theirs["rtl"].isin(ARCHITECTURES)].rename(columns=names)  # ours have no pipeline and do not saturate
    frame = ours.merge(theirs[[*_MAC, *names.values()]], how="left", on=_MAC).rename(columns={"acc_bits": "acc, bits"})
    numbers = [*ours.columns[len(_MAC):], "k", "acc, bits", "Vivado LUT sites", "Vivado LUT cells", "Vivado FF"]
    return Table("LUTs of a MAC without DSPs: ours by variant (Yosys, before placement) beside Vivado's. Plain Verilog for "
                 "Vivado compares with our variants default, carry-rows and remapped, tuned Verilog with rewritten and tuned. "
                 "Cells compare with ours; a site can hold two small LUTs. A dash: nobody has added a report (`repro vivado`).",
                 rows=macs, frame=frame, formats=dict.fromkeys(numbers, "{:,.0f}"))
