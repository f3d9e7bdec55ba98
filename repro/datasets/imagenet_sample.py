"""One ImageNet image of each of the 1,000 classes (see `fetch.REMOTES["imagenet-sample"]` for source and caveats)."""

from repro.datasets import fetch
from repro.datasets.images import LabelledImages
from repro.errors import BadInput

CLASSES = 1000


def load() -> LabelledImages:
    """The 1,000 images; files sorted by WordNet id are in the order of the class indices.

    Raises BadInput when the set has not been fetched, when a file is truncated or altered, and when the manifest has lost a
    line, which would give every later image another class.
    """
    files = sorted(fetch.files("imagenet-sample"), key=lambda path: path.name)
    if len(files) != CLASSES:
        raise BadInput(f"the manifest of imagenet-sample names {len(files)} files, not {CLASSES}: restore it with git")
    return LabelledImages(tuple(files), tuple(range(len(files))))
