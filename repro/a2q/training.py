"""Training with and without an accumulator in mind. Choices are made on the validation digits only.

An accumulator-aware network should not start from random weights. Its scale s is a parameter that Brevitas sets
from the starting weights, and trained weights are about ten times larger than random ones: about half of them end at
the clip, and the network stays several points low however wide its accumulator is (:func:`cold` shows it). So the
widest network starts from plain QAT, and each other one from the network that is one step wider.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from brevitas.core.scaling import AccumulatorAwareParameterPreScaling
from torch.nn import functional

from repro.a2q.initialise import warm_start
from repro.a2q.quantizers import INPUT_BITS, OneLayer
from repro.datasets.mnist import Digits, Split


@dataclass(frozen=True)
class Recipe:
    """Adam with a cosine schedule: every rate is tried from the same start, `epochs` passes each."""

    rates: tuple[float, ...] = (1e-3, 5e-3)
    epochs: int = 10
    batch: int = 250
    penalty: float = 1e-3
    """Weight of :func:`norm_penalty` (the default of the authors' code)."""


def accuracy(net: OneLayer, split: Split) -> float:
    """Per cent of the split's images that the float32 network classifies rightly."""
    images, labels = _tensors(split)
    with torch.no_grad():
        return 100 * (net(images).argmax(1) == labels).double().mean().item()


def loss(net: OneLayer, split: Split) -> float:
    """Mean cross-entropy of the float32 network on the split (nats an image)."""
    images, labels = _tensors(split)
    with torch.no_grad():
        return functional.cross_entropy(net(images), labels).item()


def norm_penalty(net: OneLayer) -> torch.Tensor:
    """How far each channel's norm parameter exceeds its budget, summed: ``sum max(g - T s, 0)`` (a scalar, 0 for QAT).

    Above the budget the clamp cuts the gradient of g; the penalty brings it back. This is the form of the authors'
    code, which lives in an example of Brevitas and not in the library.
    """
    total = torch.zeros(())
    for module in net.modules():
        if isinstance(module, AccumulatorAwareParameterPreScaling):
            s = module.scaling_impl(net.layer.weight)
            g = module.restrict_clamp_scaling(module.value)
            budget = module.calc_max_l1_norm(torch.tensor(float(INPUT_BITS)), False)
            total = total + torch.relu(g - budget * s).sum()
    return total


def fit(net: OneLayer, digits: Digits, recipe: Recipe, seed: int = 0) -> float:
    """Train in place with each rate from the same start; keep the result whose validation loss is least.

    Loss and not accuracy, and the last epoch and not the best one: a choice that hangs on single digits would fall
    otherwise on another processor. The same seed gives the same weights on the same machine. Returns that loss
    (cross-entropy, nats an image).
    """
    with _one_thread():
        start = _state(net)
        best = (float("inf"), start)
        for rate in recipe.rates:
            net.load_state_dict(start)
            _train(net, digits.train, recipe, rate, seed)
            reached = loss(net, digits.validation)
            if reached < best[0]:
                best = (reached, _state(net))
        net.load_state_dict(best[1])
    return best[0]


def plain(digits: Digits, recipe: Recipe, seed: int, weight_bits: int = 8, parent: OneLayer | None = None) -> OneLayer:
    """Plain quantization-aware training, from random weights or from those of `parent`."""
    net = OneLayer("qat", weight_bits=weight_bits, seed=seed)
    if parent is not None:
        net.layer.load_state_dict(parent.layer.state_dict())
    fit(net, digits, recipe, seed)
    return net


def cold(method: str, p: int, digits: Digits, recipe: Recipe, seed: int) -> OneLayer:
    """Train `method` for a p-bit accumulator from random weights: how not to do it, kept to show why."""
    net = OneLayer(method, p, seed=seed)
    fit(net, digits, recipe, seed)
    return net


def descend(method: str, parent: OneLayer, widths: Iterable[int], digits: Digits, recipe: Recipe,
            seed: int) -> Iterator[OneLayer]:
    """Train `method` ("a2q" or "a2q+") for each accumulator width, widest first, each from the one before it.

    The first starts from `parent`, a plainly trained network.
    """
    for p in sorted(widths, reverse=True):
        net = OneLayer(method, p, seed=seed)
        warm_start(net, parent)
        fit(net, digits, recipe, seed)
        yield net
        parent = net


def _train(net: OneLayer, train: Split, recipe: Recipe, rate: float, seed: int) -> None:
    images, labels = _tensors(train)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs * -(-len(labels) // recipe.batch))
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(labels), generator=generator).split(recipe.batch):
            optimizer.zero_grad(set_to_none=True)
            cost = functional.cross_entropy(net(images[rows]), labels[rows]) + recipe.penalty * norm_penalty(net)
            cost.backward()
            optimizer.step()
            schedule.step()


def _state(net: OneLayer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def _tensors(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(split.images).float(), torch.from_numpy(split.labels)


@contextmanager
def _one_thread():
    """The order of float32 sums must not depend on the number of cores (and so small a net runs faster on one)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
