"""pyproject.toml, constraints.txt, environment.yml and what is installed agree."""

import re
import tomllib
from importlib import metadata

import yaml

from repro import paths
from repro.doctor import pinned

PROJECT = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
REQUIRED = {"torch": "2.13.0", "torchvision": "0.28.0", "brevitas": "0.13.4", "jupyter-book": "1.0.4.post1", "pyosys": "0.70",
            "pyverilog": "1.3.0", "snakemake": "9.27.1"}
LISTED = ("safetensors", "pandas", "matplotlib")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned():
    pins = {canonical(name) for name in pinned()}
    wanted = [*PROJECT["dependencies"], *(name for extra in PROJECT["optional-dependencies"].values() for name in extra)]
    assert {canonical(re.split(r"[<>=;\[ ]", name)[0]) for name in wanted} <= pins


def test_the_pins_that_results_rest_on():
    assert {name: pinned()[name] for name in REQUIRED} == REQUIRED
    assert set(LISTED) <= set(pinned())


def test_installed_is_what_is_pinned():
    found = {name: metadata.version(name).split("+")[0] for name in REQUIRED}
    assert found == REQUIRED


def test_everything_pinned_parses_and_is_named_once():
    lines = [line for line in (paths.ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert lines and all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!-]+", line) for line in lines)
    names = [canonical(line.split("==")[0]) for line in lines]
    assert len(names) == len(set(names))


def test_conda_users_get_the_same():
    environment = yaml.safe_load((paths.ROOT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == ["--constraint constraints.txt", "--editable .[test]"]
    python = next(entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert int(low) <= int(python.split(".")[1]) < int(high)  # 3.x: the minor version


def test_jupyter_book_stays_at_version_1():
    """Version 2 ignores _config.yml, builds nothing and exits with 0."""
    assert metadata.version("jupyter-book").startswith("1.")
    assert not list(paths.ROOT.glob("**/myst.yml"))
