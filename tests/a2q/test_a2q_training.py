"""Training: deterministic, as good as plain QAT where the accumulator is wide, never overflowing where it is not."""

import numpy as np
import pytest
import torch

from repro.a2q import training
from repro.a2q.integer_inference import accumulate, bits_needed
from repro.a2q.quantizers import OneLayer
from repro.a2q.training import Recipe
from repro.datasets import mnist

PLAIN, TUNED = Recipe(rates=(1e-2,), epochs=20), Recipe(rates=(5e-4,), epochs=6)


@pytest.fixture(scope="module")
def digits():
    return mnist.load()


@pytest.fixture(scope="module")
def parents(digits):
    return [training.plain(digits, PLAIN, seed) for seed in (0, 1)]


def test_plain_training_learns(digits, parents):
    for parent in parents:
        assert training.accuracy(parent, digits.test) > 86


def test_a2q_equals_plain_training_where_its_bound_is_inactive(digits, parents):
    """At 19 bits, the data-type bound, the budget exceeds 784 * 127: within one point on the test digits."""
    assert OneLayer("a2q", 19).budget > 784 * 127
    gaps = []
    for seed, parent in enumerate(parents):
        net, = training.descend("a2q", parent, [19], digits, TUNED, seed)
        gaps.append(training.accuracy(net, digits.test) - training.accuracy(parent, digits.test))
    assert abs(np.mean(gaps)) <= 1


def test_from_random_weights_half_of_them_end_at_the_clip(digits, parents):
    """Why A2Q is not trained from scratch: its scale stays that of the random weights."""
    net = training.cold("a2q", 19, digits, PLAIN, seed=0)
    assert (abs(net.integer_weights()) == 127).mean() > 0.3
    assert (abs(parents[0].integer_weights()) == 127).mean() < 0.01
    assert training.accuracy(net, digits.test) < training.accuracy(parents[0], digits.test) - 1


@pytest.mark.parametrize("method", ["a2q", "a2q+"])
def test_no_trained_network_overflows(digits, parents, method):
    for net in training.descend(method, parents[0], [9, 12, 15], digits, Recipe(rates=(1e-2,), epochs=2), 0):
        weights = net.integer_weights()
        assert bits_needed(weights, 1) <= net.accumulator_bits
        sums = accumulate(digits.test.images, weights, net.accumulator_bits, "wraparound")
        assert not sums.overflowed.any()
        accuracy = 100 * (net.logits(sums.values).argmax(1) == digits.test.labels).mean()
        assert accuracy == pytest.approx(training.accuracy(net, digits.test), abs=0.2)  # float32 against exact sums
        assert accuracy > {9: 70, 12: 84, 15: 84}[net.accumulator_bits]


def test_same_seed_same_weights_other_seed_others(digits):
    recipe = Recipe(rates=(1e-2,), epochs=1)
    one, again, other = (training.plain(digits, recipe, seed) for seed in (0, 0, 1))
    assert torch.equal(one.layer.weight, again.layer.weight)
    assert not torch.equal(one.layer.weight, other.layer.weight)


def test_the_rate_is_chosen_on_validation_alone(digits):
    """Of several rates the one with the least validation loss is kept; meaningless test labels change nothing."""
    rates = (1e-4, 1e-2, 3e-1)
    alone = {rate: training.fit(OneLayer("qat"), digits, Recipe(rates=(rate,), epochs=2)) for rate in rates}
    assert min(alone, key=alone.get) == 1e-2
    blind = mnist.Digits(digits.train, digits.validation, mnist.Split(digits.test.images, 0 * digits.test.labels))
    net = OneLayer("qat")
    assert training.fit(net, blind, Recipe(rates=rates, epochs=2)) == alone[1e-2] == training.loss(net, digits.validation)


def test_penalty_is_zero_inside_the_budget_and_grows_outside(parents):
    net = OneLayer("a2q", 10)
    training.warm_start(net, parents[0])
    assert training.norm_penalty(net).item() == pytest.approx(0, abs=1e-4)
    norm = net.layer.weight_quant.tensor_quant.pre_scaling_impl
    with torch.no_grad():
        over = (2.0**norm.value).sum().item()
        norm.value.add_(1)  # every channel's g doubles from its budget at most
    assert 0 < training.norm_penalty(net).item() <= over * (1 + 1e-4)
    assert training.norm_penalty(parents[0]).item() == 0
