"""Brevitas' quantizers as the package uses them: exact inputs, integer weights, and the budget that A2Q promises."""

import numpy as np
import pytest
import torch

from repro import accumulators
from repro.a2q.initialise import project_l1, warm_start
from repro.a2q.integer_inference import accumulate, bits_needed
from repro.a2q.quantizers import OneLayer
from repro.a2q.training import norm_penalty
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
        used.append(abs(weights).sum(axis=1).max() / float(accumulators.max_l1_norm(p, 1, zero_centred=method == "a2q+")))
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


@pytest.mark.parametrize("radius", [0.0, 1e-30, 1e-9, 1e-7])
def test_projection_onto_next_to_nothing_is_next_to_nothing(radius):
    v = torch.cat([torch.randn(20, 5, generator=torch.Generator().manual_seed(1)), torch.zeros(1, 5), torch.ones(1, 5)])
    got = project_l1(v, torch.full((len(v), 1), radius))
    ulp = torch.finfo(v.dtype).eps * v.abs().amax(dim=1)
    assert got.isfinite().all() and (got.abs().sum(dim=1) <= radius + v.shape[1] * ulp).all()


def dead(kind):
    """A plain network with one channel of zeros, or of one constant."""
    parent = with_weights(OneLayer("qat"), 0.2, seed=3)
    with torch.no_grad():
        parent.layer.weight[2] = {"zeros": 0.0, "constant": 0.037}[kind]
    return parent


@pytest.mark.parametrize("p", [8, 19])
@pytest.mark.parametrize("method, kind", [("a2q", "zeros"), ("a2q+", "zeros"), ("a2q+", "constant")])
def test_a_dead_channel_stays_zero_in_training(method, kind, p):
    parent = dead(kind)
    for _ in range(2):  # and in the network that starts from this one
        net = OneLayer(method, p)
        warm_start(net, parent)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        for step in range(4):
            weights = net.integer_weights()
            assert not weights[2].any() and (weights[[0, 1, 3]] != 0).any()
            assert bits_needed(weights, 1) <= p
            optimizer.zero_grad()
            (net(images(seed=step)).square().mean() + norm_penalty(net)).backward()
            assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
            optimizer.step()
        parent = net


@pytest.mark.parametrize("method", ["a2q", "a2q+"])
def test_zeros_put_into_a_network_are_no_nan(method):
    net = OneLayer(method, 10)
    with torch.no_grad():
        net.layer.weight[2] = 0.0
    for fresh in (False, True):  # with the norm of the former weights, and with that of the new ones
        if fresh:
            net.layer.weight_quant.init_tensor_quant()
        assert not net.integer_weights()[2].any() and net.weight_scale()[2] > 0
        net.zero_grad()
        net(images()).square().mean().backward()
        assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


@pytest.mark.parametrize("bits", [0, 1, 17, 2000, 4.5])
def test_widths_of_weights_that_are_no_format(bits):
    with pytest.raises(BadInput):
        OneLayer("a2q", 19, weight_bits=bits)


def test_widths_of_any_library_are_widths():
    assert OneLayer("a2q", np.int8(19)).budget == OneLayer("a2q", 19).budget
    assert OneLayer("qat", weight_bits=np.uint8(5)).weight_bits == 5


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
    (("a3q", 8), "a3q"), (("a2q", None), "width"), (("qat", 8), "width"), (("a2q", 2), "2 bits"),
    (("a2q", 2000), "1 to 62 bits, not 2000"), (("a2q+", 2000), "1 to 62 bits, not 2000"), (("a2q", 8.5), "8.5")])
def test_bad_arguments_get_one_line(arguments, says):
    with pytest.raises(BadInput, match=says) as caught:
        OneLayer(*arguments)
    assert "\n" not in str(caught.value)
