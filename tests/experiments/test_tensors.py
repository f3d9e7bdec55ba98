"""Real tensors at smoke scale, against fake quantization of the same tensors."""

import numpy as np
import pandas as pd
import pytest
import torch

from repro.datasets import foolbox_images
from repro.experiments import tensors
from repro.experiments.distributions import winners
from repro.fakequant import fake_quantize, scales
from repro.formats import Integer, parse
from repro.models import zoo
from repro.ptq.pipeline import compute_layers, merge_batch_norm


@pytest.fixture(scope="module")
def rows():
    points = tensors.EXPERIMENT.grid("smoke")
    return pd.DataFrame(tensors.EXPERIMENT.compute(points, "smoke"))


@pytest.fixture(scope="module")
def weights():
    model = merge_batch_norm(zoo.network("efficientnet-lite0").load(), torch.zeros(1, 3, 224, 224))
    return [layer.weight.detach().double() for layer in compute_layers(model).values()][:5]


def sqnr(x, quantized) -> float:
    return float(10 * torch.log10((x**2).sum() / ((quantized - x) ** 2).sum()))


def pick(rows, tensor, name, index):
    return rows[(rows["tensor"] == tensor) & (rows["format"] == name) & (rows["index"] == index)].iloc[0]


@pytest.mark.parametrize("tensor, dim", [("weight per channel", 0), ("weight per tensor", None)])
@pytest.mark.parametrize("name", ["INT4", "E2M1"])
def test_weights_are_what_fake_quantize_gives(rows, weights, tensor, dim, name):
    for index, weight in enumerate(weights):
        row = pick(rows, tensor, name, index)
        scale = scales.abs_max(weight, parse(name), dim=dim)
        assert row["abs_max_db"] == pytest.approx(sqnr(weight, fake_quantize(weight, parse(name), scale)), abs=1e-6)


@pytest.mark.parametrize("name", ["INT4", "E2M1"])
def test_the_best_scale_lies_between_abs_max_and_a_finer_search(rows, weights, name):
    """`scales.mse` tries all the fractions that `best` tries, and those halfway between them."""
    for index in (0, 1):
        row = pick(rows, "weight per tensor", name, index)
        finer = sqnr(weights[index], fake_quantize(weights[index], parse(name), scales.mse(weights[index], parse(name))))
        assert row["abs_max_db"] <= row["best_db"] <= finer + 1e-6
    assert (rows["best_db"] >= rows["abs_max_db"]).all()


def test_crest_of_weights_is_the_ratio_of_mean_squares(rows, weights):
    for index, weight in enumerate(weights):
        flat = weight.reshape(len(weight), -1)
        for tensor, top in (("weight per tensor", flat.abs().max().expand(1)), ("weight per channel", flat.abs().amax(dim=1))):
            expected = float(10 * torch.log10((top**2).mean() / (flat**2).mean()))
            assert pick(rows, tensor, "E2M1", index)["crest_db"] == pytest.approx(expected, abs=1e-9)


@torch.no_grad()
def test_inputs_are_those_of_the_network(rows):
    """The first layer's input is the image batch itself: its SQNR from all values, within sampling error."""
    network = zoo.network("efficientnet-lite0")
    seen = []
    model = network.load()
    next(iter(compute_layers(model).values())).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].double()))
    model(next(foolbox_images.load().batches(network.preprocessing, 2))[0])
    x = seen[0]
    row = pick(rows, "input", "E2M1", 0)
    error = (fake_quantize(x, parse("E2M1"), scales.abs_max(x, parse("E2M1"))) - x).square()
    ratio = error.mean() / x.square().mean()
    spread = (error - ratio * x.square()).std() / x.square().mean() / np.sqrt(tensors.INPUT_VALUES)
    assert abs(10 ** (-row["abs_max_db"] / 10) - ratio) < 4 * spread
    assert row["n"] == tensors.INPUT_VALUES


def test_an_unsigned_integer_is_tried_only_where_nothing_is_negative(rows):
    inputs = rows[rows["tensor"] == "input"]
    integers = inputs[inputs["format"] == "INT4"].set_index("index")["unsigned_db"]
    assert rows.loc[rows["format"] == "E2M1", "unsigned_db"].isna().all()
    assert rows.loc[rows["tensor"] != "input", "unsigned_db"].isna().all()
    assert np.isnan(integers[0])  # images have negative values after normalization; the next input comes from a ReLU6
    _, values, top = tensors._tensors("efficientnet-lite0", "smoke")["blocks.0.depthwise.conv"]
    assert values.min() >= 0
    step = top / 15
    noise = (Integer(4, signed=False).round(values / step) * step - values) ** 2
    assert integers[1] == pytest.approx(10 * np.log10((values**2).sum() / noise.sum()), abs=1e-6)


def test_a_forecast_from_the_tensors_themselves_costs_nothing(rows):
    """When each tensor is its own law, the nearest crest is its own and the advice is its own winner."""
    own = rows.assign(distribution=rows["tensor"] + rows["index"].astype(str), rule="max", analytic_db=rows["abs_max_db"])
    found = tensors.forecast(rows, own)
    assert len(found) == 15 and (found["loss"] == 0).all()
    best = winners(rows, ["tensor", "index"], "abs_max_db").set_index(["tensor", "index"])["format"]
    assert found.set_index(["tensor", "index"])["advises"].to_dict() == best.to_dict()
