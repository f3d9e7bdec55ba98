"""The pipeline on the real network: what is quantized to what, and that the float network is left alone."""

import copy
import pickle

import brevitas.nn as qnn
import pytest
import torch

from repro.datasets import foolbox_images
from repro.formats import Integer, Minifloat, parse
from repro.models import zoo
from repro.ptq import Recipe, freeze, quantize
from repro.ptq.pipeline import compute_layers, merge_batch_norm


@pytest.fixture(scope="module")
def model():
    return zoo.network("efficientnet-lite0").load()


@pytest.fixture(scope="module")
def images():
    return next(foolbox_images.load().batches(zoo.network("efficientnet-lite0").preprocessing, 4))[0]


def layer_formats(model) -> list[tuple]:
    """(weight, activation) of each compute layer, read back from Brevitas."""
    def name(quant):
        if hasattr(quant, "exponent_bit_width"):
            return Minifloat(int(quant.exponent_bit_width()), int(quant.mantissa_bit_width()), int(quant.exponent_bias())).name
        return Integer(int(quant.bit_width()), quant.is_signed, quant.is_narrow_range).name

    return [(name(layer.weight_quant), name(layer.input_quant)) for layer in compute_layers(model).values()]


@torch.no_grad()
def test_merging_batch_norm_keeps_the_function(model, images):
    merged = merge_batch_norm(model, images)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in merged.modules())
    assert torch.allclose(merged(images), model(images), atol=1e-4)


@pytest.mark.parametrize("name, edge, middle", [
    ("INT4", ("INT8N", "INT8"), ("INT4N", "INT4")), ("E2M1", ("E3M4", "E3M4"), ("E2M1", "E2M1"))])
def test_every_layer_gets_the_recipe_and_the_edges_stay_at_8_bits(model, images, name, edge, middle):
    found = layer_formats(quantize(model, Recipe.for_format(parse(name)), images))
    assert len(found) == 50
    assert found[0] == found[-1] == edge
    assert set(found[1:-1]) == {middle}


@torch.no_grad()
def test_unsigned_activations_only_where_inputs_are_never_negative(model, images):
    quantized = quantize(model, Recipe.for_format(Integer(8), unsigned_activations=True), images)
    inputs, merged = {}, merge_batch_norm(model, images)
    hooks = [layer.register_forward_pre_hook(lambda _, args, name=name: inputs.update({name: args[0].min().item()}))
             for name, layer in compute_layers(merged).items()]
    merged(images)
    for hook in hooks:
        hook.remove()
    for name, layer in compute_layers(quantized).items():
        assert layer.input_quant.is_signed == (inputs[name] < 0), name
    assert 20 < sum(not layer.input_quant.is_signed for layer in compute_layers(quantized).values()) < 50


@torch.no_grad()
def test_eight_bits_stay_close_and_the_float_network_is_untouched(model, images):
    before = model(images).clone()
    quantized = quantize(model, Recipe.for_format(Integer(8)), images)(images)
    assert torch.equal(model(images), before)
    assert not any(isinstance(module, qnn.QuantConv2d) for module in model.modules())
    noise = (quantized - before).pow(2).sum() / before.pow(2).sum()
    assert 0 < noise < 0.1


@torch.no_grad()
@pytest.mark.parametrize("name, unsigned", [("INT8", False), ("INT4", True), ("E4M3", False), ("E2M1", False)])
def test_fused_and_frozen_networks_give_brevitas_own_outputs(model, images, name, unsigned):
    recipe = Recipe.for_format(parse(name), unsigned)
    expected = quantize(model, recipe, images[:2], kernel="brevitas")(images)
    fused = quantize(model, recipe, images[:2])
    assert torch.equal(fused(images), expected)
    frozen = freeze(fused)
    assert torch.equal(frozen(images), expected)
    assert sum(isinstance(module, torch.nn.ReLU6) for module in frozen.modules()) == 1  # the one before the pooling
    assert torch.equal(fused(images), expected)  # the given network is left as it is


@torch.no_grad()
def test_frozen_networks_merge_only_activations_that_feed_quantizers_alone():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (torch.nn.Linear(8, 8) for _ in range(3))
            self.relu, self.relu6, self.last = torch.nn.ReLU(), torch.nn.ReLU6(), torch.nn.Linear(8, 4)
            self.relu_too, self.shared = torch.nn.ReLU(), torch.nn.Linear(8, 8)  # a layer called twice, once after a ReLU

        def forward(self, x):
            y = self.relu(self.a(x))  # feeds b and c alone
            z = self.relu6(self.b(y) + self.c(y))  # feeds an addition too
            return self.last(z) + z[:, :4] + self.shared(torch.nn.functional.tanh(self.shared(self.relu_too(z))))[:, :4]

    torch.manual_seed(0)
    x = torch.randn(500, 8) * 5
    quantized = quantize(Net().eval(), Recipe.for_format(parse("E3M2")), x[:100] / 2)
    frozen = freeze(quantized)
    assert torch.equal(frozen(x), quantized(x))
    left = [node.target for node in frozen.graph.nodes if node.op == "call_module"]
    assert "relu" not in left and "relu6" in left and "relu_too" in left


