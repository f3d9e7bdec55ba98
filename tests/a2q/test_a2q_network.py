"""Brevitas' quantizers as the package uses them: exact inputs, integer weights, and the budget that A2Q promises."""

import numpy as np
import pytest
import torch

from repro import accumulators
from repro.a2q.initialise import project_l1, warm_start
from repro.a2q.integer_inference import accumulate, bits_needed
from repro.a2q.quantizers import OneLayer
from repro.errors import BadInput

METHODS = [("qat", None), ("a2q", 19), ("a2q", 10), ("a2q+", 19), ("a2q+", 10)]


def images(n=64, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 2, (n, 784)).astype(np.float32))


def with_weights(net, spread, seed):
    """A network whose weights are heavy-tailed random numbers and whose norm and scale parameters fit them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        net.layer.weight.copy_(spread * torch.randn(net.layer.weight.shape, generator=generator) ** 3)
    net.layer.weight_quant.init_tensor_quant()
    return net


def test_one_bit_inputs_pass_through_exactly():
    net, x = OneLayer("qat"), images()
    quantized = net.binarise(x)
    assert torch.equal(quantized.value, x)
    assert quantized.scale.item() == 1 and quantized.bit_width.item() == 1 and not quantized.signed


@pytest.mark.parametrize("method, p", METHODS)
def test_integer_path_equals_brevitas_with_a_wide_accumulator(method, p):
    net, x = with_weights(OneLayer(method, p), 0.2, seed=1), images()
    sums = accumulate(x.numpy().astype(int), net.integer_weights(), 32, "wraparound")
    assert not sums.overflowed.any()
    with torch.no_grad():
        expected = net(x).numpy()
    assert abs(expected).max() > 0.1
    np.testing.assert_allclose(net.logits(sums.values), expected, rtol=1e-4, atol=1e-4 * abs(expected).max())


@pytest.mark.parametrize("method", ["a2q", "a2q+"])
@pytest.mark.parametrize("p", [8, 9, 11, 13, 16, 19])
def test_no_weights_can_break_the_budget(method, p):
    """The norm and the worst case over all inputs and orders hold whatever the parameters are set to."""
    used = []
    for seed, spread in enumerate((1e-3, 0.1, 1, 30)):
        net = with_weights(OneLayer(method, p), spread, seed)
        with torch.no_grad():
            for parameter in net.layer.weight_quant.parameters():  # log2 of norm and scales, torn away from the weights
                if parameter is not net.layer.weight:
                    parameter.add_(3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
        weights = net.integer_weights()
        used.append(abs(weights).sum(axis=1).max() / accumulators.max_l1_norm(p, 1, zero_centred=method == "a2q+"))
        assert used[-1] <= 1
        assert bits_needed(weights, 1) <= p
        worst = np.concatenate([weights > 0, weights < 0]).astype(int)
        assert not accumulate(worst, weights, p, "wraparound").overflowed.any()
    assert p > 13 or max(used) > 0.1  # the check is not about weights that are all zero


def test_plain_weights_do_break_it():
    weights = with_weights(OneLayer("qat"), 0.2, seed=0).integer_weights()
    worst = np.concatenate([weights > 0, weights < 0]).astype(int)
    assert abs(weights).max() == 127
    assert accumulate(worst, weights, 11, "wraparound").overflowed.any()


def test_weights_before_rounding_round_to_the_integer_weights():
    for method, p in METHODS:
        net = with_weights(OneLayer(method, p), 0.2, seed=2)
        real = net.real_weights().numpy() / net.weight_scale()[:, None]
        rounded = np.rint(real) if method == "qat" else np.trunc(real)
        disagree = np.clip(rounded, -127, 127) != net.integer_weights()
        assert disagree.mean() < 1e-3  # float32 may fall on the other side of a whole number


def test_projection_is_the_nearest_point_of_the_ball():
    """Against a scan over thresholds in float64, and against random points of the ball."""
    generator = np.random.default_rng(0)
    v = torch.from_numpy(generator.standard_t(3, (5, 40)))
    radius = torch.tensor([[0.5], [3.0], [10.0], [20.0], [1e6]], dtype=v.dtype)
    got = project_l1(v, radius)
    assert torch.equal(got[4], v[4])
    for row, r, p in zip(v.numpy()[:4], radius.numpy()[:4, 0], got.numpy()[:4], strict=True):
        assert abs(p).sum() == pytest.approx(r)
        low, high = 0.0, abs(row).max()
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if np.maximum(abs(row) - middle, 0).sum() > r else (low, middle)
        np.testing.assert_allclose(p, np.sign(row) * np.maximum(abs(row) - low, 0), atol=1e-9)
        others = generator.standard_normal((200, 40))
        others *= r / abs(others).sum(axis=1, keepdims=True)
        assert (((others - row) ** 2).sum(axis=1) > ((p - row) ** 2).sum()).all()


def test_warm_start_keeps_the_function_when_the_budget_allows():
    parent = with_weights(OneLayer("qat"), 0.2, seed=3)
    net = OneLayer("a2q", 19)
    warm_start(net, parent)
    x = images()
    with torch.no_grad():
        step = parent.weight_scale().max()
        assert abs(net(x) - parent(x)).max() < 1.5 * step * x.sum(axis=1).max()  # rounding to nearest against to zero
        assert torch.corrcoef(torch.stack([net(x).flatten(), parent(x).flatten()]))[0, 1] > 0.99


def test_warm_start_uses_a_narrow_budget():
    """Brevitas' own scale rounds everything to zero here; the chosen one leaves weights in every class."""
    parent = with_weights(OneLayer("qat"), 0.2, seed=3)
    net = OneLayer("a2q", 8)
    with torch.no_grad():
        net.layer.weight.copy_(parent.layer.weight)
    net.layer.weight_quant.init_tensor_quant()
    theirs = net.integer_weights()
    warm_start(net, parent)
    ours = net.integer_weights()
    assert ((ours != 0).sum(axis=1) >= 1).all() and (ours != 0).sum() > 3 * (theirs != 0).sum()


@pytest.mark.parametrize("arguments, says", [
    (("a3q", 8), "a3q"), (("a2q", None), "width"), (("qat", 8), "width"), (("a2q", 2), "2 bits")])
def test_bad_arguments_get_one_line(arguments, says):
    with pytest.raises(BadInput, match=says) as caught:
        OneLayer(*arguments)
    assert "\n" not in str(caught.value)
