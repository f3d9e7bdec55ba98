"""Rounding to a format with bit tricks, without `log2` or a table: the inner loops of fake quantization.

Minifloats. Let v be a float32 in the binade of 2**E. Adding and subtracting ``1.5 * 2**(E + 23 - m)`` leaves v rounded to m
mantissa bits: the processor itself rounds half to even when the sum drops the low bits. Holding E at the smallest normal
exponent gives the subnormals. Only the exponent field of v has to be read, as an integer.

Without mantissa bits every significand is 1, so "even" is decided by the exponent; that path adds half a binade to the bits
of v instead, and one less where the exponent code is even.

Arguments: `x`, float32 or float64; `scale`, which broadcasts against it; `low` and `high`, where v = x / scale is clamped before
rounding (the format's extremes, or narrower); then what the format needs. All but `x` and `scale` are 0-d tensors, so that
one compiled kernel serves every format. NaN stays NaN.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from repro.errors import BadInput
from repro.fakequant.transforms import plain
from repro.formats import Format, Integer


@dataclass(frozen=True)
class Layout:
    """Where sign, exponent and mantissa lie in the type that computes."""

    float_type: torch.dtype
    int_type: torch.dtype
    mantissa_bits: int
    bias: int

    @property
    def exponent_field(self) -> int:
        """All ones where the exponent is stored."""
        return (2 * self.bias + 1) << self.mantissa_bits

    @property
    def magnitude(self) -> int:
        """All ones but in the sign bit."""
        return (2 * self.bias + 2 << self.mantissa_bits) - 1

    def covers(self, fmt: Format) -> bool:
        """Whether the format's binades, and the shifts that `minifloat` adds, lie within the normal range here."""
        if isinstance(fmt, Integer):
            return True
        lowest, highest = 1 - fmt.bias, 2**fmt.exponent_bits - 1 - fmt.bias
        return lowest > -self.bias and highest + self.mantissa_bits - fmt.mantissa_bits < self.bias


FLOAT32 = Layout(torch.float32, torch.int32, 23, 127)
FLOAT64 = Layout(torch.float64, torch.int64, 52, 1023)


def minifloat(x: Tensor, scale: Tensor, low: Tensor, high: Tensor, lowest: Tensor, magic: Tensor) -> Tensor:
    """round(x / scale) * scale for a minifloat with mantissa bits.

    `lowest`: exponent field of the smallest normal value; `magic`: what to add to an exponent field to get
    1.5 * 2**(E + 23 - m), with 52 in place of 23 for float64.
    """
    layout = FLOAT64 if x.dtype == torch.float64 else FLOAT32
    v = torch.clamp(x / scale, low, high)
    bits = v.view(layout.int_type)
    exponent = torch.maximum(bits & layout.exponent_field, lowest)
    shift = (exponent + magic).view(x.dtype)
    rounded = ((v + shift) - shift) * scale
    sign = bits & ~layout.magnitude  # for a v that rounds to zero; not copysign, which compiles to a function call
    return (rounded.view(layout.int_type) | sign).view(x.dtype)


def power_of_two(x: Tensor, scale: Tensor, low: Tensor, high: Tensor, lowest: Tensor, parity: Tensor) -> Tensor:
    """round(x / scale) * scale for a minifloat without mantissa bits, ties to the even exponent code; else as `minifloat`.

    `parity`: 1 where the stored exponents of the format and of the float type differ in their last bit.
    """
    layout = FLOAT64 if x.dtype == torch.float64 else FLOAT32
    v = torch.clamp(x / scale, low, high)
    magnitude = v.abs()
    bits = magnitude.view(layout.int_type)
    odd = ((bits >> layout.mantissa_bits) ^ parity) & 1
    normal = ((bits + (2 ** (layout.mantissa_bits - 1) - 1) + odd) & layout.exponent_field).view(x.dtype)
    smallest = lowest.view(x.dtype)
    below = torch.where(magnitude > smallest / 2, smallest, 0.0)
    rounded = torch.where(magnitude < smallest, below, normal)
    return torch.where(v.isnan(), v, torch.copysign(rounded, v) * scale)


def integer(x: Tensor, scale: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """round(x / scale) * scale for an integer; its one zero is +0.0."""
    return (torch.round(torch.clamp(x / scale, low, high)) + 0.0) * scale


@dataclass(frozen=True)
class Kernel:
    """A function above with the constants of one format for one type on one device."""

    function: Callable[..., Tensor]
    layout: Layout
    low: Tensor
    high: Tensor
    constants: tuple[Tensor, ...] = ()


@functools.cache
def kernel(fmt: Format, dtype: torch.dtype, device: torch.device) -> Kernel:
    """The kernel for tensors of `dtype`. Half precision is computed in float32, and float32 in float64 where the format
    leaves float32's range. Raises BadInput for other types, and for a format that float64 cannot compute either.
    """
    if dtype not in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        raise BadInput(f"cannot quantize a tensor of {dtype}: convert it to float32, float64, bfloat16 or float16")
    layout = FLOAT64 if dtype == torch.float64 or not FLOAT32.covers(fmt) else FLOAT32
    if not layout.covers(fmt):
        raise BadInput(f"{fmt.name} comes too near the ends of float64 to be computed in it: use another bias")

    def constant(value: float, kind: torch.dtype) -> Tensor:
        with torch.inference_mode(False):  # the constants outlive the caller's mode and transform
            return plain(torch.tensor(value, dtype=kind, device=device))

    low, high = constant(fmt.min, layout.float_type), constant(fmt.max, layout.float_type)
    if isinstance(fmt, Integer):
        return Kernel(integer, layout, low, high)
    lowest = constant((1 - fmt.bias + layout.bias) << layout.mantissa_bits, layout.int_type)
    if fmt.mantissa_bits == 0:
        parity = constant((fmt.bias ^ layout.bias) & 1, layout.int_type)
        return Kernel(power_of_two, layout, low, high, (lowest, parity))
    magic = ((layout.mantissa_bits - fmt.mantissa_bits) << layout.mantissa_bits) | (1 << (layout.mantissa_bits - 1))
    return Kernel(minifloat, layout, low, high, (lowest, constant(magic, layout.int_type)))
