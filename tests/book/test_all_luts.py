"""The page "LUTs of all formats" shows what the rows say, with a mouse, a keyboard, a finger, on paper and without scripts."""

import io
import itertools
import re
import shutil

import book_checks
import numpy as np
import pandas as pd
import pytest
from book_checkout import ROOT, Checkout
from test_explorer import CONTRAST

from repro.experiments import all_luts, mac_luts
from repro.formats import parse

needs_browser = pytest.mark.skipif(not book_checks.executable(), reason="no Chromium is installed: the page is not opened")

MEASURES = {"lut": "LUTs", "ff": "flip-flops", "carry4": "CARRY4", "depth": "LUT levels"}
CELLS = """() => Object.fromEntries([...document.querySelectorAll("#luts-map tbody td")]
  .map(cell => [`${cell.dataset.a} ${cell.dataset.b}`, cell.textContent]))"""


@pytest.fixture(scope="module")
def luts_book(tmp_path_factory) -> Checkout:
    """A book of the page and stand-ins for those that it points at, built with warnings as errors."""
    checkout = Checkout(tmp_path_factory.mktemp("luts") / "a book")
    for folder in ("repro", "hw", "data/paper"):
        shutil.copytree(ROOT / folder, checkout.root / folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout.root / "data/results").mkdir()
    shutil.copy(ROOT / "data/results/mac_luts.csv", checkout.root / "data/results")
    shutil.copy(ROOT / "book/all-luts.md", checkout.root / "book")
    (checkout.root / "book/tiny.md").unlink()
    others = ("minifloat-mac", "counting-luts", "explorer")
    for name in others:
        checkout.write(f"book/{name}.md", "# A page that this one points at\n")
    checkout.write("book/_toc.yml", "format: jb-book\nroot: all-luts\nchapters:\n"
                   + "".join(f"  - file: {name}\n" for name in (*others, "references")))
    result = checkout.build("--warnings-are-errors")
    assert result.returncode == 0, result.stdout + result.stderr
    return checkout


@pytest.fixture(scope="module")
def address(luts_book):
    with book_checks.served(luts_book.html) as base:
        yield f"{base}/all-luts.html"


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """The recorded rows, read without the package."""
    return pd.read_csv(ROOT / "data/results/mac_luts.csv")


def beside(row: pd.Series, rows: pd.DataFrame) -> pd.Series:
    """The integers of as many bits."""
    a, b = (f"INT{parse(row[side]).bits}" for side in "ab")
    return rows.set_index(["a", "b", "k", "variant"]).loc[(a, b, row["k"], row["variant"])]


