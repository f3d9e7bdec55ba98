"""Every page of the book works in a browser that can reach nothing but this machine."""

import hashlib
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import book_checks
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("BOOK_HTML", ROOT / "build" / "book" / "_build" / "html"))
needs_browser = pytest.mark.skipif(not book_checks.executable(), reason="no Chromium is installed: the pages are not opened")


@needs_browser
@pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason=f"no book is built in {BUILT}: run `make book` first")
def test_built_book(browser):
    assert len(book_checks.pages(BUILT)) > 10
    assert book_checks.problems(browser, BUILT) == []


@needs_browser
def test_small_book(browser, small_book):
    assert {"tiny.html", "references.html", "code/repro/tiny.py.html"} <= set(book_checks.pages(small_book.html))
    assert book_checks.problems(browser, small_book.html) == []


@needs_browser
@pytest.mark.parametrize(("flaw", "complaint"), [
    ('<img alt="x" src="http://192.0.2.1/x.png">', "asks another host: http://192.0.2.1/x.png"),
    ('<img alt="x" src="missing.png">', "broken image"),
    ('<img src="_static/logo.svg">', "image without alt text"),
    ('<div style="width: 700px">wide</div>', "scrolls sideways at 390 px"),
    ('<a class="exhibit-source" href="code/repro/tiny.py.html#L-9999">x</a>', "dead link"),
    (r'<span class="math">\(\undefinedmacro\)</span>', "formula with an error"),
    (r'<span class="math">a lost formula</span>', "formula not rendered"),
    ('<script>console.error("oh")</script>', "console: oh"),
])
def test_a_flaw_is_noticed(browser, small_book, tmp_path, flaw, complaint):
    folder = tmp_path / "html"
    shutil.copytree(small_book.html, folder)
    for name in set(book_checks.pages(folder)) - {"tiny.html", "references.html", "code/repro/tiny.py.html"}:
        (folder / name).unlink()
    page = folder / "tiny.html"
    page.write_text(page.read_text(encoding="utf-8").replace("is cited.", f"is cited. {flaw}"), encoding="utf-8")
    found = [line for line in book_checks.problems(browser, folder) if line.startswith("tiny.html")]
    assert any(complaint in line for line in found), found


def test_vendored_mathjax_is_the_published_file():
    folder = ROOT / "book" / "_static" / "vendor" / "mathjax"
    assert hashlib.sha256((folder / "tex-svg-full.js").read_bytes()).hexdigest() in (folder / "README.md").read_text()
    assert "Apache License" in (folder / "LICENSE").read_text()


def test_serve_answers_on_the_loopback_interface(small_book):
    command = [sys.executable, str(small_book.root / "book" / "build.py"), "--serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().split()[4]
            assert url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(url + "tiny.html", timeout=10) as answer:
                assert b"A tiny chapter" in answer.read()
            port = url.rstrip("/").rpartition(":")[2]
            taken = small_book.build("--serve", "--port", port)
            assert taken.returncode == 2 and f"port {port}" in taken.stderr
        finally:
            server.terminate()
