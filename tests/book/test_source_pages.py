"""Every source file has a page whose anchors are its very lines."""

import html
import re


def lines(page: str) -> dict[int, str]:
    """Line number -> the text that the page shows on that line."""
    listing = page.split('<div class="source-listing">')[1].split("</pre>")[0]
    shown = re.findall(r'<span id="line-(\d+)">(.*?)(?=<span id="line-|\Z)', listing, re.S)
    text = {int(n): html.unescape(re.sub(r"<[^>]+>", "", line)).rstrip("\n") for n, line in shown}
    return {n: line.lstrip()[len(str(n)):] for n, line in text.items()}


def test_each_line_of_each_file_is_shown_at_its_anchor(small_book):
    for path in (small_book.root / "repro" / "tiny.py", small_book.root / "hw" / "tiny.v"):
        name = path.relative_to(small_book.root).as_posix()
        page = (small_book.html / "code" / f"{name}.html").read_text(encoding="utf-8")
        source = path.read_text(encoding="utf-8").splitlines()
        assert [line.strip() for line in lines(page).values()] == [line.strip() for line in source], name
        assert re.findall(r'id="L-(\d+)"', page) == [str(n) for n in range(1, len(source) + 1)]


def test_the_link_of_an_exhibit_lands_on_its_function(small_book):
    links = re.findall(r'class="exhibit-source" href="(.*?)#L-(\d+)"', small_book.page)
    assert len(links) == 2
    for (href, line), function in zip(links, ("picture", "table"), strict=True):
        shown = lines((small_book.html / href).read_text(encoding="utf-8"))
        assert "@exhibit" in shown[int(line)] and f"def {function}" in shown[int(line) + 1]


def test_the_index_lists_every_file_with_its_summary(small_book):
    page = (small_book.html / "code/index.html").read_text(encoding="utf-8")
    assert "A module that a chapter shows." in page and "A wire." in page


def test_source_pages_stay_out_of_the_search(small_book):
    assert "code/repro" not in (small_book.html / "searchindex.js").read_text(encoding="utf-8")
