"""The format explorer's codec, in a browser, equals the package's, bit for bit."""

import json
import math
import re

import book_checks
import numpy as np
import pytest

from repro import accumulators
from repro.experiments import explorer
from repro.formats import Integer, Minifloat, catalogue, parse

needs_browser = pytest.mark.skipif(not book_checks.executable(), reason="no Chromium is installed: the scripts are not run")

LENGTHS = (1, 2, 9, 576, 3072, 4608, 10**6)
SHAPES = [(e, m) for e in range(1, 7) for m in range(7) if e + m <= explorer.MAX_BITS - 1]
BIASES = [explorer.BIAS[0], -1, 9, explorer.BIAS[1]]
FORMATS = list(dict.fromkeys([*catalogue(), Integer(2), Integer(9), *(Minifloat(e, m) for e, m in SHAPES),
                              *(Minifloat(e, m, bias) for e, m in SHAPES for bias in BIASES)]))
CODEC = """({name, values, lengths}) => {
  const fmt = Codec.parse(name);
  const bits = numbers => Array.from(new BigUint64Array(Float64Array.from(numbers).buffer), String);
  const probes = new Float64Array(BigUint64Array.from(values, BigInt).buffer);
  const codes = Array.from({length: 2 ** fmt.bits}, (_, code) => code);
  const beside = new Codec.Integer(fmt.bits);
  const curve = Codec.errorCurve(fmt);
  return {
    name: fmt.name, summary: Codec.summary(fmt), bias: fmt.bias ?? null,
    extremes: bits([fmt.min, fmt.max, fmt.minSubnormal, fmt.minNormal ?? NaN]),
    decoded: bits(codes.map(code => fmt.decode(code))), ascending: Codec.codesAscending(fmt),
    codes: Array.from(probes, x => fmt.encode(x)), rounded: bits(Array.from(probes, x => fmt.round(x))),
    magnitudes: bits(curve.map(p => p.magnitude)), errors: bits(curve.map(p => p.error)),
    widths: lengths.map(k => Codec.exactWidth(fmt, fmt, BigInt(k))),
    mixed: lengths.map(k => Codec.exactWidth(fmt, beside, BigInt(k))),
  };
}"""


def bits(values) -> list[str]:
    """float64 numbers bit for bit, so that -0 is not 0."""
    return [str(word) for word in np.asarray(values, dtype=np.float64).view(np.uint64)]


def probes(fmt) -> np.ndarray:
    """All values, all midpoints, their neighbours in float64, and what lies far outside."""
    values = fmt.values()
    middles = (values[1:] + values[:-1]) / 2
    near = [np.nextafter(middles, np.inf), np.nextafter(middles, -np.inf)]
    far = [fmt.max * 1.5, fmt.min * 1.5 - 1, 1e300, -1e300, np.inf, -np.inf, 5e-324, -5e-324, 0.0, -0.0]
    return np.concatenate([values, middles, *near, far])


@needs_browser
def test_codec_equals_the_package_bit_for_bit(visit):
    page = visit()
    for fmt in FORMATS:
        x = probes(fmt)
        found = page.evaluate(CODEC, {"name": fmt.name, "values": bits(x), "lengths": LENGTHS})
        every = np.arange(2**fmt.bits)
        positive = fmt.values()[fmt.values() >= 0]
        half = np.diff(positive) / 2
        beside = Integer(fmt.bits)
        assert (found["name"], found["bias"]) == (fmt.name, getattr(fmt, "bias", None))
        normal = getattr(fmt, "min_normal", math.nan)
        assert found["extremes"] == bits([fmt.min, fmt.max, fmt.min_subnormal, normal]), fmt
        assert found["decoded"] == bits(fmt.decode(every)), fmt
        assert found["codes"] == fmt.encode(x).tolist(), fmt
        assert found["rounded"] == bits(fmt.round(x)), fmt
        assert found["magnitudes"] == bits(positive[:-1] + half), fmt
        assert found["errors"] == bits(half / (positive[:-1] + half)), fmt
        assert found["widths"] == [accumulators.exact_width(fmt, fmt, k) for k in LENGTHS], fmt
        assert found["mixed"] == [accumulators.exact_width(fmt, beside, k) for k in LENGTHS], fmt
        ascending = fmt.decode(np.array(found["ascending"]))
        assert sorted(found["ascending"]) == every.tolist() and (np.diff(ascending) >= 0).all(), fmt
        ratio = fmt.max / fmt.min_subnormal
        summary = found["summary"]
        assert (summary["bits"], summary["values"], float(summary["largest"])) == (fmt.bits, len(fmt.values()), fmt.max), fmt
        assert summary["step"] == fmt.min_subnormal
        assert summary["binades"] == pytest.approx(math.log2(ratio), rel=1e-12)
        assert summary["decibels"] == pytest.approx(20 * math.log10(ratio), rel=1e-12)


