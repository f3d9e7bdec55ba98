"""Image files to network inputs.

Files of any depth are read as the networks' training read them: the first frame, the pixels as they are stored (a rotation
in the EXIF data is not applied) and the colours without their alpha channel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION
from torch import Tensor

from repro.errors import BadInput
from repro.vision import torchvision


@dataclass(frozen=True)
class Preprocessing:
    """Shorter side to `resize` pixels (bicubic), centre crop of `crop` pixels, then (x/255 - mean) / std."""

    resize: int
    crop: int
    mean: float
    std: float

    def __call__(self, image: Image.Image) -> Tensor:
        """An image to a float32 tensor (3, crop, crop); grey images become RGB, 16 bits a channel become 8.

        Raises BadInput for pixels without an agreed black and white (floats, 32-bit integers), and for an image so narrow
        that it would be resized to more pixels than Pillow opens without a warning.
        """
        functional = torchvision.transforms.functional
        if Image.MAX_IMAGE_PIXELS and self.resize**2 * max(image.size) >= Image.MAX_IMAGE_PIXELS * min(image.size):
            raise BadInput(f"an image of {image.width} x {image.height} pixels is too narrow to be resized: cut it first")
        image = functional.resize(_rgb(image), self.resize, torchvision.transforms.InterpolationMode.BICUBIC)
        pixels = functional.pil_to_tensor(functional.center_crop(image, self.crop))
        return (pixels.to(torch.float32) / 255 - self.mean) / self.std


@dataclass(frozen=True)
class LabelledImages:
    """Image files with their class indices; read from disk batch by batch."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def subset(self, indices: Sequence[int]) -> "LabelledImages":
        """The images at these positions, in this order."""
        return LabelledImages(tuple(self.paths[i] for i in indices), tuple(self.labels[i] for i in indices))

    def batches(self, preprocessing: Preprocessing, size: int):
        """Yield (images (n, 3, crop, crop) float32, labels (n,) int64), n <= size, in order.

        Raises BadInput naming the file when one is not a readable image.
        """
        for start in range(0, len(self), size):
            images = torch.stack([_network_input(path, preprocessing) for path in self.paths[start:start + size]])
            yield images, torch.tensor(self.labels[start:start + size])


def _network_input(path: Path, preprocessing: Preprocessing) -> Tensor:
    with _open(path) as image:
        try:
            return preprocessing(image)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
        image.load()
        return image
    except FileNotFoundError:
        raise BadInput(f"{path} is missing: fetch or reinstall the data set (`repro doctor` tells which)") from None
    except Exception as error:  # Pillow's readers raise a different class for each way to be broken
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path} is no readable image ({reason}): fetch or reinstall the data set") from None


def _rgb(image: Image.Image) -> Image.Image:
    """The image in RGB, 8 bits a channel. Of 16 bits the upper 8 stay, as Pillow does with colours; its own conversion of
    deep grey clips at 255, and that of floats too, where 1.0 is usually white.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        tags = getattr(image, "tag_v2", {})
        grey = (np.asarray(image) >> (tags.get(BITSPERSAMPLE, (16,))[0] - 8)).astype(np.uint8)  # TIFF also has 12 bits
        image = Image.fromarray(255 - grey if tags.get(PHOTOMETRIC_INTERPRETATION) == 0 else grey)  # 0: white is zero
    if image.mode in ("I", "F"):
        raise BadInput(f"pixels of mode {image.mode} have no agreed black and white: convert them to 8 or 16 bits a channel")
    try:
        return image.convert("RGB")
    except ValueError as error:
        raise BadInput(f"{error}: convert the image to RGB first") from None
