"""Execution is remembered exactly as long as nothing that a page shows has changed."""

import json
import os
import sys

import pytest
from book_checkout import TINY, Checkout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("cache") / "a checkout")


def built(checkout: Checkout, *arguments: str, **variables: str) -> Checkout:
    result = checkout.build(*arguments, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (checkout.html / "index.html").as_uri() in result.stdout.splitlines()[-1]
    return checkout


def test_a_changed_module_changes_the_page_and_nothing_else_runs_again(checkout, tmp_path):
    decoy = tmp_path / ".local/share/jupyter/kernels/python3"
    decoy.mkdir(parents=True)
    (decoy / "kernel.json").write_text(json.dumps({"argv": ["/bin/false"], "display_name": "x", "language": "python"}))
    built(checkout, HOME=str(tmp_path), JUPYTER_PREFER_ENV_PATH="0")
    assert "the answer is 42" in checkout.page
    assert list(map(os.path.realpath, checkout.executions)) == [os.path.realpath(sys.executable)]

    built(checkout)
    assert len(checkout.executions) == 1, "nothing had changed, yet the chapter ran again"

    checkout.write("repro/tiny.py", TINY.replace("return 42", "return 43"))
    built(checkout)
    assert "the answer is 43" in checkout.page and "the answer is 42" not in checkout.page
    assert "43" in (checkout.html / "code/repro/tiny.py.html").read_text(encoding="utf-8")
    assert len(checkout.executions) == 2
    assert len(list((checkout.root / "build/book/cache").iterdir())) == 1, "an old cache was left behind"


def test_a_failing_cell_fails_a_strict_build_every_time(checkout):
    checkout.write("repro/tiny.py", TINY.replace("return 42", "raise OSError('no answer')"))
    for _ in range(2):
        result = checkout.build("--warnings-are-errors")
        assert result.returncode not in (0, 2)
        assert "no answer" in result.stdout + result.stderr


@pytest.mark.parametrize("name", ["repro/new.py", "hw/new.v", "data/results/x.csv", "build/results/x.csv",
                                  "constraints.txt"])
def test_the_digest_notices(tmp_path, build_module, name):
    before = digest(build_module, tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("new")
    assert digest(build_module, tmp_path) != before


@pytest.mark.parametrize("name", ["data/downloads/x.zip", "repro/__pycache__/x.pyc", "build/results/.x.csv.lock"])
def test_the_digest_overlooks(tmp_path, build_module, name):
    for folder in build_module.CELL_INPUTS[:-1]:
        (tmp_path / folder).mkdir(parents=True)
    before = digest(build_module, tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("new")
    assert digest(build_module, tmp_path) == before


def digest(build_module, root):
    return build_module.digest([root / name for name in build_module.CELL_INPUTS], root)


def test_nothing_built_is_said_in_one_line(tmp_path):
    checkout = Checkout(tmp_path / "unbuilt")
    for arguments in (("--serve",), ("--source", str(tmp_path))):
        result = checkout.build(*arguments)
        assert result.returncode == 2
        assert len(result.stderr.splitlines()) == 1
        assert str(tmp_path) in result.stderr
