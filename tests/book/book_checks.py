"""What a reader's browser must find on every page of a built book, with no network but the loopback interface."""

import contextlib
import functools
import http.server
import re
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, sync_playwright

from repro.formats import catalogue

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PHONE_WIDTHS = (390, 360)
FORMATS = catalogue()
CHOICES = {
    "explorer.html": {fmt.name for fmt in FORMATS},
    "all-luts.html": {f"{a.name}x{b.name}" for a in FORMATS for b in FORMATS if a.kind == b.kind},
}
"""Fragments that a page's scripts understand, beside its anchors."""
NOT_PAGES = ("_static", "_sources")

FINDINGS = """async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  const found = [];
  for (const formula of document.querySelectorAll("span.math, div.math"))
    if (!formula.querySelector("mjx-container") || /\\\\[([]/.test(formula.textContent))
      found.push("formula not rendered: " + formula.textContent.trim());
  for (const wrong of document.querySelectorAll("[data-mjx-error]"))
    found.push("formula with an error: " + wrong.dataset.mjxError);
  for (const image of document.images) {
    if (!image.complete || image.naturalWidth === 0) found.push("broken image: " + image.src.slice(0, 80));
    if (!image.alt.trim()) found.push("image without alt text: " + image.src.slice(0, 80));
  }
  return found;
}"""
LINKS = "() => [...document.links].map(link => link.href)"
SCROLLS = """() => document.scrollingElement.scrollWidth > window.innerWidth
  ? [...document.body.querySelectorAll("*")].filter(e => !e.closest("pre, .output, .exhibit-scroll")
      && e.getBoundingClientRect().right > window.innerWidth + 1)
      .slice(0, 3).map(e => e.outerHTML.slice(0, 80)).join(" | ") || "document" : "" """


def executable() -> str | None:
    """The installed Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def chromium():
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(),
                                             args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@contextlib.contextmanager
def served(folder: Path):
    """The folder's address on the loopback interface."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def pages(folder: Path) -> list[str]:
    """All pages of a built book, relative to its folder; index.html only redirects to the first."""
    names = (path.relative_to(folder) for path in folder.rglob("*.html"))
    return sorted(name.as_posix() for name in names if name.parts[0] not in (*NOT_PAGES, "index.html"))


def problems(browser: Browser, folder: Path) -> list[str]:
    """One line for each thing wrong on any page; empty when the book is sound."""
    found = []
    with served(folder) as base:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.route(re.compile(rf"^(?!{re.escape(base)}/|data:|blob:|about:)"), lambda route: route.abort())
        page = context.new_page()
        at = ""

        def note(text: str) -> None:
            found.append(f"{at}: {text}")

        page.on("request", lambda r: r.url.startswith((base, "data:", "blob:")) or note(f"asks another host: {r.url}"))
        page.on("response", lambda r: r.status < 400 or note(f"status {r.status}: {r.url.removeprefix(base)}"))
        page.on("requestfailed", lambda r: r.url.startswith(base) and note(f"failed: {r.url.removeprefix(base)}"))
        page.on("console", lambda m: m.type == "error" and note(f"console: {m.text}"))
        page.on("pageerror", lambda error: note(f"script: {error}"))
        for at in pages(folder):
            page.goto(f"{base}/{at}", wait_until="load")
            for text in page.evaluate(FINDINGS):
                note(text)
            for link in sorted(set(page.evaluate(LINKS))):
                if link.startswith(base) and not resolves(folder, link.removeprefix(base)):
                    note(f"dead link: {link.removeprefix(base)}")
            for width in PHONE_WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                wide = page.evaluate(SCROLLS)
                if wide:
                    note(f"scrolls sideways at {width} px: {wide}")
            page.set_viewport_size({"width": 1280, "height": 900})
        context.close()
    return found


def resolves(folder: Path, link: str) -> bool:
    """Whether a link inside the book names a file that is there and, when it has a fragment, an anchor in it.

    The fragment of a link to an interactive page may be what it shall show, one of CHOICES.
    """
    parts = urlsplit(link)
    target = folder / unquote(parts.path).lstrip("/")
    if not target.is_file():
        return target == folder
    if parts.fragment in CHOICES.get(target.name, ()):
        return True
    return not parts.fragment or target.suffix != ".html" or unquote(parts.fragment) in anchors(target)


@functools.cache
def anchors(page: Path) -> set[str]:
    """All ids of a page."""
    return set(re.findall(r'\sid="([^"]+)"', page.read_text(encoding="utf-8")))
