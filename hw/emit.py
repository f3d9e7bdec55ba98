"""Files to take away with a design: its Verilog, a self-checking test bench, and the Yosys script that counts its LUTs."""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hw.generate import verilog
from hw.synth import Design, mapping_script
from repro.atomic import replacing
from repro.errors import BadInput


@dataclass(frozen=True)
class Files:
    """Where they lie: beside each other, named after the Verilog.

    Raises BadInput when ``verilog`` is no name of a regular file that two others can lie beside, or one that a script of
    Yosys cannot hold.
    """

    verilog: Path

    def __post_init__(self):
        path, name = self.verilog, self.verilog.name
        folder = os.path.realpath(path.parent)
        if name in ("", "-") or path.exists() and not path.is_file() or folder == "/dev" or folder.startswith("/proc/"):
            raise BadInput(f"{path}: a test bench and a script are written beside the Verilog: name a file, such as mac.v")
        if path.suffix.lower() == ".ys":
            raise BadInput(f"{path}: the script beside the Verilog gets this name: let the Verilog's end in .v")
        if any(letter in '"\\' or not letter.isprintable() for letter in name):
            raise BadInput(f"{name!r} cannot stand in a script of Yosys: use a name without quotation marks, backslashes and "
                           "control characters")
        above = next(parent for parent in path.absolute().parents if parent.exists())
        if not above.is_dir():
            raise BadInput(f"{above} is no folder: name another place for {name}")

    @property
    def bench(self) -> Path:
        """The test bench, as mac_tb.v beside mac.v."""
        return self.verilog.with_name(f"{self.verilog.stem}_tb{self.verilog.suffix}")

    @property
    def script(self) -> Path:
        """The script, as mac.ys beside mac.v."""
        return self.verilog.with_suffix(".ys")


def write(files: Files, design: Design, bench: str, checked: str) -> bool:
    """Write all three: the design's Verilog with ``checked`` in its header, the text of its test bench, and the script.

    Returns whether their folder had to be made.
    """
    texts = {files.verilog: verilog(design, checked), files.bench: bench,
             files.script: mapping_script(design.name, files.verilog.name)}
    made = not files.verilog.parent.exists()
    with ExitStack() as stack:  # all or none
        for path, text in texts.items():
            stack.enter_context(replacing(path)).write_text(text, encoding="utf-8")
    return made
