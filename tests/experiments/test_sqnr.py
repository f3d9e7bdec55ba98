"""The SQNR experiment at smoke scale, against noise computed here by hand."""

import numpy as np
import pytest
import torch

from repro.datasets import foolbox_images
from repro.experiments import sqnr
from repro.formats import parse
from repro.models import zoo
from repro.ptq.pipeline import merge_batch_norm


@pytest.fixture(scope="module")
def rows():
    return {name: sqnr.EXPERIMENT.compute([{"network": "efficientnet-lite0", "format": name, "activations": "signed"}], "smoke")
            for name in ("INT8", "E2M1")}


def test_a_row_for_each_of_the_fifty_layers(rows):
    for found in rows.values():
        assert [row["index"] for row in found] == list(range(50))
        assert found[0]["layer"] == "stem.conv" and found[-1]["layer"] == "classifier"


def test_weight_noise_is_what_the_format_gives_by_hand(rows):
    weight = merge_batch_norm(zoo.network("efficientnet-lite0").load(), torch.zeros(1, 3, 224, 224)).get_submodule("blocks.5.project.conv").weight
    weight = weight.detach().double().numpy()
    scale = np.abs(weight).max(axis=(1, 2, 3), keepdims=True) / 6
    noise = parse("E2M1").round(weight / scale) * scale - weight
    expected = 10 * np.log10((weight**2).sum() / (noise**2).sum())
    row = next(row for row in rows["E2M1"] if row["layer"] == "blocks.5.project.conv")
    assert row["weight_db"] == pytest.approx(expected, abs=0.01)


def test_more_bits_less_noise_and_noise_adds_up(rows):
    for eight, four in zip(rows["INT8"][1:-1], rows["E2M1"][1:-1]):
        assert eight["weight_db"] > four["weight_db"]
    assert rows["INT8"][0]["output_db"] > rows["INT8"][-1]["output_db"]


@torch.no_grad()
def test_no_image_helps_to_choose_its_own_scale(monkeypatch):
    """Each half is measured with scales calibrated on the other: the calibration batch never holds a tested image."""
    seen = []
    real = sqnr.quantize
    monkeypatch.setattr(sqnr, "quantize", lambda model, recipe, calibration: seen.append(calibration) or real(model, recipe, calibration))
    traced = []
    real_trace = sqnr._trace
    monkeypatch.setattr(sqnr, "_trace", lambda model, images: traced.append(images) or real_trace(model, images))
    sqnr.EXPERIMENT.compute([{"network": "efficientnet-lite0", "format": "INT8", "activations": "signed"}], "smoke")
    assert len(seen) == len(traced) == 2
    for calibration, tested in zip(seen, traced):
        assert len(calibration) == len(tested) > 0
        assert not any(torch.equal(a, b) for a in calibration for b in tested)
    assert len(foolbox_images.load()) == 20
