"""Images: preprocessing, labels, and files that are none."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from repro.datasets import fetch, foolbox_images, imagenet_sample
from repro.datasets.images import LabelledImages, Preprocessing

LITE = Preprocessing(resize=256, crop=224, mean=127 / 255, std=128 / 255)


def test_preprocessing_is_x_minus_127_over_128_on_a_centre_crop():
    pixels = np.full((512, 600, 3), 255, dtype=np.uint8)
    pixels[:, :60] = pixels[:, -60:] = 0  # outside the crop
    tensor = LITE(Image.fromarray(pixels))
    assert tensor.shape == (3, 224, 224) and tensor.dtype == torch.float32
    assert torch.allclose(tensor, torch.full_like(tensor, 1.0))
    assert torch.allclose(LITE(Image.new("L", (300, 300), 127)), torch.zeros(3, 224, 224), atol=1e-6)


def test_foolbox_has_twenty_labelled_images():
    images = foolbox_images.load()
    assert len(images) == 20 and images.labels[:3] == (243, 559, 438)
    batches = list(images.batches(LITE, 8))
    assert [len(labels) for _, labels in batches] == [8, 8, 4]
    assert torch.cat([labels for _, labels in batches]).tolist() == list(images.labels)


@pytest.mark.parametrize("content", [b"", b"not an image", None], ids=["empty", "text", "missing"])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "x.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="x.jpg is (missing|no readable image)") as caught:
        list(LabelledImages((path,), (0,)).batches(LITE, 1))
    assert "\n" not in str(caught.value)


def test_a_truncated_image_is_named(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(foolbox_images.load().paths[0].read_bytes()[:5000])
    with pytest.raises(ValueError, match="no readable image"):
        list(LabelledImages((path,), (0,)).batches(LITE, 1))


@pytest.mark.skipif(not os.environ.get("REPRO_MIRROR") and not fetch.is_present("imagenet-sample"),
                    reason="the 1,000 images are neither fetched nor in a mirror (set REPRO_MIRROR)")
def test_the_thousand_images_are_one_a_class():
    fetch.fetch("imagenet-sample")
    images = imagenet_sample.load()
    assert images.labels == tuple(range(1000))
    assert images.paths[0].name == "n01440764_tench.JPEG" and images.paths[999].name.startswith("n15075141")
