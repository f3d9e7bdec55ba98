"""The digest notices code that rows depend on, and nothing else."""

import shutil
import subprocess
import sys

import pytest

from repro import paths

SHOW = "from repro.digest import code_digest; from repro.experiments import experiment; print(code_digest(experiment('mac')))"


@pytest.fixture
def checkout(tmp_path):
    """A copy of the code, in a folder with a space in its name."""
    root = tmp_path / "a check out"
    for name in ("repro", "hw"):
        shutil.copytree(paths.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.ROOT / "constraints.txt", root)
    return root


def digest(root) -> str:
    return subprocess.run([sys.executable, "-W", "ignore", "-c", SHOW], cwd=root, text=True, capture_output=True, check=True).stdout


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
