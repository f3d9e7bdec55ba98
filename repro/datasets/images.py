"""Image files to network inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, UnidentifiedImageError
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
        """An image to a float32 tensor (3, crop, crop); grey images become RGB."""
        functional = torchvision.transforms.functional
        image = functional.resize(image.convert("RGB"), self.resize, torchvision.transforms.InterpolationMode.BICUBIC)
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
            images = torch.stack([preprocessing(_open(path)) for path in self.paths[start:start + size]])
            yield images, torch.tensor(self.labels[start:start + size])


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
        image.load()
        return image
    except FileNotFoundError:
        raise BadInput(f"{path} is missing: fetch or reinstall the data set (`repro doctor` tells which)") from None
    except (UnidentifiedImageError, OSError) as error:
        raise BadInput(f"{path} is no readable image ({error}): fetch or reinstall the data set") from None
