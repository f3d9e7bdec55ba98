"""Data sets that are no pip package: where they come from, their checksums, a progress bar, nothing half-written."""

import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from repro import paths
from repro.atomic import replacing
from repro.datasets.checksum import manifest, sha256, verified
from repro.errors import BadInput


@dataclass(frozen=True)
class Remote:
    """A set of files listed in data/manifests/<name>.sha256, under `url` on the web and `folder` in a mirror."""

    name: str
    title: str
    url: str
    folder: str
    note: str

    @property
    def home(self) -> Path:
        """Where the files lie once fetched."""
        return paths.DOWNLOADS / self.name


REMOTES = {
    remote.name: remote
    for remote in (
        Remote(
            name="imagenet-sample",
            title="1,000 ImageNet images, one a class",
            url="https://raw.githubusercontent.com/EliSchwartz/imagenet-sample-images/bc69043e2862758a1906c6a24a792bb28c6bb2ff/",
            folder="imagenet-sample-images",
            note="no licence stated; very likely training images: read drops against float, not absolute accuracy",
        ),
    )
}


def remote(name: str) -> Remote:
    """The data set called `name`. Raises BadInput, listing the known names, for any other."""
    if name not in REMOTES:
        raise BadInput(f"unknown data set {name!r}: `repro fetch` knows {', '.join(sorted(REMOTES))}")
    return REMOTES[name]


def is_present(name: str) -> bool:
    """Whether every file of the data set has been fetched (by name; contents are checked when they are opened)."""
    home = remote(name).home
    return home.is_dir() and set(manifest(name)) <= {entry.name for entry in os.scandir(home)}


def files(name: str) -> list[Path]:
    """The data set's files in the manifest's order, each checked by SHA-256.

    Raises BadInput when one is missing, truncated or altered.
    """
    home, remedy = remote(name).home, f"run `repro fetch {name}`"
    return [verified(home / path, digest, remedy) for path, digest in manifest(name).items()]


def fetch(name: str) -> Path:
    """Bring the data set from $REPRO_MIRROR if that is set, else from the web; files already right are kept.

    Each file is written beside its place and renamed once its SHA-256 matched, so a kill leaves no half file and the
    next call goes on. Raises BadInput when a source does not answer or a checksum is wrong.
    """
    data, mirror = remote(name), paths.mirror()
    data.home.mkdir(parents=True, exist_ok=True)
    for path, digest in tqdm(manifest(name).items(), desc=f"fetch {name}", unit="file"):
        target = data.home / path
        if target.is_file() and sha256(target) == digest:
            continue
        content = _from_mirror(mirror / data.folder / path) if mirror else _from_web(data.url + path)
        with replacing(target) as temporary:
            temporary.write_bytes(content)
            verified(temporary, digest, f"the source of {path} is damaged; try another mirror, or unset REPRO_MIRROR")
    return data.home


def _from_mirror(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read from the mirror ({error.strerror}): correct or unset REPRO_MIRROR") from None


def _from_web(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read()
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise BadInput(f"{url} cannot be fetched ({reason}): check the network, or set REPRO_MIRROR to a folder with a copy") from None