def card(page) -> dict[str, str]:
    names, values = (page.locator(f"#luts-card {tag}").all_text_contents() for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def chosen(page) -> str:
    cells = page.locator("#luts-map td[aria-selected=true]")
    assert cells.count() == page.locator("#luts-map td[tabindex='0']").count() == 1
    return f"{cells.get_attribute('data-a')}x{cells.get_attribute('data-b')}"


def table(page) -> list[list[str]]:
    return page.evaluate("""[...document.querySelectorAll("#luts-table tbody tr")]
      .map(line => [...line.cells].map(cell => cell.textContent))""")


# ---- Every number is a row's -------------------------------------------------------------------------------------------

@needs_browser
def test_every_cell_of_the_picture_is_the_row(visit, rows):
    page = visit()
    everything = set(itertools.product(mac_luts.LENGTHS, ("default", "tuned"), ["lut"])) | {(576, "tuned", m) for m in MEASURES}
    for k, variant, measure in everything:
        page.get_by_label("Products").select_option(str(k))
        page.get_by_label("Variant").select_option(variant)
        page.get_by_label("Measure").select_option(MEASURES[measure])
        mine = rows[(rows["k"] == k) & (rows["variant"] == variant)]
        assert len(mine) == 36 + 441
        assert page.evaluate(CELLS) == {f"{a} {b}": str(n) for a, b, n in zip(mine["a"], mine["b"], mine[measure])}


@needs_browser
def test_compared_with_the_integers(visit, rows):
    page = visit()
    page.get_by_label("compare minifloats").check()
    for measure in ("lut", "depth"):
        page.get_by_label("Measure").select_option(MEASURES[measure])
        cells = page.evaluate(CELLS)
        mine = rows[(rows["k"] == 4608) & (rows["variant"] == "tuned")]
        lookup = mine.set_index(["a", "b"])[measure]
        for (a, b), value in lookup.items():
            if a.startswith("INT"):
                assert cells[f"{a} {b}"] == str(value)
            else:
                ratio = value / lookup[f"INT{parse(a).bits}", f"INT{parse(b).bits}"]
                assert float(cells[f"{a} {b}"]) == pytest.approx(ratio, abs=0.00501)  # two digits


@needs_browser
@pytest.mark.parametrize(("k", "variant"), [(4608, "tuned"), (9, "default")])
def test_every_line_of_the_table_is_the_row(visit, rows, k, variant):
    page = visit()
    page.get_by_label("Products").select_option(str(k))
    page.get_by_label("Variant").select_option(variant)
    mine = rows[(rows["k"] == k) & (rows["variant"] == variant)].set_index(["a", "b"])
    lines = table(page)
    assert len(lines) == len(mine) == 477
    for pair, lut, ratio, *others in lines:
        a, b = pair.split(" × ")
        row = mine.loc[(a, b)]
        assert [int(number.replace(",", "")) for number in (lut, *others)] == [
            row[column] for column in ("lut", "ff", "carry4", "depth", "acc_bits", "pairs")]
        if parse(a).kind == "integer":
            assert ratio == "–"
        else:
            integers = mine.loc[(f"INT{parse(a).bits}", f"INT{parse(b).bits}")]
            assert float(ratio) == pytest.approx(row["lut"] / integers["lut"], abs=0.00501)


@needs_browser
@pytest.mark.parametrize("pair", ["E4M3xE2M1", "INT8xINT4"])
def test_the_card_says_all_of_a_pair(visit, rows, pair):
    page = visit(f"#{pair}")
    page.get_by_label("Products").select_option("576")
    a, b = pair.split("x")
    row = rows[(rows["a"] == a) & (rows["b"] == b) & (rows["k"] == 576) & (rows["variant"] == "tuned")].iloc[0]
    expected = {name: str(row[column]) for column, name in MEASURES.items()}
    expected["accumulator bits"] = str(row["acc_bits"])
    if parse(a).kind == "minifloat":
        integers = beside(row, rows)["lut"]
        expected["LUTs ÷ INT8 × INT4"] = f"{row['lut']} ÷ {integers} = {row['lut'] / integers:.2f}"
    expected["LUTs of 1 to 6 inputs"] = ", ".join(str(row[f"lut{size}"]) for size in range(1, 7))
    expected["inverters"] = str(row["inv"])
    expected["operand pairs run on the netlist"] = f"{2 ** (parse(a).bits + parse(b).bits):,}, none wrong"
    assert card(page) == expected
    assert page.locator("#luts-card .name").text_content() == f"{a} × {b}, tuned, 576 products"
    assert page.locator("#luts-card code").text_content() == f"repro mac {a} {b} --n 576 --verilog out.v"


# ---- Choosing a pair ---------------------------------------------------------------------------------------------------

@needs_browser
def test_click_hover_and_address(visit):
    page = visit()
    assert chosen(page) == "E4M3xE4M3" and page.evaluate("location.hash") == ""
    cell = page.locator("#luts-map td[data-a=E3M2][data-b=E2M1]")
    cell.hover()
    assert page.locator("#luts-card .name").text_content().startswith("E3M2 × E2M1") and chosen(page) == "E4M3xE4M3"
    page.mouse.move(1, 1)
    assert page.locator("#luts-card .name").text_content().startswith("E4M3 × E4M3")
    cell.click()
    assert chosen(page) == "E3M2xE2M1"
    page.wait_for_function("location.hash === '#E3M2xE2M1'")
    assert page.locator("#luts-map th.marked").all_text_contents() == ["E2M1", "E3M2"]


@needs_browser
def test_a_finger_chooses(visit):
    page = visit(viewport={"width": 360, "height": 740}, has_touch=True)
    page.locator("#luts-map td[data-a=INT4][data-b=INT3]").tap()
    assert chosen(page) == "INT4xINT3"
    assert page.locator("#luts-card .name").text_content().startswith("INT4 × INT3")


@needs_browser
def test_arrow_keys_walk_and_stop_at_the_edges(visit):
    page = visit("#E1M2xE1M1")
    page.locator("#luts-map td[tabindex='0']").focus()
    for key, expected in (("ArrowLeft", "E1M2xE1M1"), ("ArrowDown", "E2M1xE1M1"), ("ArrowRight", "E2M1xE1M2"),
                          ("End", "E2M1xE6M1"), ("PageDown", "E3M2xE6M1"), ("Home", "E3M2xE1M1"), ("ArrowUp", "E2M3xE1M1"),
                          ("x", "E2M3xE1M1")):
        page.keyboard.press(key)
        assert chosen(page) == expected, key
        assert page.evaluate("`${document.activeElement.dataset.a}x${document.activeElement.dataset.b}`") == expected
    page.wait_for_function("location.hash === '#E2M3xE1M1'")


@needs_browser
@pytest.mark.parametrize(("link", "shown"), [
    ("#E4M3xE2M1", "E4M3xE2M1"), ("#int8xint4", "INT8xINT4"), ("#E4M3%C3%97E2M1", "E4M3xE2M1"), ("#exercises", "E4M3xE4M3"),
    ("#%", "E4M3xE4M3"), ("", "E4M3xE4M3")])
def test_a_link_opens_its_pair(visit, link, shown):
    page = visit(link)
    assert chosen(page) == shown
    assert page.locator("#luts-status").text_content() == ""
    if link and shown != "E4M3xE4M3":
        cell, below = (page.locator(f"{part}").bounding_box() for part in ("#luts-map td[aria-selected]", "#luts-card"))
        assert 60 < cell["y"] and cell["y"] + cell["height"] <= below["y"]  # between the header and the card


@needs_browser
def test_the_address_can_change_while_the_page_is_open(visit):
    page = visit("#E2M1xE2M1")
    page.evaluate("location.hash = '#INT6xINT3'")
    page.wait_for_function("document.querySelector('td[aria-selected]').dataset.a === 'INT6'")
    for unknown in ("E4M3xINT8", "E9M9xE2M1", "INT2xINT3"):
        page.evaluate("name => { location.hash = name; }", unknown)
        page.wait_for_function("name => document.getElementById('luts-status').textContent.startsWith(name)", arg=unknown)
        assert chosen(page) == "INT6xINT3"


# ---- The table -----------------------------------------------------------------------------------------------------------

@needs_browser
def test_filter(visit, rows):
    page = visit()
    lines = page.locator("#luts-lines")
    assert lines.text_content() == "477 of 477 pairs."
    page.get_by_label("Formats that begin with").fill("e2m1")
    assert len(table(page)) == 2 * 21 - 1 and lines.text_content() == "41 of 477 pairs."
    page.get_by_label("Formats that begin with").fill("E2M1 E4")
    assert sorted(line[0] for line in table(page)) == sorted(
        f"{a} × {b}" for x in ("E4M1", "E4M2", "E4M3") for a, b in (("E2M1", x), (x, "E2M1")))
    page.get_by_label("Formats that begin with").fill("E4M3xE2M1")
    assert [line[0] for line in table(page)] == ["E4M3 × E2M1"]
    page.get_by_label("Formats that begin with").fill("nothing")
    assert table(page) == [] and page.get_by_role("button", name="Download these").is_disabled()
    page.get_by_label("Formats that begin with").fill("")
    page.get_by_label("Kind").select_option("integers")
    assert len(table(page)) == 36 and all(line[0].count("INT") == 2 for line in table(page))


@needs_browser
def test_sort(visit):
    page = visit()
    start = [line[0] for line in table(page)]
    for column, name in ((1, "LUTs"), (2, "÷ INT"), (7, "pairs run")):
        head = page.locator("#luts-table").get_by_role("columnheader", name=name)
        for key, direction in (("Enter", "ascending"), ("Space", "descending")):
            head.get_by_role("button").press(key)
            assert head.get_attribute("aria-sort") == direction
            assert page.locator("#luts-table [aria-sort]").count() == 1
            values = [line[column] for line in table(page)]
            numbers = [float(value.replace(",", "")) for value in values if value != "–"]
            assert numbers == sorted(numbers, reverse=key == "Space")
            assert "–" not in values[:len(numbers)]  # no value goes last, up or down
    page.get_by_role("button", name="a × b").click()
    assert [line[0] for line in table(page)] == start


@needs_browser
def test_downloads(visit, rows):
    page = visit()
    page.get_by_label("Formats that begin with").fill("INT8")
    for button, mine in ((re.compile("^Download these 11 "), rows[((rows["a"] == "INT8") | (rows["b"] == "INT8"))
                                                                   & (rows["k"] == 4608) & (rows["variant"] == "tuned")]),
                         (re.compile("^Download all 3,816 "), rows)):
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        found = pd.read_csv(io.StringIO(download.value.path().read_text(encoding="utf-8")))
        keys = ["a", "b", "k", "variant"]
        columns = list(all_luts.COLUMNS)
        assert found.sort_values(keys, ignore_index=True).equals(mine[columns].sort_values(keys, ignore_index=True))


@needs_browser
def test_a_line_of_the_table_leads_to_its_cell(visit):
    page = visit()
    page.get_by_role("link", name="INT3 × INT8").press("Enter")
    page.wait_for_function("location.hash === '#INT3xINT8'")
    assert chosen(page) == "INT3xINT8"


# ---- For everybody -----------------------------------------------------------------------------------------------------

@needs_browser
def test_rows_that_are_missing_leave_gaps(visit, rows, luts_book, browser):
    squares = rows[(rows["a"] == rows["b"]) & (rows["k"] == 4608) & (rows["variant"] == "tuned")]
    body = all_luts.page_data(squares)._body().partition(">")[2].partition("<")[0]
    html = (luts_book.html / "all-luts.html").read_text(encoding="utf-8")
    html = re.sub(r'(id="luts-data">).*?(?=</script>)', lambda match: match[1] + body, html)
    (luts_book.html / "squares.html").write_text(html, encoding="utf-8")
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((luts_book.html / "squares.html").as_uri())
    cells = page.evaluate(CELLS)
    (luts_book.html / "squares.html").unlink()
    assert {pair: text for pair, text in cells.items() if text} == {
        f"{a} {a}": str(lut) for a, lut in zip(squares["a"], squares["lut"])}
    page.locator("#luts-map td[data-a=E3M2][data-b=E2M1]").click()
    assert "E3M2 × E2M1 is not computed" in page.locator("#luts-card").text_content()
    assert errors == []
    page.close()


@needs_browser
def test_a_page_opened_from_the_disk_works(browser, luts_book):
    page = browser.new_page()
    page.goto((luts_book.html / "all-luts.html").as_uri() + "#E2M3xE2M1")
    assert chosen(page) == "E2M3xE2M1"
    page.close()


@needs_browser
def test_the_built_page_is_sound(browser, luts_book, tmp_path):
    folder = tmp_path / "html"
    shutil.copytree(luts_book.html, folder, ignore=shutil.ignore_patterns("code"))
    assert {line for line in book_checks.problems(browser, folder) if "dead link: /code/" not in line} == set()


@needs_browser
@pytest.mark.parametrize("link", ["#E6M1xE6M1", "#INT8xINT8"])
def test_no_sideways_scroll_on_a_small_phone(visit, link):
    page = visit(link, viewport={"width": 360, "height": 740})
    assert page.evaluate(book_checks.SCROLLS) == ""
    page.get_by_label("compare minifloats").check()
    assert page.evaluate(book_checks.SCROLLS) == ""


@needs_browser
def test_every_control_and_cell_has_a_name(visit, rows):
    page = visit()
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = {"textbox", "button", "combobox", "checkbox", "grid", "gridcell", "form", "region", "link", "columnheader",
             "rowheader"}
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes
             if not node.get("ignored") and node["role"]["value"] in roles]
    assert roles <= {role for role, _ in found}
    assert sorted({role for role, name in found if not name.strip()} - {"gridcell"}) == []
    assert [name for role, name in found if role == "gridcell" and not name.strip()] == ["", ""]  # the two corners
    lut = rows.set_index(["a", "b", "k", "variant"])["lut"]["E4M3", "E2M1", 4608, "tuned"]
    assert ("gridcell", f"E4M3 × E2M1: {lut} LUTs") in found