@needs_browser
def test_ties_go_to_the_even_code(visit):
    """Every midpoint of positive neighbours, m = 0 included: by the rule itself, without the package's codec."""
    page = visit()
    for e, m in SHAPES:
        values, odd = page.evaluate("""name => {
          const fmt = Codec.parse(name);
          const values = Codec.magnitudes(fmt);
          return [values.length, values.slice(1).filter((above, below) => {
            const code = fmt.encode((values[below] + above) / 2);
            return code % 2 || ![below, below + 1].includes(code);
          })];
        }""", f"E{e}M{m}")
        assert (values, odd) == (2 ** (e + m), []), f"E{e}M{m}"


def test_page_data_is_the_catalogue():
    html = explorer.page_data()._repr_html_()
    data = json.loads(re.search(r'<script type="application/json" id="explorer-data">(.*)</script>', html)[1])
    assert [parse(entry["name"]) for entry in data["formats"]] == catalogue()
    for entry in data["formats"]:
        if entry["kind"] == "minifloat":
            assert Minifloat(entry["exponentBits"], entry["mantissaBits"], entry["bias"]).name == entry["name"]
        assert parse(entry["name"]).bits == entry["bits"]
    assert data["start"] == "E4M3"


TYPED = {"0.75": 0.75, " -3/4 ": -0.75, "2^-9": 2**-9, "3*2^-9": 3 * 2**-9, "−3 × 2^-9": -3 * 2**-9, "1e3": 1000, ".5": 0.5,
         "inf": math.inf, "-inf": -math.inf, "1/0": math.inf, "0/0": None, "": None, "x": None, "--1": None, "1 2": None,
         "3*": None, "2^": None}


@needs_browser
def test_numbers_that_people_type(visit):
    page = visit()
    for text, value in TYPED.items():
        assert page.evaluate("text => Notation.readNumber(text)", text) == value, text


TIES = {
    ("E2M1", 5.0): "It goes to the even code: 0 11 0, the value 4.",
    ("E2M1", -0.75): "It goes to the even code: 1 01 0, the value −1.",
    ("E4M3", 2.0**-10): "It goes to the even code: 0 0000 000, the value 0.",
    ("E4M0", 3.0): "It goes to the even code: 0 1000, the value 2.",
    ("E4M0", 6.0): "It goes to the even code: 0 1010, the value 8.",
    ("INT8", 2.5): "It goes to the even integer: 2.",
    ("INT8", -128.5): "It goes to the even integer: −128.",
    ("E2M1", -7.0): "between the last value, −6, and −8, which the format lacks: it saturates at −6.",
    ("E3M0", 24.0): "between the last value, 16, and 32, which the format lacks: it saturates at 16.",
    ("INT8", 127.5): "between the last value, 127, and 128, which the format lacks: it saturates at 127.",
}
BEYOND = [("E2M1", 10.0), ("INT8", 200.5), ("INT2", 2.5), ("E3M0", 48.0)]


@needs_browser
def test_ties_in_words(visit):
    steps = "([name, x]) => Notation.roundingSteps(Codec.parse(name), x)"
    page = visit()
    for (name, x), words in TIES.items():
        lines = [line for line in page.evaluate(steps, [name, x]) if "tie" in line]
        assert len(lines) == 1 and lines[0].startswith("That is a tie") and lines[0].endswith(words), (name, x, lines)
    for name, x in BEYOND:
        first, last = page.evaluate(steps, [name, x])
        assert first.startswith("That is beyond the end of the format: it saturates at ") and last.startswith("The code is ")
