"""The format explorer's page does what it says, with a mouse, a keyboard, a screen reader and a phone."""

import math
import re
import shutil

import book_checks
import numpy as np
import pytest

from repro import accumulators
from repro.formats import Integer, catalogue, parse

pytestmark = pytest.mark.skipif(not book_checks.executable(), reason="no Chromium is installed: the page is not opened")


def fragment(page) -> str:
    return page.evaluate("location.hash")


def facts(page) -> dict[str, str]:
    names, values = (page.locator(f"#explorer-summary {tag}").all_text_contents() for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def plain(text: str) -> float:
    """A number as the page writes it."""
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")
    significand, _, exponent = text.partition(" × 10")
    return float(significand.translate(digits)) * 10.0 ** int(exponent.translate(digits) or 0)


@pytest.mark.parametrize("name", ["E2M1", "E4M3B9", "E6M1", "E3M0", "INT5"])
def test_the_table_shows_every_code(visit, name):
    fmt = parse(name)
    rows = visit(f"#{name}").evaluate("""[...document.querySelectorAll("#explorer-codes tbody tr")]
      .map(row => [...row.cells].map(cell => cell.textContent))""")
    assert [int(row[0]) for row in rows] == list(range(2**fmt.bits))
    assert [row[1].replace(" ", "") for row in rows] == [f"{code:0{fmt.bits}b}" for code in range(2**fmt.bits)]
    assert [plain(row[2]) for row in rows] == pytest.approx(fmt.decode(np.arange(2**fmt.bits)).tolist(), rel=1e-7, abs=0)


# ---- Choosing a format -----------------------------------------------------------------------------------------------

def test_presets_are_the_catalogue_and_choose(visit):
    page = visit()
    assert fragment(page) == "#E4M3"
    assert page.locator("#explorer-preset option:not([data-own])").all_text_contents() == [fmt.name for fmt in catalogue()]
    page.get_by_label("Format", exact=True).select_option("E3M2")
    assert fragment(page) == "#E3M2"
    assert facts(page) == {"bits": "6", "bias": "3", "different values": "63", "largest": "28", "smallest normal": "2⁻² = 0.25",
                           "smallest subnormal": "2⁻⁴ = 0.0625", "range": "8.8 binades", "range in decibels": "53.0 dB"}
    page.get_by_label("Format", exact=True).select_option("INT4")
    assert fragment(page) == "#INT4" and facts(page)["most negative"] == "−8"
    assert not page.get_by_label("Exponent bits").is_visible()
    page.get_by_label("minifloat").check()
    assert fragment(page) == "#E3M2"


def test_sliders_move_by_keyboard_and_never_leave_the_limits(visit):
    page = visit("#E4M3")
    page.get_by_label("Exponent bits").focus()
    page.keyboard.press("ArrowRight")
    assert fragment(page) == "#E5M3" and facts(page)["bias"] == "15"
    page.keyboard.press("ArrowRight")
    assert fragment(page) == "#E6M2"
    assert page.get_by_role("status").first.text_content().startswith("At most 9 bits. E6M2: 9 bits")
    page.get_by_label("Mantissa bits").focus()
    page.keyboard.press("End")
    assert fragment(page) == "#E2M6"
    page.keyboard.press("Home")
    assert fragment(page) == "#E2M0" and facts(page)["smallest subnormal"] == "none"
    page.get_by_label("integer", exact=True).check()
    page.get_by_role("slider", name=re.compile("^Bits")).press("ArrowRight")
    assert fragment(page) == "#INT4"


def test_the_bias_is_usual_until_somebody_changes_it(visit):
    page = visit("#E4M3")
    usual = page.get_by_role("button", name="usual")
    assert usual.is_disabled()
    page.get_by_label("Bias").fill("9")
    assert fragment(page) == "#E4M3B9" and facts(page)["largest"] == "120"
    page.get_by_label("Exponent bits").press("ArrowLeft")
    assert fragment(page) == "#E3M3B9"
    usual.click()
    assert fragment(page) == "#E3M3" and page.get_by_label("Bias").input_value() == "3"
    for wrong in ("", "99", "1.5"):
        page.get_by_label("Bias").fill(wrong)
        assert page.get_by_label("Bias").get_attribute("aria-invalid") == "true"
        assert "whole number from −32 to 64" in page.get_by_role("status").first.text_content()
        assert fragment(page) == "#E3M3"
    page.get_by_label("Bias").fill("-2")
    assert fragment(page) == "#E3M3B-2" and page.get_by_label("Bias").get_attribute("aria-invalid") is None


@pytest.mark.parametrize(("link", "shown"), [
    ("#E4M3B9", "E4M3B9"), ("#int8", "INT8"), ("#E3M0", "E3M0"), ("#E2M1B-3", "E2M1B-3"), ("#E4M3B7", "E4M3"),
    ("#drill", "E4M3"), ("#%", "E4M3"), ("", "E4M3")])
def test_a_link_opens_its_format(visit, link, shown):
    page = visit(link)
    assert page.get_by_role("status").first.text_content().startswith(f"{shown}: ")


def test_the_address_can_change_while_the_page_is_open(visit):
    page = visit("#E2M1")
    page.evaluate("location.hash = '#INT6'")
    page.wait_for_function("Explorer.format.name === 'INT6'")
    page.get_by_role("link", name="The accumulator").first.click()
    assert fragment(page) == "#the-accumulator" and page.get_by_role("status").first.text_content().startswith("INT6")
    for unknown in ("E9M9", "UINT4", "INT8N", "INT100", "E4M3FN", "BF16"):
        page.evaluate("name => { location.hash = name; }", unknown)
        page.wait_for_function("location.hash === '#INT6'")
        assert page.get_by_role("status").first.text_content().startswith(f"{unknown} is not on offer here. INT6: ")
    page = visit("#UINT4")
    assert fragment(page) == "#E4M3"
    assert page.get_by_role("status").first.text_content().startswith("UINT4 is not on offer here. E4M3: ")


def test_the_status_line_and_the_summary_name_the_largest_value(visit):
    page = visit()
    for fmt in catalogue():
        page.get_by_label("Format", exact=True).select_option(fmt.name)
        status = page.get_by_role("status").first.text_content()
        assert plain(re.search(r" up to (.*)\.$", status)[1]) == fmt.max
        assert plain(facts(page)["largest"].split(" = ")[-1]) == fmt.max


@pytest.mark.parametrize("name", ["E4M3", "E3M0", "E2M1B-3", "E1M3", "INT8", "INT3"])
def test_the_sentence_below_the_curve_is_true(visit, name):
    fmt = parse(name)
    words = visit(f"#{name}").locator("#explorer-curve-words").text_content()
    start, bound = re.match(rf"From (.*) to its largest value, {name} is off by at most (.*) %\.", words).groups()
    start, bound = plain(start.split(" = ")[-1].split(" ≈ ")[-1]), plain(bound) / 100

    def worst(other, scale, lo):
        x = np.linspace(lo, fmt.max, 200_001)
        return (np.abs(x - other.round(x / scale) * scale) / x).max()

    assert worst(fmt, 1, start) == pytest.approx(bound, rel=5e-3)
    if fmt.kind == "minifloat":
        beside = Integer(fmt.bits)
        scale = fmt.max / beside.max
        again = re.search(rf"{beside.name} keeps to that only from about (.*) upwards\.$", words)
        threshold = plain(again[1])
        assert worst(beside, scale, 1.001 * threshold) <= 1.005 * bound < worst(beside, scale, 0.98 * threshold)


def test_a_page_opened_from_the_disk_works(browser, explorer_book):
    page = browser.new_page()
    page.goto((explorer_book.html / "explorer.html").as_uri() + "#E2M3")
    page.get_by_label("Exponent bits").press("ArrowRight")
    assert fragment(page) == "#E3M3"
    page.close()


# ---- One code ----------------------------------------------------------------------------------------------------------

def selected(page) -> int:
    chosen = page.locator("#explorer-codes tr[aria-selected=true]")
    assert chosen.count() == 1
    return int(chosen.get_attribute("data-code"))


def shown_bits(page) -> str:
    return "".join(page.locator("#explorer-fields button").all_text_contents())


def test_tick_row_bit_and_slider_choose_the_same_code(visit):
    page = visit("#E3M2")
    fmt = parse("E3M2")
    picture = page.locator("#explorer-line svg")
    picture.click(position={"x": picture.bounding_box()["width"] - 14, "y": 60})
    assert selected(page) == fmt.encode(fmt.max) and shown_bits(page) == "011111"
    spoken = page.locator("#explorer-line svg").get_attribute("aria-label")
    assert spoken.endswith("28 is marked. Below, the 64 values of INT6, evenly spaced.")

    page.locator("#explorer-codes tr[data-code='31']").press("ArrowUp")
    assert selected(page) == 30 and page.evaluate("document.activeElement.dataset.code") == "30"
    page.keyboard.press("Home")
    assert selected(page) == 0
    page.keyboard.press("End")
    assert selected(page) == 63 and page.locator("#explorer-formula").text_content() == "−(1 + 3/4) × 2⁴ = −28 (normal)"
    page.locator("#explorer-codes tr[data-code='60']").click()
    assert selected(page) == 60

    page.get_by_role("button", name="sign bit").press("Enter")
    assert selected(page) == 28
    page.get_by_role("button", name="mantissa bit 2 of 2").click()
    assert selected(page) == 29 and shown_bits(page) == "011101"
    assert page.locator("#explorer-formula").text_content() == "(1 + 1/4) × 2⁴ = 20 (normal)"

    page.get_by_label("Walk through the values").press("ArrowLeft")
    assert selected(page) == 28
    assert page.get_by_label("Walk through the values").get_attribute("aria-valuetext") == "16, code 0 111 00"
    page.get_by_label("logarithmic").check()
    assert "31 values from 0.0625 to 28" in page.locator("#explorer-line svg").get_attribute("aria-label")


def test_another_format_starts_from_the_nearest_value(visit):
    page = visit("#E4M3")
    page.locator("#explorer-codes tr[data-code='61']").click()
    page.get_by_label("Format", exact=True).select_option("E2M1")
    assert selected(page) == parse("E2M1").encode(parse("E4M3").decode(61))


# ---- Rounding and accumulating -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["E4M3", "E3M0", "INT4", "E2M1B-3"])
def test_rounding_shows_the_code_the_value_and_the_error(visit, name):
    fmt, page = parse(name), visit(f"#{name}")
    middles = (fmt.values()[1:] + fmt.values()[:-1]) / 2
    for x in (0.7, -1.0, 0.0, middles[-1], 3 * fmt.max, math.inf):
        page.get_by_label("to round").fill(str(x))
        *_, result, error = page.locator("#explorer-steps li").all_text_contents()
        code, value = re.fullmatch(r"The code is ([01 ]+), the value (.*)\.", result).groups()
        assert int(code.replace(" ", ""), 2) == fmt.encode(x) and plain(value) == fmt.round(x)
        if math.isfinite(x):
            assert plain(re.match(r"The error is (.*?)( \(.*\))?\.$", error)[1]) == pytest.approx(abs(x - float(fmt.round(x))))
        text = page.locator("#explorer-steps").text_content()
        assert ("saturates" in text) == (abs(x) > fmt.max) and ("tie" in text) == (x in middles)
    page.get_by_label("to round").fill("seven")
    assert page.get_by_label("to round").get_attribute("aria-invalid") == "true"
    assert page.locator("#explorer-steps").text_content() == "That is no number."


def test_accumulator_widths(visit):
    for name in ("E4M3", "E6M2B20", "INT8"):
        fmt, page = parse(name), visit(f"#{name}")
        assert page.get_by_label("Number of products").input_value() == "4608"
        for k in (1, 9, 10**6):
            page.get_by_label("Number of products").fill(str(k))
            own = page.locator(f"#explorer-widths .{fmt.kind} b").text_content()
            assert own == f"{accumulators.exact_width(fmt, fmt, k)} bits"
            assert own in page.locator("#explorer-widths li").last.text_content()
    for wrong in ("0", "x", "", "-3", "1.5"):
        page.get_by_label("Number of products").fill(wrong)
        assert page.get_by_label("Number of products").get_attribute("aria-invalid") == "true"
        assert "whole number" in page.locator("#explorer-widths").text_content()


# ---- For everybody -----------------------------------------------------------------------------------------------------

def test_the_built_page_is_sound(browser, explorer_book, tmp_path):
    folder = tmp_path / "html"
    shutil.copytree(explorer_book.html, folder, ignore=shutil.ignore_patterns("code"))
    assert "explorer.html" in book_checks.pages(folder)
    assert book_checks.problems(browser, folder) == []


@pytest.mark.parametrize("link", ["#E6M2", "#E1M6B64", "#INT9"])
def test_no_sideways_scroll_on_a_small_phone(visit, link):
    page = visit(link, viewport={"width": 360, "height": 740})
    assert page.evaluate(book_checks.SCROLLS) == ""
    page.get_by_label("logarithmic").check()
    page.get_by_label("to round").fill("-1e30")
    assert page.evaluate(book_checks.SCROLLS) == ""


@pytest.mark.parametrize("link", ["#E4M3", "#INT8"])
def test_every_control_and_picture_has_a_name(visit, link):
    page = visit(link)
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = {"slider", "textbox", "spinbutton", "button", "radio", "combobox", "checkbox", "image", "grid", "form", "group",
             "DisclosureTriangle", "link"}
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes
             if not node.get("ignored") and node["role"]["value"] in roles]
    assert {"slider", "button", "radio", "combobox", "grid", "image"} <= {role for role, _ in found}
    assert [role for role, name in found if not name.strip() and role != "group"] == []
    assert ("grid", "Every code") in found
    assert ("spinbutton", "Bias") in found or link == "#INT8"


