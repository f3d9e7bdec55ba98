"""`fake_quantize`: the values that a format can hold, in the tensor's own type, with a straight-through gradient."""

import functools
import math
import numbers

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from repro.errors import BadInput
from repro.fakequant import compiling
from repro.fakequant.kernels import Kernel, Layout, kernel
from repro.fakequant.transforms import plain, transformed
from repro.formats import Format, Integer


def fake_quantize(x: Tensor, fmt: Format, scale: float | Tensor) -> Tensor:
    """``fmt.round(x / scale) * scale``: same shape, type and device as `x`.

    `x`: float32, float64, bfloat16 or float16, any shape and strides. `scale`: positive; a number of any library, or a tensor
    that broadcasts against `x` without enlarging it, such as (C, 1, 1, 1) for one scale a channel of a convolution's weights.
    Either way it is rounded to the type that computes, and what counts is whether it is positive and finite there.
    Rounds half to even and saturates, infinities too; NaN stays NaN. Computed in float32 or float64, as `x` has it; half
    precision in float32, and formats that leave float32's range in float64, with one rounding to the type of `x` at the end.
    The product with the scale may leave that type's range.

    The gradient passes straight through where rounding stays inside the format and is zero where it saturates, as in the
    paper's quantizer (arXiv 2311.12359: round, then clip); the gradient of `scale` follows from the same rule, and second
    derivatives are zero. Forward mode (`torch.func.jvp`, `jacfwd`) gives the same derivatives as reverse mode, and `vmap` maps
    over tensors and scales alike. Equal to `repro.formats` bit for bit (tests/fakequant). Raises BadInput for another type, or
    a scale that does not fit or is not positive.
    """
    if not isinstance(x, Tensor):
        raise BadInput(f"fake_quantize needs a torch tensor, not {type(x).__name__}: use the format's round() for arrays")
    if not isinstance(fmt, Format):
        raise BadInput(f"{fmt!r} is no format: write parse({fmt!r}), with `from repro.formats import parse`")
    return quantize_unchecked(x, fmt, checked_scale(x, scale, kernel(fmt, x.dtype, x.device).layout.float_type))


def checked_scale(x: Tensor, scale: float | Tensor, kind: torch.dtype) -> Tensor:
    """The scale as a tensor of the type that computes; raises BadInput unless it fits `x` and is positive there."""
    if isinstance(scale, Tensor):
        try:
            fits = scale.dim() == 0 or torch.broadcast_shapes(x.shape, scale.shape) == x.shape
        except RuntimeError:
            fits = False
        if not fits:
            raise BadInput(f"a scale of shape {tuple(scale.shape)} does not fit a tensor of shape {tuple(x.shape)}: "
                           "give one number, or 1 where a dimension shares its scale")
    return positive_scale(scale, kind, x.device)


def positive_scale(scale: float | Tensor, kind: torch.dtype, device: torch.device | None = None) -> Tensor:
    """A number or tensor as a tensor of `kind`; raises BadInput unless all of it is real, positive and finite there."""
    if not isinstance(scale, Tensor):
        number, limits = _number(scale), torch.finfo(kind)
        halfway_to_zero = limits.smallest_normal * limits.eps / 2
        halfway_to_infinity = limits.max / (2 - limits.eps) * (2 - limits.eps / 2)
        if not halfway_to_zero < number < halfway_to_infinity:  # in Python numbers, which torch.compile follows
            raise _bad_scale(number, kind)
        return torch.tensor(number, dtype=torch.float64, device=device).to(kind)
    if scale.is_complex() or scale.dtype == torch.bool:
        raise _no_scale(f"a tensor of {scale.dtype}")
    converted = scale.to(device, kind)
    if converted.numel():
        values = plain(converted.detach())
        lowest, highest = torch.aminmax(values)
        if not (lowest > 0 and highest < torch.inf):
            bad = ~((values > 0) & (values < torch.inf))
            raise _bad_scale(plain(scale.detach())[bad].flatten()[0].item(), kind)
    return converted


def _number(scale) -> float:
    """A real number of Python or NumPy as a float, infinite where it is too large for one; else raises BadInput."""
    if isinstance(scale, (np.ndarray, np.generic)):
        real = scale.ndim == 0 and scale.dtype != bool and np.can_cast(scale.dtype, np.float64, "same_kind")
    else:
        real = isinstance(scale, numbers.Real) and not isinstance(scale, bool)
    if not real:
        raise _no_scale(type(scale).__name__)
    try:
        return float(scale)
    except OverflowError:
        return math.inf if scale > 0 else -math.inf


def _no_scale(kind: str) -> BadInput:
    return BadInput(f"a scale is a number or a real tensor, not {kind}: convert it first")


def _bad_scale(scale: float, kind: torch.dtype) -> BadInput:
    return BadInput(f"a scale must be positive and finite in {kind}, not {scale:.6g}: an all-zero tensor or channel may have 1")


def quantize_unchecked(x: Tensor, fmt: Format, scale: Tensor) -> Tensor:
    """`fake_quantize` for a scale tensor known to be good: the tensor quantizers inside networks call this."""
    if torch.compiler.is_compiling() and (transformed() or forward_ad._current_level >= 0):
        torch._dynamo.graph_break()  # or torch.compile would trace through the rounding, whose derivative is zero
    if forward_ad._current_level >= 0:
        return _ForwardToo.apply(x, scale, fmt)
    # A wrapper of torch.func may hide a tensor that requires a gradient.
    if torch.is_grad_enabled() and (x.requires_grad or scale.requires_grad) or transformed():
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
    """Rounding whose derivative is one inside the format's range and zero outside."""

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
        inside, v, chosen = _passing(x, scale, ctx.fmt)
        of_scale = None
        if ctx.needs_input_grad[1]:
            of_scale = (gradient * _slope(inside, v, chosen)).sum_to_size(scale.shape).to(scale.dtype)
        return torch.where(inside, gradient, 0.0), of_scale, None


class _ForwardToo(_StraightThrough):
    """The same with forward-mode derivatives. A class of its own, because torch.compile refuses any that has them."""

    @staticmethod
    def setup_context(ctx, inputs: tuple, output: Tensor) -> None:
        _StraightThrough.setup_context(ctx, inputs, output)
        ctx.save_for_forward(*inputs[:2])

    @staticmethod
    def jvp(ctx, of_x: Tensor, of_scale: Tensor, _: None) -> Tensor:
        x, scale = ctx.saved_tensors
        inside, v, chosen = _passing(x, scale, ctx.fmt)
        return (torch.where(inside, of_x, 0.0) + _slope(inside, v, chosen) * of_scale).to(x.dtype)


def _passing(x: Tensor, scale: Tensor, fmt: Format) -> tuple[Tensor, Tensor, Kernel]:
    """Where the gradient passes, v = x / scale, and the kernel; cut off from derivatives, as second ones are zero."""
    chosen = kernel(fmt, x.dtype, x.device)
    v = x.detach().to(chosen.layout.float_type) / scale.detach()
    low, high = passing_range(fmt, chosen.layout)
    return (v >= low) & (v <= high), v, chosen


def _slope(inside: Tensor, v: Tensor, chosen: Kernel) -> Tensor:
    """The derivative with respect to the scale: round(v), less v where the gradient of `x` passes."""
    return rounded(v, torch.ones((), dtype=v.dtype, device=v.device), chosen) - torch.where(inside, v, 0.0)
