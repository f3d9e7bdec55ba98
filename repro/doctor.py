"""What is here, what is not, and what to do about it. Nothing that is missing is an error: it is reported."""

import platform
import re
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata

import pandas as pd
import torch

from repro import paths, runner, store
from repro.datasets import fetch
from repro.errors import BadInput
from repro.exhibits import Table, exhibit
from repro.experiments import NAMES, experiment

TOOLS = {
    "git": "version control; needed to clone, not to run",
    "g++": "compiles fake quantization, several times faster; without it the same bits come out eagerly",
    "npm": "front-end packages; the book does not need it",
    "chromium": "the browser tests of the book; without it they are skipped",
    "iverilog": "a second simulator for the RTL; the netlist check does not need it",
    "vivado": "vendor synthesis; counts here come from Yosys",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: "ok", or what it means that it is not and the way out."""

    what: str
    state: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at Python, the pinned packages, data sets, rows, tools and accelerators."""
    return [*_python(), *_packages(), *_data(), *_rows(), *_tools()]


def _python() -> list[Finding]:
    good = sys.version_info[:2] == (3, 11)
    return [Finding("Python", platform.python_version(), "" if good else "the pins were tested with Python 3.11")]


def pinned() -> dict[str, str]:
    """Package -> version, from constraints.txt."""
    lines = (paths.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def _packages() -> list[Finding]:
    wrong = []
    for name, version in pinned().items():
        try:
            found = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            continue  # pinned for another platform or an optional part
        if found != version:
            wrong.append(Finding(f"package {name}", found, f"pinned is {version}: run `make setup`"))
    return wrong or [Finding("packages", "as pinned in constraints.txt")]


def _data() -> list[Finding]:
    findings = []
    try:
        mirror = paths.mirror()
        findings.append(Finding("REPRO_MIRROR", str(mirror) if mirror else "not set", "" if mirror else "optional"))
    except BadInput as error:
        findings.append(Finding("REPRO_MIRROR", "wrong", str(error)))
    for name, data in fetch.REMOTES.items():
        try:
            present = fetch.is_present(name)
        except (BadInput, OSError) as error:
            findings.append(Finding(f"data set {name}", "unknown", str(error)))
            continue
        findings.append(Finding(f"data set {name}", "fetched" if present else "not fetched",
                                "" if present else f"`repro fetch {name}` ({data.title}); recorded rows are shown until then"))
    return findings


def _rows() -> list[Finding]:
    findings = []
    for name in NAMES:
        spec = experiment(name)
        try:
            rows = store.load(spec)
        except BadInput as error:
            findings.append(Finding(f"rows of {name}", "broken", str(error)))
            continue
        if rows.empty:
            findings.append(Finding(f"rows of {name}", "none", f"`repro run {name}`"))
            continue
        stale = int(runner.stale(spec, rows).sum())
        state = f"{len(rows)} rows, {int((rows['origin'] == 'live').sum())} computed on this machine"
        findings.append(Finding(f"rows of {name}", state,
                                f"{stale} were computed by other code: `repro run {name}`" if stale else ""))
    return findings


def _tools() -> list[Finding]:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    findings = [Finding("GPU", gpu or "none", "" if gpu else "not needed at laptop scale")]
    for tool, purpose in TOOLS.items():
        found = shutil.which(tool)
        findings.append(Finding(tool, found or "not found", "" if found else purpose))
    return findings


@exhibit
def table() -> Table:
    """The findings as the status page shows them (folders of this machine left out)."""
    frame = pd.DataFrame([(f.what, re.sub(r"^/.*", "found", f.state), f.advice) for f in examine()],
                         columns=["what", "state", "what it means"])
    return Table("What was there when this book was built.", frame=frame)
