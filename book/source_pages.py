"""Sphinx extension: one page for every source file, so that each figure's link lands on the very line that made it.

``repro/formats/minifloat.py`` becomes ``code/repro/formats/minifloat.py.html`` with an anchor ``L-<n>`` at line n,
the address that `repro.exhibits.Source.href` gives. The pages are not part of the search index.
"""

import ast
import html
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, VerilogLexer

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("repro/**/*.py", "repro/**/Snakefile", "hw/**/*.py", "hw/**/*.v")
FORMATTER = HtmlFormatter(linenos="inline", lineanchors="L", anchorlinenos=True, linespans="line", wrapcode=True)


def sources(root: Path = ROOT) -> list[Path]:
    """The files that get a page, as paths relative to the checkout, sorted."""
    return sorted(path.relative_to(root) for pattern in PATTERNS for path in root.glob(pattern))


def summary(path: Path, text: str) -> str:
    """The first line of a file's docstring or opening comment; empty when there is none."""
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    first = text.lstrip().partition("\n")[0]
    return first.lstrip("#/*\" ").rstrip("*/\" ") if first.startswith(("#", "/", '"')) else ""


def source_page(path: Path, text: str) -> tuple[str, dict, str]:
    """(page name, template context, template) of one file's page."""
    lexer = VerilogLexer(stripnl=False) if path.suffix == ".v" else PythonLexer(stripnl=False)
    index = "../" * (len(path.parts) - 1) + "index.html"
    body = (f"<h1>{html.escape(path.name)}</h1>"
            f'<p class="source-path"><a href="{index}">All source files</a> · <code>{html.escape(str(path))}</code></p>'
            f'<div class="source-listing">{highlight(text, lexer, FORMATTER)}</div>')
    return f"code/{path.as_posix()}", {"title": str(path), "body": body}, "page.html"


def index_page(files: dict[Path, str]) -> tuple[str, dict, str]:
    """(page name, template context, template) of the list of all files."""
    items = "".join(
        f'<li><a href="{path.as_posix()}.html"><code>{html.escape(str(path))}</code></a> '
        f"{html.escape(summary(path, text))}</li>" for path, text in files.items())
    body = f'<h1>Source files</h1><ul class="source-index">{items}</ul>'
    return "code/index", {"title": "Source files", "body": body}, "page.html"


def pages(app):
    """All pages of the running build (Sphinx event ``html-collect-pages``)."""
    files = {path: (ROOT / path).read_text(encoding="utf-8") for path in sources()}
    yield index_page(files)
    for path, text in files.items():
        yield source_page(path, text)


def setup(app):
    """Sphinx entry point."""
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
