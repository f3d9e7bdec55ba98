"""Damaged files and odd arguments: whatever comes, a reader takes it or says in one line what is wrong, and in time.

Each reader of foreign data gets valid samples with a few damages each: bytes flipped, pieces cut, doubled, moved or
overwritten, lines swapped, and texts that have upset other readers put in. Every run tries the same damages; more of them with

    REPRO_FUZZ=5000 python -m pytest tests/test_fuzz.py -k verilog
"""

import contextlib
import hashlib
import io
import json
import os
import re
import signal
from pathlib import Path
from random import Random

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hw import place, vivado
from hw.analyse import breaches, interfaces, operators
from hw.blocks import diagram
from hw.dataflow import dataflow
from hw.lint import RULES, lint
from hw.netlist import Netlist
from repro import claims, paper, paths, store
from repro.cli import main
from repro.datasets import checksum
from repro.datasets.checksum import verified
from repro.datasets.images import LabelledImages, Preprocessing
from repro.errors import BadInput
from repro.experiments import experiment
from repro.experiments import vivado as reports
from repro.formats import parse

EACH = int(os.environ.get("REPRO_FUZZ", 48))
"""Damaged files a reader."""
SECONDS = 30
"""What a reader may take for one file; it takes milliseconds."""

ODD = tuple(text.encode("utf-8", "surrogatepass") for text in (
    # what no line can show, digits that are no ASCII, numbers that are none or too many
    "", "\0", "\r", "\n\n", "\t", "\ufeff", "\u2028", "\x0b\x0c\x1c\x85", "\xff\xfe", "\ud800", "é", "٣", "½", "𝟘",
    "-", "-1", "0", "1e999", "nan", "-inf", "1_0", "0x10", "1,5", "9" * 25, "9" * 5000, "1" + "0" * 400,
    # quotes, comments, brackets
    '"', "'", "`", "\\", "\\x ", "//", "/*", "#", "|", ":", "=", ";", ",", "@", "*", "[", "]", "{", "}", "(", ")",
    "[" * 3000, "{" * 3000, "(" * 3000 + "1" + ")" * 3000, "- " * 1500,
    # words of JSON, paths, YAML, Verilog
    "null", "true", "../../x", "%s", "&a", "*a", "!!int ''", "!!python/object:os.system ", "2001-99-99", "? ", "<<: ", "- ",
    "**", "<<", ">>>", "<< 99999999999", "** 99999999", "/ 0", "% 0", "{99999999{1'b1}}", "4'd", "'hx", "$clog2()", "$random(3)"))


def damaged(random: Random, samples: list[bytes]) -> bytes:
    """One of the samples with one to four damages."""
    content = bytearray(random.choice(samples))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        random.choice(_DAMAGES)(random, content, samples)
    return bytes(content)


def _piece(random: Random, content) -> slice:
    start = random.randrange(len(content) + 1)
    return slice(start, start + random.choice((1, 2, 4, 16, 64, 1000)))


def _flip(random, content, samples):
    for _ in range(random.choice((1, 1, 3, 20))):
        if content:
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _overwrite(random, content, samples):
    place = _piece(random, content)
    content[place] = random.choice((b"\0", b"\xff", b"\x7f", b" ")) * len(content[place])


def _cut(random, content, samples):
    del content[random.randrange(len(content) + 1):]


def _drop(random, content, samples):
    del content[_piece(random, content)]


def _double(random, content, samples):
    place = _piece(random, content)
    content[place] = content[place] * random.choice((2, 2, 100))


def _move(random, content, samples):
    other = random.choice(samples)
    content[_piece(random, content)] = other[_piece(random, other)]


def _put(random, content, samples):
    place = random.randrange(len(content) + 1)
    content[place:place] = random.choice(ODD)


def _word(random, content, samples):
    """Put an odd text in place of a word or a number."""
    words = list(re.finditer(rb"\w+", content))
    if words:
        content[slice(*random.choice(words).span())] = random.choice(ODD)


