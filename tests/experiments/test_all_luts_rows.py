"""What the page "LUTs of all formats" computes, against made-up rows whose answers are known, and the recorded rows."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from repro import accumulators, store
from repro.errors import BadInput
from repro.experiments import all_luts, mac_luts
from repro.experiments.mac_rows import LUT_SIZES
from repro.formats import parse


def cost(a, b, k: int, variant: str) -> int:
    """A law that the page must find again: 10 + 2 a place + 3 a bit of the multiplier + 1 a bit of the sum's length."""
    extra = (k - 1).bit_length() + 4 * (variant == "default" and a.kind == "integer")
    if a.kind == "integer":
        return a.bits * b.bits + extra
    shift = sum(2**fmt.exponent_bits - 2 for fmt in (a, b))
    return 10 + 2 * shift + 3 * (a.mantissa_bits + 1) * (b.mantissa_bits + 1) + extra


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    found = []
    for point in mac_luts.EXPERIMENT.grid("laptop"):
        a, b = parse(point["a"]), parse(point["b"])
        width = accumulators.exact_width(a, b, point["k"])
        found.append({**point, "lut": cost(a, b, point["k"], point["variant"]), "ff": width, "carry4": width // 4, "depth": 3,
                      "acc_bits": width, **dict.fromkeys(LUT_SIZES, 0), "pairs": 2 ** (a.bits + b.bits), "mismatches": 0})
    return pd.DataFrame(found)


def test_page_data_is_the_rows(rows):
    html = all_luts.page_data(rows)._repr_html_()
    data = json.loads(re.search(r'<script type="application/json" id="luts-data">(.*?)</script>', html)[1])
    assert pd.DataFrame(data["rows"], columns=data["columns"]).equals(rows[data["columns"]])
    names = [entry["name"] for entry in data["formats"]]
    assert set(names) == set(rows["a"]) | set(rows["b"])
    assert [parse(name).bits for name in names] == sorted(parse(name).bits for name in names)
    assert [(parse(name).bits, parse(name).kind) for name in names] == [(e["bits"], e["kind"]) for e in data["formats"]]
    assert data["colours"]
    for stops in data["colours"].values():
        assert len(stops) > 8 and all(re.fullmatch("#[0-9a-f]{6}", stop) for stop in stops)


def test_no_rows_are_refused():
    with pytest.raises(BadInput, match="page_data has no rows to show"):
        all_luts.page_data(pd.DataFrame(columns=all_luts.COLUMNS))


def test_each_minifloat_pair_stands_beside_the_integers_of_its_bits(rows):
    found = all_luts.against_integers(rows)
    assert len(found) == 441 * 8
    for row in found.sample(200, random_state=1).itertuples():
        a, b = parse(row.a), parse(row.b)
        integers = cost(parse(f"INT{a.bits}"), parse(f"INT{b.bits}"), row.k, row.variant)
        assert row.ratio == row.lut / integers == cost(a, b, row.k, row.variant) / integers
        assert row.exponent_bits == max(a.exponent_bits, b.exponent_bits)
    table = all_luts.ratio_table(rows).frame
    assert table.groupby("variant")["pairs"].sum().to_dict() == {"default": 441, "tuned": 441}
    assert table["of them cheaper"].sum() == (found[found["k"] == 4608]["ratio"] < 1).sum()


def test_the_fit_finds_the_law(rows):
    found = all_luts.fit(rows)
    assert found == pytest.approx({"constant": 10 + 13, "place": 2, "significand": 3, "explained": 1})


def test_each_doubling_of_the_length(rows):
    found = all_luts.per_doubling(rows)
    assert len(found) == 477 * 2 and found["formats"].value_counts().to_dict() == {"minifloats": 882, "integers": 72}
    assert found["lut"].to_numpy() == pytest.approx((13 - 4) / np.log2(4608 / 9))
    assert all_luts.doubling_table(rows).frame["pairs"].sum() == 477 * 2


def test_the_answers_of_the_exercises(rows):
    assert all_luts.cheapest_partner(rows, "E2M1", bits=8) == min(
        ("E1M6", "E2M5", "E3M4", "E4M3", "E5M2", "E6M1"), key=lambda name: cost(parse("E2M1"), parse(name), 4608, "tuned"))
    formats = [parse(name) for name in mac_luts.formats("minifloat")]
    assert all_luts.largest_ratio(rows) == max(
        cost(a, b, 4608, "tuned") / cost(parse(f"INT{a.bits}"), parse(f"INT{b.bits}"), 4608, "tuned")
        for a in formats for b in formats)


def test_the_answer_is_the_only_one():
    """In the recorded rows no other partner is as cheap as the exercise's."""
    rows = store.load(mac_luts.EXPERIMENT)
    lut = mac_luts.square(rows, "minifloat").loc["E2M1", ["E1M6", "E2M5", "E3M4", "E4M3", "E5M2", "E6M1"]]
    assert (lut == lut.min()).sum() == 1 and lut.idxmin() == all_luts.cheapest_partner(rows, "E2M1", bits=8)
