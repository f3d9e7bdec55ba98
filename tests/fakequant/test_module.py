"""`FakeQuantize`: what `fake_quantize` does, with a scale that nothing moves."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from repro.errors import BadInput
from repro.fakequant import fake_quantize
from repro.fakequant.module import FakeQuantize
from repro.formats import parse

SCALES = {"number": 0.1, "numpy": np.float32(0.3), "0-d": torch.tensor(0.3), "double": torch.tensor(0.1, dtype=torch.float64),
          "one": torch.tensor([0.3]), "tiny": torch.tensor(3e-9), "channels": torch.tensor([[0.1], [0.2], [0.7]]),
          "bfloat16": torch.tensor(0.3, dtype=torch.bfloat16)}
CONVERSIONS = {"half": lambda m: m.half(), "bfloat16": lambda m: m.bfloat16(), "to": lambda m: m.to(torch.float16),
               "to device and type": lambda m: m.to("cpu", torch.bfloat16), "type": lambda m: m.type(torch.half),
               "float": lambda m: m.float(), "double": lambda m: m.double(), "there and back": lambda m: m.half().float(),
               "inside another": lambda m: nn.Sequential(m).half()[0]}
FORMATS = [parse(name) for name in ("INT8", "E4M3", "E8M7")]


def tensor(dtype=torch.float32) -> torch.Tensor:
    return (torch.randn(3, 50, generator=torch.Generator().manual_seed(0)) * 5).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_it_equals_fake_quantize(fmt, scale, dtype):
    x, layer = tensor(dtype), FakeQuantize(fmt, SCALES[scale])
    assert torch.equal(layer(x), fake_quantize(x, fmt, SCALES[scale]))
    clamped = FakeQuantize(fmt, SCALES[scale], 0.0, 6.0)
    assert torch.equal(clamped(x), fake_quantize(x.clamp(0, 6), fmt, SCALES[scale]))


@pytest.mark.parametrize("conversion", CONVERSIONS)
@pytest.mark.parametrize("scale", SCALES)
def test_the_scale_stays_exact_when_the_network_changes_its_type(scale, conversion):
    layer = FakeQuantize(parse("INT8"), SCALES[scale])
    before = layer.scale.clone()
    layer = CONVERSIONS[conversion](layer)
    assert torch.equal(layer.scale, before) and layer.scale.dtype == before.dtype
    x = tensor(torch.bfloat16)
    assert torch.equal(layer(x), fake_quantize(x, parse("INT8"), SCALES[scale])) and not layer(0 * x).any()
    assert [name for name, _ in layer.named_buffers()] == ["scale"]


def test_it_follows_to_another_device():
    layer = FakeQuantize(parse("INT8"), torch.tensor(0.1))
    assert layer.to("meta", torch.half).scale.is_meta and layer.scale.dtype == torch.float32


@pytest.mark.parametrize("way", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("scale", SCALES)
def test_copies_give_the_same_outputs(scale, way):
    for fmt in FORMATS:
        layer = FakeQuantize(fmt, SCALES[scale], -1.0, 2.0)
        twin = way(layer.half())
        assert torch.equal(twin(tensor()), layer(tensor())) and str(twin) == str(layer)
        other = FakeQuantize(fmt, torch.ones_like(layer.scale), -1.0, 2.0)
        other.load_state_dict(layer.state_dict())
        assert torch.equal(other(tensor()), layer(tensor()))


@pytest.mark.parametrize(("shape", "says"), [
    ((), "INT8, scale=0.25"), ((1,), "INT8, scale=0.25"), ((1, 1, 1, 1), "INT8, scale=0.25"),
    ((3, 1), r"INT8, scales of shape (3, 1) from 0.25 to 2"), ((2, 3, 4), "INT8, scales of shape (2, 3, 4) from 0.25 to 2"),
    ((0,), "INT8, scales of shape (0,)")])
def test_it_prints_scales_of_any_shape(shape, says):
    scale = torch.full(shape, 2.0)
    scale.view(-1)[:1] = 0.25
    assert repr(FakeQuantize(parse("INT8"), scale)) == f"FakeQuantize({says})"
    assert repr(FakeQuantize(parse("INT8"), scale, 0.0, 6.0)) == f"FakeQuantize({says}, clamp to [0, 6])"
    assert repr(FakeQuantize(parse("INT8"), scale).to("meta")) == f"FakeQuantize(INT8, scales of shape {shape})"


@pytest.mark.parametrize("scale", [0, -1.0, 10**400, float("nan"), torch.tensor([1.0, 0.0]), torch.tensor(float("inf")), "0.1",
                                   True, torch.tensor(1e-60, dtype=torch.float64).float()])
def test_a_scale_that_is_none_is_refused_at_once(scale):
    with pytest.raises(BadInput, match="a scale (must be positive and finite|is a number or a real tensor)") as refusal:
        FakeQuantize(parse("INT8"), scale)
    assert "\n" not in str(refusal.value)


def test_a_scale_that_the_tensor_cannot_use_is_refused_when_they_meet():
    layer = FakeQuantize(parse("INT8"), 1e-60)
    assert layer(torch.tensor([1e-58], dtype=torch.float64)).item() == 1e-58
    with pytest.raises(BadInput, match="positive and finite in torch.float32, not 1e-60"):
        layer(torch.ones(3))
    with pytest.raises(BadInput, match=r"shape \(3, 1\) does not fit a tensor of shape \(4,\)"):
        FakeQuantize(parse("INT8"), torch.ones(3, 1))(torch.ones(4))


def test_it_has_no_derivative_in_either_mode():
    layer, x = FakeQuantize(parse("INT8"), 0.1), torch.tensor([0.33, 1.0])
    assert not torch.func.jacfwd(layer)(x).any() and not torch.func.jacrev(layer)(x).any()
