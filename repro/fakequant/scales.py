"""Three ways to choose the scale of a quantizer: the largest magnitude, a percentile, the least squared error.

Each function takes a float tensor `x` of any shape and a format, and returns a positive scale for ``fake_quantize(x, fmt,
scale)``: a 0-d tensor for the whole tensor (``dim=None``), or one scale for each index of the axis `dim`, of a shape
that broadcasts against `x` ((C, 1, 1, 1) for ``dim=0`` of a convolution's weight). The scale has the dtype of `x`, but
float32 for 16-bit tensors, because a coarse scale would move every value.

"Largest magnitude of the format" is ``max(fmt.max, -fmt.min)``, as in Brevitas: 2**(bits-1) for a signed integer of full
range. A channel of zeros needs no scale; it gets 1, or the tensor would turn into NaN.

All raise BadInput for a tensor that is empty, not floating-point, or not finite, for an axis that it lacks, and where the
format's values lie so far from one that the scale would leave the range of its type.
"""

import math

import torch
from torch import Tensor

from repro.arguments import whole
from repro.errors import BadInput
from repro.fakequant.quantizer import fake_quantize
from repro.fakequant.transforms import plain
from repro.formats import Format

STEPS_PER_OCTAVE = 32
FRACTIONS = tuple(2.0 ** (i / STEPS_PER_OCTAVE) for i in sorted(range(-10 * STEPS_PER_OCTAVE, STEPS_PER_OCTAVE + 1), key=abs))
"""What `mse` tries: fractions of the abs-max scale from 2**-10 to 2 in steps of 2.2 %, those closest to 1 first. A grid thirty
times finer lowers the error of some thousand heavy-tailed samples by less than 0.1 dB (tests/fakequant/test_scales.py)."""


def abs_max(x: Tensor, fmt: Format, dim: int | None = None) -> Tensor:
    """The scale that puts the largest |x| on the format's largest magnitude, so that nothing saturates.

    (One exception: +max|x| of a full-range signed integer, which ends one step earlier on the positive side.)
    """
    rows = _rows(x, dim)
    return _scale(rows.abs().amax(dim=1), fmt, x, dim)


def percentile(x: Tensor, fmt: Format, q: float = 99.9, dim: int | None = None) -> Tensor:
    """The scale that puts the q-th percentile of |x| on the format's largest magnitude; what lies beyond saturates.

    The percentile is the k-th smallest of n magnitudes, k = floor(q/100 * n + 1/2) and at least 1, as in Brevitas'
    `AbsPercentile`. Where it is zero (more than q % zeros) the largest |x| stands in. Raises BadInput unless 0 < q <= 100.
    """
    if not 0 < q <= 100:
        raise BadInput(f"a percentile lies above 0 and at most at 100, not {q}")
    magnitudes = _rows(x, dim).abs()
    rank = max(1, math.floor(q / 100 * magnitudes.shape[1] + 0.5))
    # kthvalue, because torch.quantile refuses more than 16 million elements.
    top = magnitudes.kthvalue(rank, dim=1).values
    return _scale(torch.where(top > 0, top, magnitudes.amax(dim=1)), fmt, x, dim)


@torch.no_grad()
def mse(x: Tensor, fmt: Format, dim: int | None = None) -> Tensor:
    """The scale with the least mean squared error of ``fake_quantize(x, fmt, scale)`` among FRACTIONS of the abs-max scale.

    The error has many local minima (a minifloat's nearly repeats when the scale doubles), so every fraction is tried; ties
    go to the fraction closest to 1. Cost: 353 quantizations of `x`.
    """
    rows = _rows(x, dim)
    start = top_to_scale(rows.abs().amax(dim=1), largest_magnitude(fmt))
    check_reach(start, fmt)
    best, least = start, torch.full_like(start, math.inf, dtype=torch.float64)
    for fraction in FRACTIONS:
        scale = start * fraction
        error = (fake_quantize(rows, fmt, scale[:, None]) - rows).double().square().mean(dim=1)
        better = error < least
        best, least = torch.where(better, scale, best), torch.where(better, error, least)
    return _shaped(best, x, dim)


def _rows(x: Tensor, dim: int | None) -> Tensor:
    """`x` as (channels, elements), one row for the whole tensor; checked."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise BadInput(f"a scale needs a floating-point tensor, not {kind}: convert it first")
    if x.numel() == 0:
        raise BadInput(f"a scale needs data: the tensor of shape {tuple(x.shape)} is empty")
    if not torch.isfinite(plain(x)).all():
        raise BadInput("a scale needs finite numbers: the tensor holds NaN or infinities; remove them first")
    dim = None if dim is None else whole("dim", dim)
    if dim is not None and not -x.ndim <= dim < x.ndim:
        choice = f"choose 0 to {x.ndim - 1}, or " if x.ndim else "choose "
        raise BadInput(f"a tensor of {x.ndim} axes has no axis {dim}: {choice}None for one scale")
    x = x.detach()
    x = x.float() if x.element_size() < 4 else x
    return x.reshape(1, -1) if dim is None else x.movedim(dim, 0).reshape(x.shape[dim], -1)


def _scale(top: Tensor, fmt: Format, x: Tensor, dim: int | None) -> Tensor:
    scale = top_to_scale(top, largest_magnitude(fmt))
    check_reach(scale, fmt)
    return _shaped(scale, x, dim)


def largest_magnitude(fmt: Format) -> float:
    """``max(fmt.max, -fmt.min)``."""
    return max(fmt.max, -fmt.min)


def top_to_scale(top: Tensor, largest: float | Tensor) -> Tensor:
    """Scales that put `top` on the largest magnitude; 1 for zeros, and never so small that x / scale loses its meaning.

    Divides in float64, because the largest magnitude of E8M7 exceeds float32; one more rounding does not move a float32.
    """
    smallest = torch.finfo(top.dtype).tiny
    return torch.where(top == 0, 1.0, (top.double() / largest).to(top.dtype).clamp_min(smallest))


def check_reach(scale: Tensor, fmt: Format) -> None:
    """Raises BadInput for scales beyond their type, or at its lower end although the format's values all lie above one."""
    values, limits = plain(scale), torch.finfo(scale.dtype)
    if (values == math.inf).any() or fmt.min_subnormal > 1 and (values <= limits.tiny).any():
        raise BadInput(f"{fmt.name}: a scale in {scale.dtype} cannot reach its values, from {fmt.min_subnormal:.3g} to "
                       f"{fmt.max:.3g}: use another bias, which the scale makes up for, or float64")


def _shaped(scale: Tensor, x: Tensor, dim: int | None) -> Tensor:
    if dim is None:
        return scale[0]
    shape = [1] * x.ndim
    shape[dim] = -1
    return scale.reshape(shape)