def test_targets_are_large_enough(visit):
    targets, small = visit("#E4M3", viewport={"width": 360, "height": 740}).evaluate("""() => {
      const all = [...document.querySelectorAll(".explorer :is(input, select, button, summary, tbody tr)")]
        .filter(e => e.checkVisibility()).map(e => e.type === "radio" ? e.closest("label") : e);
      return [all.length, all.filter(e => e.offsetHeight < 24 || e.offsetWidth < 24).map(e => e.outerHTML.slice(0, 80))]; }""")
    assert targets > 10 and small == []


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const over = (top, below) => top.slice(0, 3).map((c, i) => (c * top[3] + below[i] * (255 - top[3])) / 255).concat(255);
  const behind = e => e ? over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement)) : [255, 255, 255, 255];
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
  const found = {text: 99, ink: 99};
  const walk = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    const counts = e.closest(".explorer") && walk.currentNode.data.trim() && e.checkVisibility();
    if (!counts || e.disabled || e.tagName === "title") continue;
    const style = getComputedStyle(e);
    found.text = Math.min(found.text, ratio(rgba(e.closest("svg") ? style.fill : style.color), behind(e)));
  }
  for (const e of document.querySelectorAll(".explorer svg :is(.ticks, .curve)"))
    found.ink = Math.min(found.ink, ratio(rgba(getComputedStyle(e).stroke), behind(e)));
  return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(visit, theme):
    page = visit("#E4M3", color_scheme=theme)
    page.get_by_label("Your answer").fill("1e9")
    page.get_by_label("Your answer").press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    found = page.evaluate(CONTRAST)
    assert 4.5 <= found["text"] < 99 and 3 <= found["ink"] < 99, found


def test_the_output_is_dark_on_a_dark_page(visit):
    output = visit(color_scheme="dark").locator(".cell_output .text_html:has(#explorer-data)")
    assert output.evaluate("e => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert output.evaluate("e => getComputedStyle(e).color === getComputedStyle(e.parentElement).color")


def test_without_scripts_the_page_points_at_the_tables(visit):
    page = visit(java_script_enabled=False)
    assert page.get_by_text("The explorer needs JavaScript").is_visible()
    assert page.get_by_role("link", name="the chapter on minifloats").is_visible()
    assert page.locator(".explorer").count() > 5 and not any(part.is_visible() for part in page.locator(".explorer").all())
    assert not visit().get_by_text("The explorer needs JavaScript").is_visible()


def test_no_other_page_loads_the_explorer(explorer_book):
    assert "_static/explorer/" in (explorer_book.html / "explorer.html").read_text(encoding="utf-8")
    for name in set(book_checks.pages(explorer_book.html)) - {"explorer.html"}:
        head = (explorer_book.html / name).read_text(encoding="utf-8").partition("</head>")[0]
        assert "_static/explorer/" not in head, name