def small_network(x, fmt=None, layers=None):
    torch.manual_seed(3)
    net = torch.nn.Sequential(*(layers or [
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU6(), torch.nn.Conv2d(8, 8, 3, padding=1, groups=4, bias=False),
        torch.nn.ReLU(inplace=True), torch.nn.Flatten(), torch.nn.Linear(8 * 64, 5)]))
    return quantize(net.eval(), Recipe.for_format(fmt or parse("E3M2")), x)


@torch.no_grad()
def test_frozen_networks_work_in_half_precision_and_from_a_checkpoint():
    x = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(4)) * 3
    quantized = small_network(x)
    frozen = freeze(quantized)
    assert torch.equal(frozen(x), quantized(x))
    half = freeze(quantized.bfloat16()).bfloat16()(x.bfloat16()).float()
    assert (half - frozen(x)).abs().max() < 0.05 * frozen(x).abs().max()
    other = freeze(small_network(x * 2))
    assert not torch.equal(other(x), frozen(x))
    other.load_state_dict(frozen.state_dict())
    assert torch.equal(other(x), frozen(x))


@torch.no_grad()
@pytest.mark.parametrize("name", ["INT8", "E3M2"])
def test_networks_are_copied_printed_and_frozen_ones_pickled(name):
    x = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(4)) * 3
    quantized = small_network(x, parse(name))
    expected = quantized(x)
    assert torch.equal(copy.deepcopy(quantized)(x), expected)
    again = small_network(x * 2, parse(name))
    assert not torch.equal(again(x), expected)
    again.load_state_dict(quantized.state_dict())
    assert torch.equal(again(x), expected)
    with pytest.raises(ValueError, match="cannot be pickled.*load its state_dict, or freeze it first"):
        pickle.dumps(quantized)
    assert torch.equal(pickle.loads(pickle.dumps(freeze(quantized)))(x), expected)
    assert "QuantConv2d" in repr(quantized) and f"FakeQuantize({name}" in repr(freeze(quantized))


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 1e-9])
@pytest.mark.parametrize("far, usual", [("E8M7", "E7M7"), ("E8M0", "E6M0"), ("E9M3", "E6M3"), ("E10M5", "E6M5"), ("E4M3B-80", "E4M3"),
                                        ("E5M2B-60", "E5M2")])
def test_formats_far_from_one_and_tiny_inputs_keep_their_levels(far, usual, size):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4)).eval()
    x = size * torch.randn(64, 8)
    exact = net(x)
    errors = [((quantize(net, Recipe(fmt, fmt, (fmt, fmt)), x)(x) - exact).norm() / exact.norm()).item()
              for fmt in (parse(far), parse(usual))]
    assert 0 < errors[0] < 2 * errors[1] < 1  # a scale at the end of float32 puts the largest value elsewhere between two powers of two


@torch.no_grad()
def test_an_activation_in_place_stays_where_others_see_its_work():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (torch.nn.Linear(8, 8) for _ in range(3))
            self.relu = torch.nn.ReLU(inplace=True)

        def forward(self, x):
            y = self.a(x)
            return self.c(self.b(self.relu(y)) + y)

    torch.manual_seed(0)
    x = torch.randn(200, 8) * 3
    quantized = quantize(Net().eval(), Recipe.for_format(parse("E3M2")), x)
    assert torch.equal(freeze(quantized)(x), quantized(x))


def test_only_fused_networks_can_be_frozen_and_only_once():
    x = torch.randn(2, 3, 8, 8)
    brevitas = quantize(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), Recipe.for_format(Integer(8)), x, kernel="brevitas")
    with pytest.raises(ValueError, match="quantize with kernel=\"fused\""):
        freeze(brevitas)
    for network in (freeze(small_network(x)), torch.nn.Linear(2, 2)):
        with pytest.raises(ValueError, match="only a network from repro.ptq.quantize can be frozen, and only once"):
            freeze(network)


@pytest.mark.parametrize("calibration, message", [
    (torch.empty(0, 3, 224, 224), "the calibration batch is empty .*give at least one input"),
    (torch.full((1, 3, 224, 224), float("nan")), "NaN or infinity"),
])
def test_calibration_that_sets_no_scale_is_refused(model, calibration, message):
    with pytest.raises(ValueError, match=message):
        quantize(model, Recipe.for_format(Integer(8)), calibration)


def test_networks_that_cannot_be_quantized_are_refused():
    broken = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    broken[1].weight.data[0, 0] = float("nan")
    for network, message in ((torch.nn.Sequential(torch.nn.ReLU()), "no convolution or linear layer"), (broken, "weights of 1 hold NaN")):
        with pytest.raises(ValueError, match=message):
            quantize(network, Recipe.for_format(Integer(8)), torch.ones(1, 2))
