"""When a kernel runs compiled: the same bits, several times the speed, at the price of some seconds of compilation.

Compiling takes seconds (tens of them the first time on a machine), so it waits until this process has rounded PATIENCE
elements eagerly: whoever stops early never pays. `compile_now` is for those who know that they will go on. Where compiling
fails (no C++ compiler, or one that torch calls wrongly because a folder's name has a space) everything stays eager, with one
warning.
"""

import contextlib
import time
import warnings
from collections.abc import Callable
from contextvars import ContextVar

import torch
from torch import Tensor

from repro.fakequant.kernels import Kernel, kernel
from repro.fakequant.transforms import transformed
from repro.formats import Integer, Minifloat

PATIENCE = 2**31
"""Elements to round eagerly before compiling: five to ten seconds on two cores."""
BLOCK = 2**14
"""Compiled loops run over blocks of this many elements: a length known to the compiler is worth a sixth of the time."""
SMALLEST = 2 * BLOCK
"""Calls with fewer elements stay eager: there the call itself costs more than the arithmetic."""

_eager = ContextVar("eager", default=False)


class _State:
    """Of this process: elements rounded so far, and why compiling failed, if it did."""

    elements = 0
    failure: Exception | None = None


def run(chosen: Kernel, x: Tensor, scale: Tensor) -> Tensor:
    """The kernel on a tensor of its type, compiled where that pays and the memory layout allows, else eagerly.

    Inside a torch.compile or torch.func transform of the caller's the plain kernel becomes part of that.
    """
    inside = torch.compiler.is_compiling() or transformed()
    if not inside and x.numel() >= SMALLEST and not _eager.get() and not _State.failure:
        _State.elements += x.numel()
        if _State.elements >= PATIENCE and (rows := _rows(x, scale)):
            try:
                return _run_compiled(chosen, x, scale, rows)
            except Exception as failure:  # noqa: BLE001  whatever the reason, the eager kernel gives the same bits
                _State.failure = failure
                warnings.warn(f"fake quantization stays eager, compiling failed: {failure}", RuntimeWarning, stacklevel=2)
    return chosen.function(x, scale, chosen.low, chosen.high, *chosen.constants)


@contextlib.contextmanager
def eager():
    """Within this context nothing is compiled."""
    token = _eager.set(True)
    try:
        yield
    finally:
        _eager.reset(token)


@torch.no_grad()
def compile_now(device: str = "cpu") -> float:
    """Compile now, for float32 tensors on the device, and use it from here on; the seconds it took.

    Raises RuntimeError where compiling fails; everything then stays eager.
    """
    begin = time.perf_counter()
    _State.elements, _State.failure = PATIENCE, None
    x = torch.zeros(4, SMALLEST, device=device)
    for fmt in (Minifloat(4, 3), Minifloat(4, 0), Integer(8)):
        for scale in (torch.ones((), device=device), torch.ones(4, 1, device=device)):
            run(kernel(fmt, x.dtype, x.device), x, scale)
    if _State.failure:
        raise RuntimeError("the kernels could not be compiled and stay eager") from _State.failure
    return time.perf_counter() - begin


def _rows(x: Tensor, scale: Tensor) -> int | None:
    """How many scales a dense tensor has: one, or one for each index of the dimension outermost in memory; None if neither."""
    outermost = 0
    if not x.is_contiguous():
        order = sorted(range(x.dim()), key=lambda d: (-x.stride(d), d))
        if not x.permute(order).is_contiguous():
            return None
        outermost = order[0]
    if scale.numel() == 1:
        return 1
    rows = x.shape[outermost]
    one_each = scale.dim() == x.dim() and scale.shape[outermost] == scale.numel() == rows < x.numel()
    return rows if one_each else None


def _run_compiled(chosen: Kernel, x: Tensor, scale: Tensor, rows: int) -> Tensor:
    """Compiled, on the elements in the order of memory: in blocks, or one row a channel when there are several scales."""
    total, result = x.numel(), torch.empty_like(x)
    if rows > 1:
        shape, scale = (rows, total // rows), scale.reshape(rows, 1).data
    else:
        shape, scale = (total // BLOCK, BLOCK), scale.reshape(()).data
    source, target = _seen_as(x, shape), _seen_as(result, shape)
    limits = chosen.low, chosen.high, *chosen.constants
    kind = chosen.function, x.device.type, x.dtype, rows > 1, x.is_inference(), scale.is_inference()
    if kind not in _compiled:
        _compiled[kind] = _compile(chosen.function, x.device.type)
        for tensor in (source, target):
            for dimension in range(2 if rows > 1 else 1):
                torch._dynamo.mark_dynamic(tensor, dimension)
    _compiled[kind](target, source, scale, *limits)
    done = shape[0] * shape[1]
    if done < total:
        rest = (1, total - done)
        _seen_as(result, rest, done).copy_(chosen.function(_seen_as(x, rest, done), scale, *limits))
    return result


def _seen_as(x: Tensor, shape: tuple[int, int], start: int = 0) -> Tensor:
    """A dense tensor's elements in the order of memory, without what autograd knows of it, on which torch would specialise."""
    return x.as_strided(shape, (shape[1], 1), x.storage_offset() + start).data


_compiled: dict[tuple, Callable] = {}
"""One for each kind of tensor: torch compiles a function for a few kinds, then gives up."""


def _compile(function: Callable, device: str) -> Callable:
    """The function, to be compiled at its first call, with its result written into the first argument."""
    def write(target, *arguments):
        target.copy_(function(*arguments))

    # Division as eager code has it on a GPU; a CPU divides exactly in any case.
    exact = {"eager_numerics.division_rounding": True, "eager_numerics.disable_ftz": True} if device == "cuda" else None
    return torch.compile(write, fullgraph=True, options=exact, isolate_recompiles=True, recompile_limit=64)

