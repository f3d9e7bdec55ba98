"""Twenty ImageNet images that the pip package foolbox carries (MIT): enough for SQNR, not for accuracy."""

from repro.datasets.checksum import manifest, package_file
from repro.datasets.images import LabelledImages
from repro.errors import BadInput

IMAGES = 20


def load() -> LabelledImages:
    """The 20 images in the order of their numbers; the class index is the last part of each file's name.

    Raises BadInput when the package or a file is missing or altered, or when the manifest does not name all of them.
    """
    members = sorted(name.removeprefix("foolbox/") for name in manifest("packages") if name.startswith("foolbox/"))
    if len(members) != IMAGES:
        raise BadInput(f"the manifest of packages names {len(members)} images of foolbox, not {IMAGES}: restore it with git")
    paths = tuple(package_file("foolbox", member) for member in members)
    return LabelledImages(paths, tuple(int(path.stem.split("_")[-1]) for path in paths))
