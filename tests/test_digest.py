"""The digest notices code that rows depend on, and nothing else."""

import shutil
import subprocess
import sys

import pytest

from repro import paths
from repro.digest import code_digest
from repro.experiments import NAMES, experiment

SHOW = "from repro.digest import code_digest; from repro.experiments import experiment; print(code_digest(experiment('mac')))"
SHOW_ALL = ("from repro.digest import code_digest; from repro.experiments import NAMES, experiment; "
            "print([code_digest(experiment(name)) for name in NAMES])")


@pytest.fixture
def checkout(tmp_path):
    """A copy of the code, in a folder with a space in its name."""
    root = tmp_path / "a check out"
    for name in ("repro", "hw", "data/manifests"):
        shutil.copytree(paths.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.ROOT / "constraints.txt", root)
    return root


def digest(root, show=SHOW) -> str:
    return subprocess.run([sys.executable, "-W", "ignore", "-c", show], cwd=root, text=True, capture_output=True,
                          check=True).stdout


@pytest.mark.parametrize("file, old, new, moves", [
    ("repro/experiments/mac.py", '"""', '"""Another docstring. ', False),
    ("repro/exhibits.py", "#0072B2", "#000000", False),
    ("repro/paths.py", "import os", "import os\nimport sys", False),
    ("repro/experiments/mac.py", "EXPERIMENT = ", "# a comment\nEXPERIMENT = ", False),
    ("repro/accumulators.py", "k * max(products)", "k + max(products)", True),
    ("hw/synth.py", "import ", "import os\nimport ", True),
    ("hw/rtl/int_mac.v", "module", "// changed\nmodule", True),
    ("constraints.txt", "pyosys==0.70", "pyosys==0.71", True),
    ("constraints.txt", "click==", "click==9", False),
])
def test_digest_moves_with_what_rows_depend_on(checkout, file, old, new, moves):
    before = digest(checkout)
    path = checkout / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert (digest(checkout) != before) == moves


def test_digests_do_not_depend_on_line_ends(checkout):
    """git may check files out with CRLF."""
    here = [code_digest(experiment(name)) for name in NAMES]
    files = [path for path in checkout.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in files:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert sum(path.suffix == ".v" for path in files) > 10 and any(path.suffix == ".sha256" for path in files)
    assert digest(checkout, SHOW_ALL) == f"{here}\n" != "[]\n"


def test_git_checks_texts_out_with_one_line_end():
    if not shutil.which("git") or not (paths.ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    asked = ["hw/rtl/int_mac.v", "data/results/mac.csv", "repro/cli.py", ".ci/run", "book/_static/screenshots/pareto.png"]
    said = subprocess.run(["git", "check-attr", "text", "eol", "--", *asked], cwd=paths.ROOT, text=True, capture_output=True,
                          check=True)
    found = [line.rsplit(": ", 2) for line in said.stdout.splitlines()]
    assert found == [[name, attribute, value] for name in asked for attribute, value in (
        (("text", "unset"), ("eol", "lf")) if name.endswith(".png") else (("text", "auto"), ("eol", "lf")))]
