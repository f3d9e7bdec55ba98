"""Images: preprocessing, labels, and files that are none."""

import os
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from repro import paths
from repro.datasets import fetch, foolbox_images, imagenet_sample
from repro.datasets.images import LabelledImages, Preprocessing
from repro.errors import BadInput

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


EIGHT = Preprocessing(resize=8, crop=8, mean=0, std=1)
"""What it makes of 8 x 8 pixels is their values, divided by 255."""
RAMP = np.tile(np.linspace(0, 65535, 8).astype(np.uint16), (8, 1))
"""0, 9362, ..., 65535 in each line."""
SHOWN = [0, 36, 73, 109, 146, 182, 219, 255]
"""The same in 8 bits."""


def pixels(path):
    """(8, 8, 3), 0 to 255."""
    (tensor, _), = LabelledImages((path,), (0,)).batches(EIGHT, 1)
    return (tensor[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def png(samples, colour_type):
    """A PNG file of 16-bit samples (8, 8) or (8, 8, channels), which Pillow cannot write in colour."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, colour_type, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def tiff(data, bits, sample_format=1, white_is_zero=False, order="<"):
    """An uncompressed TIFF file of 8 x 8 grey samples; sample_format 1 is unsigned, 2 signed, 3 float."""
    tags = ((256, 8), (257, 8), (258, bits), (259, 1), (262, int(not white_is_zero)), (273, 8), (277, 1), (278, 8),
            (279, len(data)), (339, sample_format))
    entries = b"".join(struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(data))
    return start + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def twelve_bits(samples):
    """Two samples in three bytes."""
    return bytes(np.packbits((samples.reshape(-1, 1) >> np.arange(11, -1, -1) & 1).astype(np.uint8)))


DEEP = {
    "png": png(RAMP, 0),
    "png-colour": png(np.stack([RAMP] * 3, -1), 2),
    "png-alpha": png(np.stack([RAMP, np.full_like(RAMP, 9)], -1), 4),
    "pgm": b"P5 8 8 65535\n" + RAMP.astype(">u2").tobytes(),
    "pgm-12": b"P5 8 8 4095\n" + (RAMP >> 4).astype(">u2").tobytes(),
    "tiff": tiff(RAMP.tobytes(), 16),
    "tiff-big-endian": tiff(RAMP.astype(">u2").tobytes(), 16, order=">"),
    "tiff-white-is-zero": tiff((65535 - RAMP).astype(np.uint16).tobytes(), 16, white_is_zero=True),
    "tiff-12": tiff(twelve_bits(RAMP >> 4), 12),
}


@pytest.mark.parametrize("kind", DEEP)
def test_a_deep_ramp_stays_a_ramp(tmp_path, kind):
    (tmp_path / "x").write_bytes(DEEP[kind])
    assert (pixels(tmp_path / "x") == np.array(SHOWN)[:, None]).all()


def test_sixteen_bits_made_of_eight_come_back():
    """Writers fill the lower byte with the upper one or with zeros; grey and colour take the same 8 bits."""
    values = np.arange(256).reshape(16, 16)
    sixteen = Preprocessing(resize=16, crop=16, mean=0, std=1)
    for lower in (values, 0 * values, 0 * values + 255):
        image = Image.fromarray((values * 256 + lower).astype(np.uint16))
        assert image.mode == "I;16"
        assert torch.equal((sixteen(image) * 255).round()[1], torch.tensor(values, dtype=torch.float32))


@pytest.mark.parametrize("content", [
    tiff((RAMP / 65535).astype(np.float32).tobytes(), 32, 3), tiff(RAMP.astype(np.int32).tobytes(), 32, 2),
    tiff(RAMP.astype(np.uint32).tobytes(), 32), tiff((RAMP - 32768.0).astype(np.int16).tobytes(), 16, 2),
    b"Pf\n8 8\n-1.0\n" + (RAMP / 65535).astype(np.float32).tobytes(),
], ids=["float", "int32", "uint32", "int16", "pfm"])
def test_pixels_whose_black_and_white_nobody_knows_are_refused(tmp_path, content):
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(BadInput, match="x.tif: pixels of mode [IF] have no agreed black and white: convert"):
        pixels(tmp_path / "x.tif")


RED, BLUE = (255, 0, 0), (0, 0, 255)


def left_red(mode="RGB"):
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (8, 8), BLUE)
    image.paste(RED, (0, 0, 4, 8))
    return image.convert(mode)


def test_colours_of_every_kind(tmp_path):
    expected = np.asarray(left_red())
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    clear = left_red("RGBA")
    clear.putalpha(0)
    saved = {"palette.png": (left_red("P"), {"transparency": 0}), "palette.gif": (left_red("P"), {}),
             "alpha.png": (clear, {}), "rotated.png": (left_red(), {"exif": exif}), "cmyk.tif": (left_red("CMYK"), {}),
             "first.gif": (left_red("P"), {"save_all": True, "append_images": [Image.new("P", (8, 8), 1)]}),
             "first.tif": (left_red(), {"save_all": True, "append_images": [Image.new("L", (8, 8), 1)]})}
    for name, (image, options) in saved.items():
        image.save(tmp_path / name, **options)
        assert (pixels(tmp_path / name) == expected).all(), name
    left_red("YCbCr").save(tmp_path / "y.jpg", quality=100, subsampling=0)
    assert np.abs(pixels(tmp_path / "y.jpg").astype(int) - expected).max() <= 4  # JPEG loses that
    left_red().getchannel("R").convert("1").save(tmp_path / "bits.png")
    assert (pixels(tmp_path / "bits.png") == expected[:, :, :1]).all()


def test_broken_and_hostile_files_are_named(tmp_path):
    """Pillow raises SyntaxError, DecompressionBombError, struct.error, ... for these."""
    good = png(RAMP, 0)
    bomb = good[:16] + struct.pack(">II", 20_000, 20_000) + good[24:29]
    bomb += struct.pack(">I", zlib.crc32(bomb[12:])) + good[33:]
    for name, content in {"chunk.png": good[:37] + b"\0\1\2\3" + good[41:], "bomb.png": bomb, "cut.png": good[:-30],
                          "checksum.png": good[:55] + bytes([good[55] ^ 1]) + good[56:], "cut.tif": DEEP["tiff"][:30],
                          "far.tif": DEEP["tiff"][:4] + b"\xff" * 4 + DEEP["tiff"][8:]}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=f"{name} is no readable image .*: fetch or reinstall") as caught:
            pixels(tmp_path / name)
        assert str(caught.value).isprintable()
    with pytest.raises(BadInput, match="x is no readable image .*directory"):
        (tmp_path / "x").mkdir()
        pixels(tmp_path / "x")


def test_an_image_like_a_thread_is_not_resized_to_gigabytes(tmp_path):
    Image.new("L", (1, 20_000)).save(tmp_path / "thread.png")
    with pytest.raises(BadInput, match="thread.png: an image of 1 x 20000 pixels is too narrow"):
        list(LabelledImages((tmp_path / "thread.png",), (0,)).batches(LITE, 1))


@pytest.mark.parametrize("load, name", [(imagenet_sample.load, "imagenet-sample"), (foolbox_images.load, "packages")])
def test_a_manifest_that_lost_a_line_is_noticed(tmp_path, monkeypatch, load, name):
    """Each later image would get another class."""
    lines = (paths.MANIFESTS / f"{name}.sha256").read_text().splitlines(keepends=True)
    monkeypatch.setattr(paths, "MANIFESTS", tmp_path)
    monkeypatch.setattr(fetch, "verified", lambda path, digest, remedy: path)
    (tmp_path / f"{name}.sha256").write_text("".join(lines[:7] + lines[8:]))
    with pytest.raises(BadInput, match=f"the manifest of {name} names (999|19) "):
        load()


@pytest.mark.skipif(not os.environ.get("REPRO_MIRROR") and not fetch.is_present("imagenet-sample"),
                    reason="the 1,000 images are neither fetched nor in a mirror (set REPRO_MIRROR)")
def test_the_thousand_images_are_one_a_class():
    fetch.fetch("imagenet-sample")
    images = imagenet_sample.load()
    assert images.labels == tuple(range(1000))
    assert images.paths[0].name == "n01440764_tench.JPEG" and images.paths[999].name.startswith("n15075141")
