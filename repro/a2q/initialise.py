"""Where an accumulator-aware network starts from: trained weights, projected onto what the accumulator allows.

The projection is EP-init of A2Q+ (arXiv 2401.10432; Duchi et al. 2008). Ours is the choice of the scale: EP-init
leaves it at ``max|v| / (2**(bits-1) - 1)``, which at small budgets leaves room for a few large weights and rounds
all others to zero. Here each channel takes the scale at which its projected, rounded weights are nearest to v.
"""

import torch

from repro.a2q.quantizers import OneLayer

OCTAVES, STEPS_PER_OCTAVE = 7, 8
"""The scales tried: from 8-bit weights (the largest is 127) down to ternary ones (the largest is 1)."""
LEAST_SCALE = 1e-10
"""Brevitas' lower bound; a channel of zeros has this scale."""


def project_l1(v: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """The nearest points to the rows of v (channels, k) in L1 balls of the given radii (channels, 1), none negative.

    Source: Duchi et al. 2008, Fig. 1: subtract from every magnitude the one threshold that makes the norm right. A radius
    that vanishes beside the largest magnitude gives zeros.
    """
    magnitude = v.abs()
    ordered, _ = magnitude.sort(dim=1, descending=True)
    rank = torch.arange(1, v.shape[1] + 1, dtype=v.dtype)
    thresholds = (ordered.cumsum(1) - radius) / rank
    kept = (ordered > thresholds).sum(1, keepdim=True).clamp(min=1)  # always the largest, which rounding may hide
    threshold = thresholds.gather(1, kept - 1).clamp(min=0)
    return v.sign() * (magnitude - threshold).clamp(min=0)


@torch.no_grad()
def warm_start(net: OneLayer, parent: OneLayer) -> None:
    """Give `net` (A2Q or A2Q+) the parent's bias and its weights, projected at the best scale of each channel.

    A channel of zeros, and for A2Q+ a constant one, becomes zero and stays so in training.
    """
    v = parent.real_weights()
    if net.method == "a2q+":
        constant = (v == v[:, :1]).all(dim=1, keepdim=True)  # is zero when centred, but for the rounding of the mean
        v = torch.where(constant, 0.0, v - v.mean(dim=1, keepdim=True))
    largest = 2 ** (net.weight_bits - 1) - 1
    finest = (v.abs().amax(dim=1, keepdim=True) / largest).clamp(min=LEAST_SCALE)
    best = torch.full_like(finest, torch.inf)
    scale, start = finest.clone(), v.clone()
    for step in range(OCTAVES * STEPS_PER_OCTAVE + 1):
        s = finest * 2 ** (step / STEPS_PER_OCTAVE)
        projected = project_l1(v, s * float(net.budget))
        error = (v - s * (projected / s).trunc().clamp(-largest, largest)).square().sum(1, keepdim=True)
        better = error < best
        best, scale, start = (torch.where(better, new, old)
                              for new, old in ((error, best), (s, scale), (projected, start)))
    net.layer.weight.copy_(start)
    net.layer.bias.copy_(parent.layer.bias)
    quantizer = net.layer.weight_quant
    quantizer.init_tensor_quant()  # g = ||v||_1 of the new weights
    # Brevitas keeps s twice, in the norm's clamp and after the clip, both as log2; they are trained apart.
    for module in (quantizer.tensor_quant.scaling_impl, quantizer.tensor_quant.pre_scaling_impl.scaling_impl):
        module.value.copy_(scale.log2())
