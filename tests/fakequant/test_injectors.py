"""Brevitas' quantizers, built from a format, against the exact codec."""

import copy
import pickle

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from brevitas.graph.calibrate import calibration_mode

from repro.errors import BadInput
from repro.fakequant import activation_injector, fake_quantize, scales, weight_injector
from repro.formats import Integer, Minifloat, catalogue, parse

FORMATS = [*catalogue(), Integer(8, narrow_range=True), Integer(4, narrow_range=True), Integer(8, signed=False),
           Minifloat(4, 3, bias=9), Minifloat(3, 2, bias=1)]
NO_MANTISSA = [Minifloat(3, 0), Minifloat(4, 0, bias=2), Minifloat(1, 0)]
BOTH = [*((fmt, "brevitas") for fmt in FORMATS), *((fmt, "fused") for fmt in [*FORMATS, *NO_MANTISSA])]


def expected(fmt, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """fmt.round(x / s) * s with the divisions and products in float32, as Brevitas has them."""
    return torch.tensor(fmt.round((x / scale).double().numpy())).float() * scale


def assert_same_bits(found: torch.Tensor, wanted: torch.Tensor, fmt) -> None:
    if isinstance(fmt, Integer):  # an integer has one zero; Brevitas computes in float and may write it as -0.0
        found, wanted = found + 0.0, wanted + 0.0
    assert torch.equal(found.view(torch.int32), wanted.view(torch.int32))


def hard_cases(fmt, scale: float) -> torch.Tensor:
    """Every value and midpoint, the float32 values beside each, zeros, tiny, subnormal and huge numbers; times the scale."""
    values = fmt.values().astype(np.float32)
    middles = (values[1:] + values[:-1]) / 2
    edges = np.concatenate([values, middles])
    beside = np.concatenate([np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))])
    odd = np.array([0.0, -0.0, 1e-30, -1e-30, 1e-40, -1e-40, 1e20, -1e20], dtype=np.float32)
    return torch.tensor(np.concatenate([edges, beside])) * scale, torch.tensor(odd)


@pytest.mark.parametrize(("fmt", "kernel"), BOTH, ids=str)
def test_activations_equal_the_codec_bit_for_bit(fmt, kernel):
    generator = torch.Generator().manual_seed(0)
    layer = qnn.QuantIdentity(act_quant=activation_injector(fmt, kernel))
    random = torch.cat([torch.randn(20_000, generator=generator) * 3, torch.randn(2_000, generator=generator) * 1e-3])
    with torch.no_grad():
        with calibration_mode(layer):
            layer(random)
        layer.eval()
        scale = layer.act_quant.scale()
        x = torch.cat([random, *hard_cases(fmt, scale)])
        assert_same_bits(layer(x), expected(fmt, x, scale), fmt)
    largest = max(fmt.max, -fmt.min) if fmt.signed else fmt.max + 0.0
    assert scale.item() == pytest.approx(random.abs().max().item() / largest, rel=1e-6)


@pytest.mark.parametrize("per_channel", [True, False], ids=["per channel", "per tensor"])
@pytest.mark.parametrize(("fmt", "kernel"), [(fmt, kernel) for fmt, kernel in BOTH if fmt.signed], ids=str)
def test_weights_equal_the_codec_bit_for_bit(fmt, kernel, per_channel):
    torch.manual_seed(0)
    layer = qnn.QuantConv2d(5, 8, 3, weight_quant=weight_injector(fmt, per_channel, kernel))
    with torch.no_grad():
        layer.weight[0] *= 40
        layer.weight[1, 0, 0, :2] = torch.tensor([0.0, -0.0])
        quantized = layer.quant_weight()
    weight = layer.weight.detach()
    assert_same_bits(quantized.value, expected(fmt, weight, quantized.scale), fmt)
    top = weight.abs().amax(dim=(1, 2, 3)) if per_channel else weight.abs().amax()
    assert torch.allclose(quantized.scale.flatten(), top.flatten() / max(fmt.max, -fmt.min))


def calibrated(fmt, x: torch.Tensor, kernel: str = "fused"):
    layer = qnn.QuantIdentity(act_quant=activation_injector(fmt, kernel))
    with calibration_mode(layer), torch.no_grad():
        layer(x)
    return layer.eval()


WIDE = [parse(name) for name in ("E8M7", "E8M0", "E8M3", "E9M3", "E10M5")]
FAR = [parse(name) for name in ("E4M3B-80", "E5M2B-60", "E4M3B100")]
ALL = [*((fmt, "fused") for fmt in [*FORMATS, *NO_MANTISSA, *WIDE, *FAR]), *((fmt, "brevitas") for fmt in [*FORMATS, *FAR])]


@pytest.mark.parametrize(("fmt", "kernel"), ALL, ids=str)
def test_scales_and_values_are_those_of_abs_max(fmt, kernel):
    """Also where the largest value leaves float32, and far below 1e-10, Brevitas' own floor, which left a network of biases."""
    sizes = (1e-3, 1.0, 300.0) if fmt in FAR else (1e-12, 1e-9, 1e-3, 1.0, 300.0)
    for size in (*sizes, 0.0):
        x = torch.randn(4, 500, generator=torch.Generator().manual_seed(4)) * size
        x = x if fmt.signed else x.abs()
        layer, scale = calibrated(fmt, x, kernel), scales.abs_max(x, fmt)
        with torch.no_grad():
            assert torch.equal(layer.act_quant.scale(), scale)
            assert_same_bits(layer(x), fake_quantize(x, fmt, scale), fmt)
            assert not size or 0 < layer(x).norm() < 2 * x.norm()
            assert fmt not in (*WIDE, *FAR) or (layer(x) - x).norm() <= 2.0 ** -(fmt.mantissa_bits + 1) * x.norm()
        if fmt.signed:
            conv = qnn.QuantConv2d(5, 8, 3, weight_quant=weight_injector(fmt, kernel=kernel))
            with torch.no_grad():
                conv.weight *= size
                conv.weight[2] = 0.0
                scale = scales.abs_max(conv.weight, fmt, dim=0)
                quantized = conv.quant_weight()
                assert torch.equal(quantized.scale, scale) and scale[2] == 1
                assert_same_bits(quantized.value, fake_quantize(conv.weight, fmt, scale), fmt)


