"""Fixtures: the build script as a module, a tiny book and the format explorer built with it, a browser to open it."""

import importlib.util
import shutil

import book_checks
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


@pytest.fixture(scope="session")
def explorer_book(tmp_path_factory) -> Checkout:
    """A book of two pages, the explorer and another, built with warnings as errors."""
    checkout = Checkout(tmp_path_factory.mktemp("explorer") / "a book")
    compiled = shutil.ignore_patterns("__pycache__")
    for package in ("repro", "hw"):
        shutil.copytree(ROOT / package, checkout.root / package, dirs_exist_ok=True, ignore=compiled)
    shutil.copy(ROOT / "book" / "explorer.md", checkout.root / "book" / "explorer.md")
    (checkout.root / "book" / "tiny.md").unlink()
    checkout.write("book/minifloats.md", "# The chapter that the explorer points at\n")
    checkout.write("book/_toc.yml", "format: jb-book\nroot: explorer\nchapters:\n  - file: minifloats\n  - file: references\n")
    result = checkout.build("--warnings-are-errors")
    assert result.returncode == 0, result.stdout + result.stderr
    return checkout


@pytest.fixture(scope="module")
def browser():
    with book_checks.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(explorer_book):
    with book_checks.served(explorer_book.html) as base:
        yield f"{base}/explorer.html"


@pytest.fixture
def visit(browser, address):
    """Opens the page with an address fragment; at the end, no page may have met an error."""
    errors, contexts = [], []

    def visit(fragment: str = "", **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.goto(f"{address}{fragment}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []
