"""Write a file whole or not at all, and change one without losing what another process writes."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from repro.errors import BadInput


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file that takes the place of `path` when the block ends well, and vanishes when it does not.

    Readers see the old file or the new one, never a part; folders are made as needed. A link stays and the file that it leads
    to is replaced; mode, group and owner stay, and a new file follows the umask. A pipe or a device cannot be replaced: it is
    written to.
    Raises BadInput for a folder, for a write-protected file, and for the file that this program's own output goes to.
    """
    path = Path(path)
    if path == Path("-"):
        raise BadInput("- is no name of a file here: name one, or /dev/stdout in a pipe")
    if path.is_dir():
        raise BadInput(f"{path} is a folder: name a file in it")
    stream = path.exists() and not path.is_file()
    target = path if stream else Path(os.path.realpath(path))
    old = target.stat() if target.is_file() else None
    if old and not os.access(target, os.W_OK):
        raise BadInput(f"{path} is write-protected: name another file, or allow writing to it")
    if old and _is_own_output(old):
        raise BadInput(f"{path} is where this program's own output goes: name another file")
    folder = Path(tempfile.gettempdir()) if stream else target.parent
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{target.name}.{secrets.token_hex(4)}"
    # A file that few may read is not open to more while it is written; a new one gets what the umask leaves.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if old or stream else 0o666))
    try:
        yield temporary
        if stream:
            with open(temporary, "rb") as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)
            return
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        if old:
            with suppress(PermissionError):  # only root may give a file to another owner
                os.chown(temporary, old.st_uid, old.st_gid)
            os.chmod(temporary, old.st_mode & 0o7777)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Only one process at a time is in such a block for this file: what reads it, changes it and replaces it belongs in one.

    Temporary files that killed processes left beside it are removed; folders are made as needed.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        for left_over in path.parent.glob(f".{path.name}.????????"):
            left_over.unlink()
        yield


def _is_own_output(status: os.stat_result) -> bool:
    for handle in (1, 2):
        with suppress(OSError):  # closed
            if os.path.samestat(os.fstat(handle), status):
                return True
    return False