@pytest.mark.parametrize("fmt", [parse("E8M7"), parse("E4M3"), parse("INT8")], ids=str)
def test_a_layer_of_zeros_trains_with_finite_gradients(fmt):
    layer = qnn.QuantLinear(6, 4, True, weight_quant=weight_injector(fmt, kernel="fused"),
                            input_quant=activation_injector(fmt, "fused"))
    with torch.no_grad():
        layer.weight[1] = 0.0
    for x in (torch.zeros(8, 6), torch.randn(8, 6)):  # in training mode: statistics are collected
        layer(x).square().sum().backward()
        assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


def test_weights_that_are_no_numbers_show():
    layer = qnn.QuantLinear(6, 4, True, weight_quant=weight_injector(Integer(8), kernel="fused"))
    with torch.no_grad():
        layer.weight[1, 0] = float("nan")
    assert layer(torch.ones(1, 6)).isnan().tolist() == [[False, True, False, False]]


@pytest.mark.parametrize("name", ["E4M3B-200", "E6M1B-100", "E4M3B600", "E4M3B1000"])
@pytest.mark.parametrize("build", [weight_injector, activation_injector])
def test_formats_that_no_scale_in_float32_reaches_are_refused(build, name):
    for kernel in ("fused", "brevitas"):
        with pytest.raises(BadInput, match=f"{name}: a scale in torch.float32 cannot reach its values.*use another bias"):
            build(parse(name), kernel=kernel)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("fmt", [parse("E4M3"), parse("E8M7"), parse("INT8"), parse("UINT4")], ids=str)
def test_tensor_quantizers_can_be_copied(fmt, way):
    """Brevitas' layers cannot be pickled, ours or not: they hold injectors. What computes can."""
    x = torch.randn(300, generator=torch.Generator().manual_seed(6)).abs()
    quantizer = calibrated(fmt, x).act_quant.fused_activation_quant_proxy.tensor_quant
    twin = way(quantizer)
    assert type(twin) is type(quantizer)
    assert torch.equal(twin(x)[0], quantizer(x)[0]) and torch.equal(twin(x)[1], quantizer(x)[1])


def test_both_kinds_of_activation_get_the_same_statistic():
    """Brevitas' defaults do not: a percentile for integers, the maximum for floats."""
    x = torch.cat([torch.randn(100_000, generator=torch.Generator().manual_seed(1)), torch.tensor([50.0])])
    tops = []
    for fmt in (Integer(8), Minifloat(4, 3)):
        layer = qnn.QuantIdentity(act_quant=activation_injector(fmt))
        with calibration_mode(layer), torch.no_grad():
            layer(x)
        tops.append(layer.eval().act_quant.scale().item() * max(fmt.max, -fmt.min))
    assert tops == pytest.approx([50.0, 50.0])


def test_the_fused_kernel_saturates_where_brevitas_overflows():
    x = torch.tensor([3e38, -3e38])
    for kernel, largest in (("brevitas", float("nan")), ("fused", 1.0)):
        layer = qnn.QuantIdentity(act_quant=activation_injector(Minifloat(6, 1), kernel))
        with calibration_mode(layer), torch.no_grad():
            layer(torch.ones(1))
        found = layer.eval()(x).detach()
        assert torch.allclose(found, torch.tensor([largest, -largest]), equal_nan=True)


def test_fused_quantizers_train_and_survive_a_checkpoint():
    torch.manual_seed(1)
    def build():
        return torch.nn.Sequential(
            qnn.QuantLinear(6, 4, True, weight_quant=weight_injector(Minifloat(3, 2), kernel="fused"),
                            input_quant=activation_injector(Integer(6), "fused")), torch.nn.Tanh())
    net = build()
    x = torch.randn(64, 6)
    net(x).square().mean().backward()
    assert net[0].weight.grad.abs().sum() > 0 and net[0].bias.grad.abs().sum() > 0
    other = build()
    other.load_state_dict(net.state_dict())
    assert torch.equal(other.eval()(x), net.eval()(x))


def test_what_cannot_be_done_is_refused_in_one_line():
    with pytest.raises(ValueError, match="UINT8: weights need a signed format"):
        weight_injector(Integer(8, signed=False))
    for build in (weight_injector, activation_injector):
        with pytest.raises(ValueError, match="E3M0: .* at least 1 mantissa bit: give kernel=\"fused\""):
            build(Minifloat(3, 0))
        with pytest.raises(ValueError, match="E8M7 leaves the range of float32, .* give kernel=\"fused\""):
            build(Minifloat(8, 7))
        with pytest.raises(ValueError, match="unknown kernel 'fast': choose one of brevitas, fused"):
            build(Minifloat(4, 3), kernel="fast")
