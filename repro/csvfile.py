"""Read a CSV file that people and spreadsheets may have changed: strictly, naming the line of what is wrong."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from repro.errors import BadInput


def read(path: Path, columns: Iterable[str], numbers: Iterable[str], remedy: str) -> pd.DataFrame:
    """The lines of a file with exactly these columns, as text; those of ``numbers`` as finite numbers, NaN where a cell is
    empty or "nan".

    Raises BadInput, naming file and line and ending with ``remedy``, when the header or a line is not so.
    """
    columns = list(columns)
    if not path.is_file():
        raise BadInput(f"{path} is not a file: move it away, or name another folder")
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a byte order mark first
        lines = list(csv.reader(text.splitlines(), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not a readable CSV file ({error}): {remedy}") from None
    if not lines or lines[0] != columns:
        raise BadInput(f"{path} line 1: expected the columns {','.join(columns)}: {remedy}")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(columns):
            raise BadInput(f"{path} line {number}: {len(line)} cells where {len(columns)} are expected: {remedy}")
    if not text.endswith("\n"):
        raise BadInput(f"{path} line {len(lines)}: the file ends in the middle of this line: {remedy}")
    frame = pd.DataFrame(lines[1:], columns=columns)
    for column in numbers:
        cells, found = frame[column], pd.to_numeric(frame[column].replace("", "nan"), errors="coerce")
        for wrong, what in ((found.isna() & ~cells.isin(["", "nan"]), "a number"), (np.isinf(found), "a finite number")):
            if wrong.any():
                row = int(wrong.idxmax())
                raise BadInput(f"{path} line {row + 2}: {column} is {cells[row]!r}, not {what}: {remedy}")
        frame[column] = found
    return frame
