"""Fixtures: the build script as a module, and one tiny book built with it."""

import importlib.util

import pytest
from book_checkout import ROOT, Checkout


@pytest.fixture(scope="session")
def build_module():
    """book/build.py as a module."""
    spec = importlib.util.spec_from_file_location("book_build", ROOT / "book" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def small_book(tmp_path_factory) -> Checkout:
    """A tiny book, built with warnings as errors; read only."""
    checkout = Checkout(tmp_path_factory.mktemp("small") / "a small book")
    result = checkout.build("--warnings-are-errors")
    assert result.returncode == 0, result.stdout + result.stderr
    return checkout