@needs_browser
def test_targets_are_large_enough(visit):
    targets, small = visit(viewport={"width": 360, "height": 740}).evaluate("""() => {
      const all = [...document.querySelectorAll("#luts-map tbody td, .explorer :is(input, select, button, tbody a)")]
        .filter(e => e.checkVisibility()).map(e => e.type === "checkbox" ? e.closest("label") : e);
      return [all.length, all.filter(e => e.offsetHeight < 24 || e.offsetWidth < 24).map(e => e.outerHTML.slice(0, 80))]; }""")
    assert targets > 400 and small == []


@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("compare", [False, True])
def test_contrast(visit, theme, compare):
    page = visit("#E4M3xE2M1", color_scheme=theme)
    page.get_by_label("compare minifloats").set_checked(compare)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert 4.5 <= page.evaluate(CONTRAST)["text"] < 99


@needs_browser
def test_more_luts_are_darker(visit, rows):
    """In grey print the picture still reads: luminance falls as the count rises."""
    page = visit()
    cells = page.evaluate("""() => [...document.querySelectorAll("#luts-map tbody td")].map(cell => [Number(cell.textContent),
      ...getComputedStyle(cell).backgroundColor.match(/\\d+/g).map(Number)])""")
    cells = np.array(sorted(cells))
    grey = cells[:, 1:4] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(grey) <= 1).all() and grey[0] > grey[-1] + 60


@needs_browser
def test_without_scripts_and_on_paper_there_is_the_printed_picture(visit):
    page = visit(java_script_enabled=False)
    picture = page.locator(".tag_luts-paper img")
    assert picture.is_visible() and page.locator(".explorer").count() == 2
    assert not any(part.is_visible() for part in page.locator(".explorer").all())
    page = visit()
    assert not page.locator(".tag_luts-paper img").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".tag_luts-paper img").is_visible() and not page.locator("#luts-map").is_visible()


def test_no_other_page_loads_the_scripts(luts_book):
    assert "_static/luts/" in (luts_book.html / "all-luts.html").read_text(encoding="utf-8")
    for name in set(book_checks.pages(luts_book.html)) - {"all-luts.html"}:
        head = (luts_book.html / name).read_text(encoding="utf-8").partition("</head>")[0]
        assert "_static/luts/" not in head, name
