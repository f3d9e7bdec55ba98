"""Files are replaced whole, and what is no file is not replaced."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from repro.atomic import alone_with, replacing
from repro.errors import BadInput
from repro.paths import ROOT


def put(path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """Sets the umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask, expected", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_follows_the_umask(tmp_path, umask, mask, expected):
    umask(mask)
    put(tmp_path / "deep" / "er" / "new", "text")
    assert mode(tmp_path / "deep" / "er" / "new") == expected


@pytest.mark.parametrize("kept", [0o600, 0o660, 0o664, 0o755])
def test_an_old_file_keeps_its_mode(tmp_path, kept):
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(kept)
    put(path, "new")
    assert (path.read_text(), mode(path)) == ("new", kept)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_an_old_file_keeps_its_owner(tmp_path):
    path = tmp_path / "old"
    path.write_text("old")
    os.chown(path, 12345, 23456)
    put(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid, path.read_text()) == (12345, 23456, "new")


def test_nobody_reads_a_private_file_while_it_is_written(tmp_path):
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(0o600)
    with replacing(path) as temporary:
        assert mode(temporary) == 0o600


def test_links_stay_and_lead_to_the_new_text(tmp_path):
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "file"
    target.write_text("old")
    (tmp_path / "link").symlink_to("real/file")
    (tmp_path / "second").symlink_to("link")
    put(tmp_path / "second", "new")
    assert target.read_text() == (tmp_path / "link").read_text() == "new"
    assert (tmp_path / "link").is_symlink() and (tmp_path / "second").is_symlink() and not target.is_symlink()
    (tmp_path / "dangling").symlink_to("real/absent")
    put(tmp_path / "dangling", "there now")
    assert (tmp_path / "real" / "absent").read_text() == "there now" and (tmp_path / "dangling").is_symlink()
    assert sorted(p.name for p in (tmp_path / "real").iterdir()) == ["absent", "file"]


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_written_to(tmp_path, linked):
    os.mkfifo(tmp_path / "pipe")
    if linked:
        (tmp_path / "link").symlink_to("pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    put(tmp_path / ("link" if linked else "pipe"), "through")
    reader.join(timeout=20)
    assert got == ["through"] and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert {p.name for p in tmp_path.iterdir()} <= {"pipe", "link"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make devices")
def test_a_device_stays_one(tmp_path):
    try:
        os.mknod(tmp_path / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices can be made here")
    put(tmp_path / "null", "gone")
    assert stat.S_ISCHR((tmp_path / "null").stat().st_mode)


def test_what_cannot_be_replaced_is_named(tmp_path):
    for path, message in (("-", "- is no name of a file"), (tmp_path, "is a folder: name a file in it")):
        with pytest.raises(BadInput, match=message):
            put(path, "text")
    assert not (ROOT / "-").exists() and list(tmp_path.iterdir()) == []


SCRIPT = """
import sys
from repro.atomic import replacing
print("said")
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("written ")
"""


def run_script(path, stdout):
    return subprocess.run([sys.executable, "-c", SCRIPT, path], cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True)


def test_standard_output_may_be_a_pipe_but_no_file_that_it_would_replace(tmp_path):
    stdout = tmp_path / "stdout"
    stdout.symlink_to("/proc/self/fd/1")  # as /dev/stdout, which a failing test would replace
    assert sorted(run_script(stdout, subprocess.PIPE).stdout.split()) == ["said", "written"]
    for path in (stdout, tmp_path / "out"):
        with open(tmp_path / "out", "w") as out:
            done = run_script(path, out)
        assert done.returncode == 1 and "is where this program's own output goes" in done.stderr
        assert (tmp_path / "out").read_text() == "said\n" and stdout.is_symlink()


def test_a_write_protected_file_is_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(0o444)
    monkeypatch.setattr("repro.atomic.os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(BadInput, match="old is write-protected"):
        put(path, "new")
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["old"]


def test_one_at_a_time_and_left_overs_go(tmp_path):
    path = tmp_path / "count"
    put(path, "0")
    (tmp_path / ".count.0123abcd").write_text("half a file")

    def add():
        for _ in range(20):
            with alone_with(path):
                put(path, str(int(path.read_text()) + 1))

    workers = [threading.Thread(target=add) for _ in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert path.read_text() == "100"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".count.lock", "count"]
