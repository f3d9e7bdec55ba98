"""Fetching: checked, atomic, resumed; every failure one line."""

import hashlib

import pytest

from repro import paths
from repro.datasets import fetch
from repro.datasets.checksum import package_file, verified
from repro.errors import BadInput

FILES = {"a.bin": b"first", "sub.bin": b"second" * 1000}


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A data set of two files in a mirror; returns the mirror's folder."""
    mirror, manifests = tmp_path / "mirror" / "tiny-folder", tmp_path / "manifests"
    mirror.mkdir(parents=True)
    manifests.mkdir()
    for name, content in FILES.items():
        (mirror / name).write_bytes(content)
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in FILES.items()]
    (manifests / "tiny.sha256").write_text("".join(lines))
    monkeypatch.setattr(paths, "MANIFESTS", manifests)
    monkeypatch.setattr(paths, "DOWNLOADS", tmp_path / "downloads")
    monkeypatch.setitem(fetch.REMOTES, "tiny", fetch.Remote("tiny", "", "http://127.0.0.1:9/", "tiny-folder", ""))
    monkeypatch.setenv("REPRO_MIRROR", str(mirror.parent))
    return mirror


def left_over(home):
    return sorted(p.name for p in home.iterdir())


def test_fetch_brings_every_file_and_a_second_call_none(tiny):
    assert not fetch.is_present("tiny")
    home = fetch.fetch("tiny")
    assert fetch.is_present("tiny")
    assert [path.read_bytes() for path in fetch.files("tiny")] == list(FILES.values())
    (tiny / "a.bin").unlink()  # a second call needs no source
    assert fetch.fetch("tiny") == home and left_over(home) == sorted(FILES)


@pytest.mark.parametrize("damage", [b"", b"secon", b"other" * 1000], ids=["empty", "truncated", "altered"])
def test_a_wrong_source_is_refused_and_nothing_of_it_stays(tiny, damage):
    (tiny / "sub.bin").write_bytes(damage)
    with pytest.raises(ValueError, match="SHA-256 .* expected .*damaged") as caught:
        fetch.fetch("tiny")
    assert "\n" not in str(caught.value)
    assert left_over(paths.DOWNLOADS / "tiny") == ["a.bin"]


def test_a_file_damaged_later_is_noticed_and_fetched_again(tiny):
    home = fetch.fetch("tiny")
    (home / "sub.bin").write_bytes(b"second")
    with pytest.raises(ValueError, match="sub.bin .6 bytes. has SHA-256 .*run `repro fetch tiny`"):
        fetch.files("tiny")
    fetch.fetch("tiny")
    assert len(fetch.files("tiny")) == 2


def test_a_missing_file_names_the_way_out(tiny):
    home = fetch.fetch("tiny")
    (home / "a.bin").unlink()
    with pytest.raises(ValueError, match="a.bin is missing: run `repro fetch tiny`"):
        fetch.files("tiny")
    (tiny / "a.bin").unlink()
    with pytest.raises(ValueError, match="cannot be read from the mirror"):
        fetch.fetch("tiny")


DIGEST = hashlib.sha256(b"first").hexdigest()


@pytest.mark.parametrize("lines, message", [
    (["x  a.bin"], "line 1: not a SHA-256 digest and a path"), ([f"{DIGEST} a.bin"], "line 1"), ([f"{DIGEST}  "], "line 1"),
    ([f"{DIGEST}  a.bin", ""], "line 2"), ([f"{DIGEST}  a.bin"] * 2, "line 2: .*of its own"), ([], "is empty"),
    *(([f"{DIGEST}  {path}"], "line 1")
      for path in ("/etc/passwd", "../a.bin", "b/../../a.bin", "a\0.bin", "a\ufffd.bin", "a" * 999, "a//b")),
])
def test_a_manifest_has_digests_and_paths_inside_its_folder(tiny, lines, message):
    (paths.MANIFESTS / "tiny.sha256").write_text("".join(f"{line}\n" for line in lines))
    for use in (fetch.fetch, fetch.files):
        with pytest.raises(BadInput, match=f"tiny.sha256.*{message}.*restore it with git"):
            use("tiny")
    assert not [*paths.DOWNLOADS.glob("*/*")]


def test_a_package_file_without_a_digest_is_named(tiny):
    (paths.MANIFESTS / "packages.sha256").write_text(f"{DIGEST}  foolbox/x\n")
    with pytest.raises(BadInput, match="packages.sha256 has no line for foolbox/y: restore it with git"):
        package_file("foolbox", "y")


def test_no_network_is_one_line(tiny, monkeypatch):
    monkeypatch.delenv("REPRO_MIRROR")
    with pytest.raises(ValueError, match="127.0.0.1:9/a.bin cannot be fetched .*set REPRO_MIRROR") as caught:
        fetch.fetch("tiny")
    assert "\n" not in str(caught.value)
    assert left_over(paths.DOWNLOADS / "tiny") == []


def test_files_from_packages_are_checked_too(tmp_path):
    with pytest.raises(ValueError, match="no-such-package is not installed: reinstall it with `pip install"):
        package_file("no-such-package", "x")
    with pytest.raises(ValueError, match="is missing: do something"):
        verified(tmp_path / "none", "0" * 64, "do something")
