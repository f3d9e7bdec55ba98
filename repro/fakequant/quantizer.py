"""`fake_quantize`: the values that a format can hold, in the tensor's own type, with a straight-through gradient."""

import functools

import numpy as np
import torch
from torch import Tensor

from repro.errors import BadInput
from repro.fakequant import compiling
from repro.fakequant.kernels import Kernel, Layout, kernel
from repro.formats import Format, Integer


def fake_quantize(x: Tensor, fmt: Format, scale: float | Tensor) -> Tensor:
    """``fmt.round(x / scale) * scale``: same shape, type and device as `x`.

    `x`: float32, float64, bfloat16 or float16, any shape and strides. `scale`: positive; a number, or a tensor that
    broadcasts against `x` without enlarging it, such as (C, 1, 1, 1) for one scale a channel of a convolution's weights.
    Rounds half to even and saturates, infinities too; NaN stays NaN. Computed in float32 or float64, as `x` has it; half
    precision in float32, and formats that leave float32's range in float64, with one rounding to the type of `x` at the end.
    The product with the scale may leave that type's range.

    The gradient passes straight through where rounding stays inside the format and is zero where it saturates, as in the
    paper's quantizer (arXiv 2311.12359: round, then clip); the gradient of `scale` follows from the same rule. Equal to
    `repro.formats` bit for bit (tests/fakequant). Raises BadInput for another type, or a scale that does not fit or is
    not positive.
    """
    if not isinstance(x, Tensor):
        raise BadInput(f"fake_quantize needs a torch tensor, not {type(x).__name__}: use the format's round() for arrays")
    if not isinstance(fmt, Format):
        raise BadInput(f"{fmt!r} is no format: write parse({fmt!r}), with `from repro.formats import parse`")
    return quantize_unchecked(x, fmt, _checked_scale(x, scale, kernel(fmt, x.dtype, x.device).layout.float_type))


def _checked_scale(x: Tensor, scale: float | Tensor, kind: torch.dtype) -> Tensor:
    """The scale as a tensor of the type that computes; raises BadInput unless it fits and is positive there."""
    if not isinstance(scale, (int, float, Tensor)) or isinstance(scale, Tensor) and scale.is_complex():
        raise BadInput(f"a scale is a number or a real tensor, not {type(scale).__name__}: convert it first")
    if not isinstance(scale, Tensor):
        limits = torch.finfo(kind)
        if not limits.smallest_normal * limits.eps <= scale <= limits.max:  # the first is the smallest positive number
            raise _bad_scale(scale, kind)
        return torch.tensor(scale, dtype=kind, device=x.device)
    try:
        fits = scale.dim() == 0 or torch.broadcast_shapes(x.shape, scale.shape) == x.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise BadInput(f"a scale of shape {tuple(scale.shape)} does not fit a tensor of shape {tuple(x.shape)}: "
                       "give one number, or 1 where a dimension shares its scale")
    converted = scale.to(x.device, kind)
    if converted.numel():
        lowest, highest = torch.aminmax(converted.detach())
        if not (lowest > 0 and highest < torch.inf):
            raise _bad_scale(scale[~((converted > 0) & (converted < torch.inf))].flatten()[0].item(), kind)
    return converted


def _bad_scale(scale: float, kind: torch.dtype) -> BadInput:
    return BadInput(f"a scale must be positive and finite in {kind}, not {scale:.6g}: an all-zero tensor or channel may have 1")


def quantize_unchecked(x: Tensor, fmt: Format, scale: Tensor) -> Tensor:
    """`fake_quantize` for a scale tensor known to be good: the tensor quantizers inside networks call this."""
    if torch.is_grad_enabled() and (x.requires_grad or scale.requires_grad):
        return _StraightThrough.apply(x, scale, fmt)
    return rounded(x, scale, kernel(fmt, x.dtype, x.device))


@torch.no_grad()
def rounded(x: Tensor, scale: Tensor, chosen: Kernel) -> Tensor:
    """What the kernel makes of a tensor, in the tensor's own type, without a gradient."""
    computed = compiling.run(chosen, x.to(chosen.layout.float_type), scale.to(chosen.layout.float_type))
    return computed.to(x.dtype)


@functools.cache
def passing_range(fmt: Format, layout: Layout) -> tuple[float, float]:
    """The smallest and the largest v = x / scale that round to a value of the format before any clipping.

    A tie beyond the largest value goes away from it (its code is odd); beyond the smallest value of a signed integer of
    full range, and below an unsigned zero, a tie comes back.
    """
    number = np.float64 if layout.float_type == torch.float64 else np.float32
    gap = 1.0 if isinstance(fmt, Integer) else fmt.values()[-1] - fmt.values()[-2]
    if not isinstance(fmt, Integer) and fmt.mantissa_bits == 0:
        gap = fmt.max  # the next power of two would be twice the largest
    high = np.nextafter(number(fmt.max + gap / 2), number(0))
    even = isinstance(fmt, Integer) and not fmt.narrow_range
    low = number(fmt.min - gap / 2) if even else -high
    return float(low), float(high)


class _StraightThrough(torch.autograd.Function):
    """Rounding whose gradient is one inside the format's range and zero outside."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, scale: Tensor, fmt: Format) -> Tensor:
        return rounded(x, scale, kernel(fmt, x.dtype, x.device))

    @staticmethod
    def setup_context(ctx, inputs: tuple, output: Tensor) -> None:
        x, scale, ctx.fmt = inputs
        ctx.save_for_backward(x, scale)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        x, scale = ctx.saved_tensors
        chosen = kernel(ctx.fmt, x.dtype, x.device)
        v = x.to(chosen.layout.float_type) / scale
        low, high = passing_range(ctx.fmt, chosen.layout)
        inside = (v >= low) & (v <= high)
        of_scale = None
        if ctx.needs_input_grad[1]:
            steps = rounded(v, torch.ones_like(scale), chosen)
            of_scale = (gradient * (steps - torch.where(inside, v, 0.0))).sum_to_size(scale.shape).to(scale.dtype)
        return torch.where(inside, gradient, 0.0), of_scale, None
