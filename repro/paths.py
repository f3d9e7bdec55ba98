"""The only module that knows folders.

Everything is found from the checkout that holds this package, so the project works wherever it was cloned.
"""

import os
from pathlib import Path

from repro.errors import BadInput

ROOT = Path(__file__).resolve().parents[1]
RTL = ROOT / "hw" / "rtl"
TECHMAP = ROOT / "hw" / "techmap"
PAPER = ROOT / "data" / "paper"
MANIFESTS = ROOT / "data" / "manifests"
DOWNLOADS = ROOT / "data" / "downloads"
BUILD = ROOT / "build"
RECORDED = ROOT / "data" / "results"
"""Rows that are committed: what was measured for the book, with provenance."""
LIVE = BUILD / "results"
"""Rows that `make book` computed on this machine; never committed, shown in preference to recorded ones."""


def mirror() -> Path | None:
    """The folder named by the environment variable ``REPRO_MIRROR`` (a relative one is seen from the checkout's root), or
    None when it is not set.

    Raises BadInput when the variable names something that is not a folder.
    """
    value = os.environ.get("REPRO_MIRROR")
    if not value:
        return None
    folder = Path(value).expanduser()
    folder = folder if folder.is_absolute() else ROOT / folder
    if not folder.is_dir():
        raise BadInput(f"REPRO_MIRROR names {folder}, which is not a folder: correct it or unset it")
    return folder
