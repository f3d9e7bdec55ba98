"""One ImageNet image of each of the 1,000 classes (see `fetch.REMOTES["imagenet-sample"]` for source and caveats)."""

from repro.datasets import fetch
from repro.datasets.images import LabelledImages


def load() -> LabelledImages:
    """The 1,000 images; files sorted by WordNet id are in the order of the class indices.

    Raises BadInput when the set has not been fetched, or a file is truncated or altered.
    """
    files = sorted(fetch.files("imagenet-sample"), key=lambda path: path.name)
    return LabelledImages(tuple(files), tuple(range(len(files))))