def _words(random, content, samples):
    """Put one of a text's words in place of another."""
    words = list(re.finditer(rb"[\w.]+", content))
    if words:
        other = random.choice(words).group()
        content[slice(*random.choice(words).span())] = other


def _lines(random, content, samples):
    """Swap, drop or double lines."""
    lines = content.split(b"\n")
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    changed = ((lines[second], lines[first]), (lines[first], lines[first]), (b"", lines[second]))
    lines[first], lines[second] = random.choice(changed)
    content[:] = b"\n".join(lines)


_DAMAGES = (_flip, _overwrite, _cut, _drop, _double, _move, _put, _word, _word, _words, _lines)


class Hang(BaseException):
    """Not an Exception: readers that catch those must not catch this."""


@contextlib.contextmanager
def in_time():
    def ring(*_):
        raise Hang(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def one_line(error: Exception) -> bool:
    return bool(str(error)) and str(error).isprintable()


# The readers: each takes the content of a file, and a folder to write it to.


def image(content: bytes, folder: Path) -> None:
    (folder / "x").write_bytes(content)
    for pixels, _ in LabelledImages((folder / "x",), (0,)).batches(Preprocessing(8, 8, 0, 1), 1):
        assert pixels.shape == (1, 3, 8, 8) and 0 <= pixels.min() <= pixels.max() <= 1


def checked(content: bytes, folder: Path) -> None:
    """A file of which a manifest has the SHA-256: taken only if nothing changed."""
    (folder / "x").write_bytes(content)
    verified(folder / "x", hashlib.sha256(CHECKED).hexdigest(), "fetch it again")
    assert content == CHECKED


def manifest(content: bytes, folder: Path) -> None:
    (folder / "m.sha256").write_bytes(content)
    for path, digest in checksum.manifest("m").items():
        assert re.fullmatch("[0-9a-f]{64}", digest) and (folder / path).resolve().is_relative_to(folder.resolve())


def claims_file(content: bytes, folder: Path) -> None:
    (folder / "claims.yml").write_bytes(content)
    claims.claims.cache_clear()
    for claim in claims.claims():
        assert claim.mark in claims.MARKS and all(isinstance(chapter, str) for chapter in claim.chapters)


def values_file(content: bytes, folder: Path) -> None:
    (folder / "values.yml").write_bytes(content)
    claims.values.cache_clear()
    for value in claims.values():
        assert value.value is None or np.isfinite(float(value.value))
        assert re.fullmatch(r"(repro\.experiments\.\w+:\w+)?", value.check or "")


def other_yaml(content: bytes, folder: Path) -> None:
    (folder / "other.yml").write_bytes(content)
    paper.read("other.yml")


def readers_values(content: bytes, folder: Path) -> None:
    (folder / "mine.csv").write_bytes(content)
    found = claims.read_paper_values(folder / "mine.csv")
    assert set(found) <= IDS and all(map(np.isfinite, found.values()))


def rows(content: bytes, folder: Path) -> None:
    (folder / "mac.csv").write_bytes(content)
    spec = experiment("mac")
    found = store.read(spec, folder)
    assert list(found.columns) == list(spec.columns) and not found.duplicated([*spec.keys, "scale"]).any()


def report(content: bytes, folder: Path) -> None:
    (folder / "x.rpt").write_bytes(content)
    found = vivado.read(folder / "x.rpt")
    assert min(found.lut, found.lut_cells, found.ff, found.carry, found.dsp) >= 0


def report_added(content: bytes, folder: Path) -> None:
    """The whole command: the row that it adds is read back."""
    (folder / "x.rpt").write_bytes(content)
    (folder / "vivado.csv").unlink(missing_ok=True)
    reports.add(folder / "x.rpt", folder)
    assert len(reports.load(folder)) == 1


def reports_rows(content: bytes, folder: Path) -> None:
    (folder / "vivado.csv").write_bytes(content)
    assert list(reports.load(folder).columns) == reports.COLUMNS


def interface(content: bytes, folder: Path) -> None:
    text = content.decode(errors="replace")
    for module in interfaces(text):
        assert all(map(one_line, breaches(module)))
    operators(text)


def linted(content: bytes, folder: Path) -> None:
    name = re.search(rb"^module (\w+)", content, re.MULTILINE)
    found = lint(content.decode(errors="replace"), f"{name[1].decode() if name else 'none'}.v")
    for finding in found:
        assert finding.rule in RULES and one_line(finding)
    if found:
        raise BadInput("the lint refuses by its findings")


def graph(content: bytes, folder: Path) -> None:
    found = dataflow(content.decode(errors="replace"))
    names = {signal.name for signal in found.signals}
    assert all(edge.source in names and edge.target in names for edge in found.edges)
    diagram(found)


def netlist(content: bytes, folder: Path) -> None:
    try:
        module = json.loads(content)
    except (ValueError, RecursionError):
        raise BadInput("no JSON, as Yosys always writes") from None
    found = Netlist.from_json("m", module)
    inputs = {wire: 0b0110 for name in ("a", "b") for wire in found.ports.get(name, ())}
    state = {wire: 0 for cell in found.registers for wire in cell.outputs}
    assert all(0 <= plane < 16 for plane in found.next_state(4, {**inputs, **state}).values())


def placed(content: bytes, folder: Path) -> None:
    found = place.read_report(content)
    assert found["mhz"] > 0 and 0 <= found["wires"] <= 1 and found["comb"] >= 0 and found["ff"] >= 0


def format_name(content: bytes, folder: Path) -> None:
    found = parse(content.decode(errors="replace"))
    assert parse(found.name) == found and len(found.values()) > 1


def pictures() -> list[bytes]:
    """Small images of many kinds and depths."""
    ramp = np.linspace(0, 255, 24 * 18).reshape(18, 24).astype(np.uint8)
    colours = Image.merge("RGB", [Image.fromarray(plane) for plane in (ramp, ramp[::-1], ramp[:, ::-1])])
    deep = Image.fromarray(ramp.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    kinds = [(colours, "PNG", {}), (colours.convert("LA"), "PNG", {}), (colours.convert("P"), "PNG", {"transparency": 3}),
             (deep, "PNG", {}), (colours, "JPEG", {"exif": exif}), (colours, "JPEG", {"progressive": True}),
             (colours.convert("CMYK"), "JPEG", {}), (deep, "TIFF", {}), (colours, "TIFF", {"compression": "tiff_lzw"}),
             (colours.convert("1"), "TIFF", {"compression": "group4"}), (deep, "JPEG2000", {}), (colours, "BMP", {}),
             (colours.convert("P"), "GIF", {"save_all": True, "append_images": [colours.rotate(90)]}), (colours, "WEBP", {}),
             (colours, "PPM", {}), (colours, "ICO", {}), (colours, "TGA", {"compression": "tga_rle"}), (colours, "AVIF", {})]
    found = []
    for picture, kind, options in kinds:
        stream = io.BytesIO()
        picture.save(stream, kind, **options)
        found.append(stream.getvalue())
    return found


def head(path: Path, lines: int) -> bytes:
    return b"".join(path.read_bytes().splitlines(keepends=True)[:lines])


CHECKED = bytes(range(256)) * 4
IDS = {"lut-int8", "lut-e4m3", "top1-e4m3", "width-int8"}
REPORT = b"""\
| Tool Version : Vivado v.2023.2 (lin64) Build 1
| Design       : mac_E4M3_E4M3_k4608_p49
| Device       : xczu7ev-ffvc1156-2-e
| Design State : Synthesized

+---------------+------+-------+-----------+-------+
|   Site Type   | Used | Fixed | Available | Util% |
+---------------+------+-------+-----------+-------+
| CLB LUTs*     |   91 |     0 |    230400 |  0.04 |
| CLB Registers |   49 |     0 |    460800 |  0.01 |
| CARRY8        |    9 |     0 |     28800 |  0.03 |
+---------------+------+-------+-----------+-------+

| Site Type | Used | Fixed | Available | Util% |
| DSPs      |    0 |     0 |      1728 |  0.00 |

+----------+------+---------------------+
| Ref Name | Used | Functional Category |
+----------+------+---------------------+
| LUT6     |   40 |                 CLB |
| FDRE     |   49 |            Register |
| LUT2     |   33 |                 CLB |
| CARRY8   |    9 |                 CLB |
+----------+------+---------------------+
"""
ADDED = (",".join(reports.COLUMNS) + "\n"
         "E4M3,E4M3,4608,49,tuned,xczu7ev-ffvc1156-2-e,Synthesized,Vivado v.2023.2,91,73,49,CARRY8,9,0\n"
         "INT8,INT8,4608,28,plain,xczu7ev,Routed,Vivado v.2023.2,74,82,28,CARRY8,5,0\n").encode()
NETLIST = {"ports": {"a": {"direction": "input", "bits": [2, 3]}, "b": {"direction": "input", "bits": [4, 5]},
                     "acc": {"direction": "output", "bits": [20, 21]}},
           "cells": {"l": {"type": "LUT2", "parameters": {"INIT": "0110"}, "connections": {"I0": [2], "I1": [4], "O": [6]}},
                     "i": {"type": "INV", "parameters": {}, "connections": {"I": [3], "O": [7]}},
                     "m": {"type": "MUXF7", "parameters": {}, "connections": {"I0": [6], "I1": [7], "S": [5], "O": [8]}},
                     "c": {"type": "CARRY4", "parameters": {}, "connections": {
                         "CI": ["0"], "CYINIT": ["1"], "S": [6, 7, 8, "0"], "DI": [2, 3, 4, 5], "O": [9, 10, 11, 12],
                         "CO": [13, 14, 15, 16]}},
                     "q": {"type": "FDRE", "parameters": {"INIT": "x"}, "connections": {
                         "C": [0], "CE": ["1"], "D": [11], "R": [2], "Q": [20]}},
                     "s": {"type": "FDSE", "parameters": {}, "connections": {
                         "C": [0], "CE": [3], "D": [16], "S": ["0"], "Q": [21]}}}}
PLACED = {"fmax": {"$glbnet$clk": {"achieved": 211.5, "constraint": 12.0}},
          "critical_paths": [
              {"from": "<async>", "to": "posedge clk", "path": [{"delay": 1.5, "type": "routing"}]},
              {"from": "posedge clk", "to": "posedge clk", "path": [
                  {"delay": 0.5, "type": "clk-to-q"}, {"delay": 2.1, "type": "routing"}, {"delay": 0.2, "type": "logic"}]}],
          "utilization": {"TRELLIS_COMB": {"available": 24288, "used": 51}, "TRELLIS_FF": {"available": 24288, "used": 27}}}
VERILOG = [path.read_bytes() for path in sorted(paths.RTL.glob("*.v"))]
READERS = {
    image: pictures(), checked: [CHECKED], manifest: [head(paths.MANIFESTS / "packages.sha256", 6)],
    claims_file: [head(paths.PAPER / "claims.yml", 57)], values_file: [head(paths.PAPER / "values.yml", 30)],
    other_yaml: [head(paths.PAPER / name, 25) for name in ("peers.yml", "prototype_luts.yml", "yosys_versions.yml")],
    readers_values: [b"id,value\nlut-int8,77\ntop1-e4m3,69.5\n",
                     b"\xef\xbb\xbfvalue,note,id\r\n1e2,\"a, b\",lut-e4m3\r\n50,,width-int8\r\n"],
    rows: [head(paths.RECORDED / "mac.csv", 12)], report: [REPORT], report_added: [REPORT], reports_rows: [ADDED],
    interface: VERILOG, linted: VERILOG, graph: VERILOG, netlist: [json.dumps(NETLIST).encode()],
    placed: [json.dumps(PLACED).encode()], format_name: [b"E4M3", b"E5M2B16", b"INT8N", b"UINT4", b"E3M2B-7"],
}
"""Reader -> valid samples."""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder that stands for those of the checkout; what was read is forgotten before and after."""
    for name in ("MANIFESTS", "PAPER"):
        monkeypatch.setattr(paths, name, tmp_path)
    known = "".join(f"- {{id: {name}, paper: p, where: w, mark: V, chapters: []}}\n" for name in sorted(IDS))
    (tmp_path / "values.yml").write_text(known)
    yield tmp_path
    for cached in (claims.claims, claims.values):
        cached.cache_clear()


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_samples_are_taken(reader, elsewhere):
    claims.values.cache_clear()
    for sample in READERS[reader]:
        reader(sample, elsewhere)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_damaged_file_is_taken_or_refused_in_one_line(reader, elsewhere):
    claims.values.cache_clear()
    reader(READERS[reader][0], elsewhere)  # a first call may build parsers
    refused = 0
    for number in range(EACH):
        content = damaged(Random(f"{reader.__name__} {number}"), READERS[reader])
        try:
            with in_time():
                reader(content, elsewhere)
        except BadInput as error:
            refused += 1
            assert one_line(error), f"damage {number}: {error!r}"
        except Exception as error:
            error.add_note(f"damage {number} of {reader.__name__}")
            raise
    assert 0 < refused


@settings(max_examples=4 * EACH, derandomize=True, deadline=None)
@given(st.one_of(st.text(), st.text("EeMmBbUuIiNnTt-+. 0123456789\u0663\u0131", max_size=9)))
def test_any_text_is_a_format_or_none(text):
    with in_time():
        try:
            found = parse(text)
        except BadInput as error:
            assert one_line(error)
        else:
            assert parse(found.name) == found and found.bits <= 16


def _stop(*_, **__):
    raise BadInput("here the work would begin")


@pytest.fixture
def no_work(tmp_path, monkeypatch):
    """Commands read their arguments and stop before the work; they stand in an empty folder beside some odd files."""
    for work in ("repro.runner.run", "repro.verify.verify", "repro.datasets.fetch.fetch", "hw.variants.build",
                 "hw.synth.synthesise", "repro.claims.claims"):
        monkeypatch.setattr(work, _stop)
    for digest in ("repro.runner.code_digest", "repro.store.code_digest"):
        monkeypatch.setattr(digest, lambda experiment: "")
    for name, content in (("report.rpt", REPORT.replace(b"E4M3_E4M3", b"E4M3_E9M9")), ("rows.csv", ADDED),
                          ("mine.csv", b"id,value\nx,1\n"), ("noise", bytes(range(256))), ("empty", b""),
                          ("a\nb", b"id,value\n\x00,\xff")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "mac.csv").write_bytes(b"a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)


OPTIONS = sorted({option for command in main.commands.values() for parameter in command.params for option in parameter.opts
                  if option.startswith("-")} - {"--dsp"})
WORDS = st.one_of(
    st.sampled_from([*OPTIONS, "--help", "-h", "--", "-", "--n=0", "--points=-1", "--seed=x"]),
    st.sampled_from("E4M3 INT8 UINT4 E2M1 E10M2 E4M3B600 FP8 int2n mac top1 sqnr vivado fakequant".split()),
    st.sampled_from("smoke laptop paper 1/4 0/0 3/2 imagenet-sample".split()),
    st.sampled_from(["report.rpt", "rows.csv", "mine.csv", "noise", "empty", "a\nb", "folder", "broken", "none/such", "noise/x"]),
    st.sampled_from(["", ".", "0", "1", "-1", "2", "9", "1e3", "9" * 30, "9" * 5000, "nan", "x" * 300]),
    st.sampled_from(["\u0663", "\u2028", "\x1b[31m", "\udcff"]),  # the last is how Python shows a byte that is no UTF-8
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=8))


@settings(max_examples=4 * EACH, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(set(main.commands) - {"doctor"})), st.lists(WORDS, max_size=6))
def test_any_arguments_end_well_or_in_one_line(no_work, command, words):
    with in_time():
        done = CliRunner().invoke(main, [command, *words])
    assert isinstance(done.exception, SystemExit | None), (words, done.exception)
    if done.exit_code:
        assert done.exit_code == 2 and done.stderr.startswith("repro: ")
        assert done.stderr.endswith("\n") and done.stderr[:-1].isprintable()
