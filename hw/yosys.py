"""Runs a Yosys script (pyosys) on texts, in a temporary folder and a process of its own, and hands back what it wrote."""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from repro.errors import BadInput

_RUN = "from pyosys import libyosys; libyosys.run_pass('script run.ys')"


def run(script: list[str], files: dict[str, str], output: str) -> str:
    """The text of the file ``output`` that a script (a list of lines) writes, given input files (name -> text).

    Names are relative: Yosys stands in a folder that holds the files and is deleted afterwards. Prints nothing. Raises
    BadInput when pyosys is not installed, or when Yosys refuses (with its own error line).
    """
    if find_spec("pyosys") is None:
        raise BadInput("synthesis needs Yosys and pyosys is not installed: pip install pyosys==0.70")
    with tempfile.TemporaryDirectory(prefix="synthesis-") as name:
        folder = Path(name)
        for file, text in {**files, "run.ys": "\n".join(script)}.items():
            (folder / file).write_text(text, encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", _RUN], cwd=folder, capture_output=True, text=True)
        if done.returncode or not (folder / output).exists():
            lines = (done.stdout + done.stderr).splitlines()
            reasons = [line.strip() for line in lines if "ERROR" in line] or lines[-1:] or ["no message"]
            raise BadInput(f"Yosys could not synthesise the design: {reasons[0]}")
        return (folder / output).read_text(encoding="utf-8")
