"""A one-layer network with one-bit inputs and Brevitas' weight quantizers: plain, A2Q and A2Q+.

Sources: A2Q (arXiv 2308.13504), A2Q+ (arXiv 2401.10432), as Brevitas 0.13.4 implements them. For a channel with
weights v, scale s and norm parameter g, A2Q's integer weights are

    q = clip(round_to_zero(v / ||v||_1 * min(g / s, T)), -127, 127),        T = accumulators.max_l1_norm(P, N)

so ``||q||_1 <= T`` for any s and g and any v but zero. A2Q+ subtracts the channel's mean first and has a larger T. A channel
of zeros stays zero.
"""

import numpy as np
import torch
from brevitas.inject import this
from brevitas.inject.enum import ScalingImplType
from brevitas.nn import QuantIdentity, QuantLinear
from brevitas.quant import (
    Int8AccumulatorAwareWeightQuant,
    Int8AccumulatorAwareZeroCenterWeightQuant,
    Int8WeightPerChannelFloat,
    Uint8ActPerTensorFloat,
    base,
)

from repro import accumulators
from repro.a2q.integer_inference import limits
from repro.arguments import whole
from repro.errors import BadInput
from repro.formats import Integer


class _Norm(base.AccumulatorAwarePerChannelPreNorm):
    pre_scaling_min_val = (this << 1).pre_scaling_min_val


class _ZeroCentredNorm(base.AccumulatorAwareZeroCenterPerChannelPreNorm):
    pre_scaling_min_val = (this << 1).pre_scaling_min_val


class A2Q(Int8AccumulatorAwareWeightQuant):
    """Brevitas' quantizer with the lower bound of the norm, which Brevitas sets and does not pass on: 0 / 0 is NaN."""

    per_channel_pre_norm = _Norm


class A2QPlus(Int8AccumulatorAwareZeroCenterWeightQuant):
    """The same for A2Q+, where the norm of every constant channel is 0."""

    per_channel_pre_norm = _ZeroCentredNorm


QUANTIZERS = {"qat": Int8WeightPerChannelFloat, "a2q": A2Q, "a2q+": A2QPlus}
INPUT_BITS = 1


class BinaryInput(Uint8ActPerTensorFloat):
    """One unsigned bit at scale 1: passes 0 and 1 through unchanged and tells the layer width and signedness."""

    bit_width = INPUT_BITS
    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 1.0


class OneLayer(torch.nn.Module):
    """`inputs` one-bit inputs, `classes` outputs, per-channel integer weights, a float bias after the dot product.

    `method`: "qat" (plain), "a2q" or "a2q+"; the latter two need `accumulator_bits`, the width P they train for.
    The starting weights are PyTorch's usual ones, drawn from `seed`. Raises BadInput on an unknown method, for a width of
    weights that is no format, or when P is missing, given to plain QAT, too small for any weight, or beyond 62.
    """

    def __init__(self, method: str, accumulator_bits: int | None = None, *, inputs: int = 784, classes: int = 10,
                 weight_bits: int = 8, seed: int = 0):
        super().__init__()
        if method not in QUANTIZERS:
            raise BadInput(f"unknown method {method!r}: use one of {', '.join(QUANTIZERS)}")
        if (method == "qat") != (accumulator_bits is None):
            raise BadInput("a2q and a2q+ need the accumulator's width in bits, and plain qat takes none")
        if accumulator_bits is not None:
            accumulator_bits = whole("the width of an accumulator", accumulator_bits)
            limits(accumulator_bits)  # raises BadInput where no register here is so wide
        self.method, self.weight_bits, self.accumulator_bits = method, Integer(weight_bits).bits, accumulator_bits
        width = {} if accumulator_bits is None else {"weight_accumulator_bit_width": accumulator_bits}
        if width and self.budget < 1:
            raise BadInput(f"an accumulator of {accumulator_bits} bits has no room for a weight of 1: give it more bits")
        self.binarise = QuantIdentity(act_quant=BinaryInput, return_quant_tensor=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer = QuantLinear(inputs, classes, bias=True, weight_quant=QUANTIZERS[method],
                                     weight_bit_width=self.weight_bits, **width)
        self.register_buffer("_blank", torch.zeros(1, inputs), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float32 images (n, inputs) of zeros and ones to logits (n, classes)."""
        return self.layer(self.binarise(images))

    @property
    def budget(self) -> float:
        """The largest L1 norm of a channel's integer weights (T); infinite for plain QAT."""
        if self.accumulator_bits is None:
            return float("inf")
        return accumulators.max_l1_norm(self.accumulator_bits, INPUT_BITS, zero_centred=self.method == "a2q+")

    @torch.no_grad()
    def integer_weights(self) -> np.ndarray:
        """The weights as the hardware stores them: int64 (classes, inputs)."""
        return self._quantized().int().numpy().astype(np.int64)

    @torch.no_grad()
    def weight_scale(self) -> np.ndarray:
        """What one unit of each channel's integer weights is worth: float64 (classes,)."""
        return self._quantized().scale.numpy().astype(np.float64).reshape(-1)

    @torch.no_grad()
    def real_weights(self) -> torch.Tensor:
        """The weights just before rounding and clipping, in real units: float32 (classes, inputs)."""
        v = self.layer.weight
        if self.method == "qat":
            return v.clone()
        _, scale, _, _, pre_scale, pre_zero_point = self.layer.weight_quant.tensor_quant(
            v, torch.tensor(float(INPUT_BITS)), False)
        return (v / pre_scale + pre_zero_point) * scale

    def logits(self, sums: np.ndarray) -> np.ndarray:
        """Integer dot products (n, classes) to logits in float64: sums times the channel's scale, plus the bias."""
        return sums * self.weight_scale() + self.layer.bias.detach().numpy().astype(np.float64)

    def _quantized(self):
        return self.layer.quant_weight(self.binarise(self._blank))
