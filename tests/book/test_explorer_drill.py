"""The format explorer's drill asks, judges and hints as the package computes."""

import math
import re

import book_checks
import numpy as np
import pytest
from test_explorer import plain

from repro import accumulators
from repro.formats import parse

pytestmark = pytest.mark.skipif(not book_checks.executable(), reason="no Chromium is installed: the page is not opened")


def solution(question: str):
    """The answer, as text, and one that is wrong; from the package."""
    if match := re.fullmatch(r"Which number is the (\S+) code ([01 ]+)\?", question):
        value = float(parse(match[1]).decode(int(match[2].replace(" ", ""), 2)))
        return repr(value), repr(2 * value)
    if match := re.fullmatch(r"Which (\S+) code does (.*) get\?", question):
        fmt = parse(match[1])
        code = int(fmt.encode(plain(match[2])))
        return f"{code:0{fmt.bits}b}", f"{code ^ 1:0{fmt.bits}b}"
    match = re.fullmatch(r"How many bits hold every sum of (\d+) products of (\S+) with itself, exactly\?", question)
    width = accumulators.exact_width(parse(match[2]), parse(match[2]), int(match[1]))
    return str(width), str(width - 1)


@pytest.mark.parametrize("name", ["E4M3", "INT5"])
@pytest.mark.parametrize("kind", ["decode", "encode", "accumulator"])
def test_drill_tells_right_from_wrong(visit, name, kind):
    page = visit(f"#{name}")
    drill = page.locator("#explorer-drill")
    drill.get_by_label(kind).check()
    answer, feedback = drill.get_by_label("Your answer"), drill.get_by_role("status")
    for number in range(1, 5):
        right, wrong = solution(page.locator("#drill-question").text_content())
        answer.fill("?")
        answer.press("Enter")
        assert feedback.text_content().startswith("Not an answer yet.") and answer.get_attribute("aria-invalid") == "true"
        if number % 2:
            answer.fill(wrong)
            answer.press("Enter")
            assert feedback.text_content().startswith("✗ Not yet: ")
        answer.fill(f"{right} bits" if kind == "accumulator" else right)
        answer.press("Enter")
        assert feedback.text_content() == f"✓ Right. {number // 2} of {number} right at the first try."
        steps = page.locator("#drill-worked li")
        assert not steps.first.is_visible()
        page.locator("#drill-worked summary").press("Enter")
        assert steps.last.is_visible()
        drill.get_by_role("button", name="Another question").press("Enter")
        assert answer.evaluate("field => field === document.activeElement") and answer.input_value() == ""


SEEDED = """count => {
  let state = 1; // Park and Miller's generator
  Math.random = () => (state = (48271 * state) % 2147483647) / 2147483647;
  document.querySelector("[name=question][value=encode]").click();
  return Array.from({length: count}, () => { Drill.renew(); return document.getElementById("drill-question").textContent; });
}"""


@pytest.mark.parametrize("name", ["E4M3", "E1M0", "E3M0", "E4M3B40", "INT2", "INT8"])
def test_a_quarter_of_the_numbers_to_encode_are_ties_or_saturate(visit, name):
    fmt = parse(name)
    values = fmt.values()
    step = 1 if fmt.kind == "integer" else 2.0 ** (math.floor(math.log2(fmt.max)) - fmt.mantissa_bits)
    values = np.concatenate([[values[0] - step], values, [values[-1] + step]])
    middles = (values[1:] + values[:-1]) / 2
    questions = visit(f"#{name}").evaluate(SEEDED, 600)
    x = np.array([plain(re.search(r"code does (.*) get", question)[1]) for question in questions])
    assert (fmt.round(x) != 0).all()
    beyond, ties = (x < middles[0]) | (x > middles[-1]), np.isin(x, middles)
    assert 0.2 < (beyond | ties).mean() < 0.3 and beyond.any()


@pytest.mark.parametrize(("code", "answer", "hint"), [
    ("0 0110 101", "-13/16", "the sign is the other one."),
    ("0 0110 101", "-7", "the sign is the other one, and the size is not right either."),
    ("0 0110 101", "13/8", "you are off by a factor of 2¹: look at the exponent and the bias."),
    ("0 0110 101", "5/16", "look at the leading one."),
    ("0 0000 011", "11*2^-9", "look at the leading one."),
    ("0 0110 101", "0.9", "look at the mantissa."),
    ("0 0110 101", "7", "the power of two is another: look at the exponent and the bias."),
    ("0 0110 101", "0", "the power of two is another: look at the exponent and the bias.")])
def test_decode_hints(visit, code, answer, hint):
    page = visit("#E4M3")
    page.evaluate("""code => { // the draw that leads to this code
      Math.random = () => (parseInt(code.replaceAll(" ", ""), 2) - 0.5) / (2 ** 8 - 1);
      Drill.renew();
    }""", code)
    assert page.locator("#drill-question").text_content() == f"Which number is the E4M3 code {code}?"
    page.get_by_label("Your answer").fill(answer)
    page.get_by_label("Your answer").press("Enter")
    assert page.locator("#drill-feedback").text_content() == f"✗ Not yet: {hint}"


def test_drill_follows_the_format(visit):
    page = visit("#E4M3")
    page.get_by_label("Format", exact=True).select_option("E2M3")
    assert "E2M3" in page.locator("#drill-question").text_content()
