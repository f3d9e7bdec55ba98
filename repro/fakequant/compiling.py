"""When a kernel runs compiled: the same bits, ten times the speed, at the price of some seconds of compilation.

Compiling takes seconds (tens of them the first time on a machine), so it waits until this process has rounded so many
elements eagerly that the price will pay: whoever stops early never pays it, and whoever goes on needs at most twice the
shortest time. `compile_now` is for those who know that they will go on. Without a compiler everything stays eager.
"""

import contextlib
import functools
import math
import time
import types
from collections.abc import Callable

import torch
from torch import Tensor

from repro.fakequant.kernels import Kernel, kernel
from repro.formats import Integer, Minifloat

PATIENCE = 2**31
"""Elements to round eagerly, some five seconds on two cores, before compiling."""
SMALLEST = 2**14
"""Calls with fewer elements stay eager: there the call itself costs more than the arithmetic."""


class _State:
    """Of this process: what was decided, how many elements were rounded, and why compiling failed, if it did."""

    mode = "auto"
    elements = 0
    failure: Exception | None = None


def run(chosen: Kernel, x: Tensor, scale: Tensor) -> Tensor:
    """The kernel on a tensor of its type, compiled where that pays and the memory layout allows, else eagerly."""
    if x.numel() >= SMALLEST and _State.mode != "eager":
        _State.elements += x.numel()
        pays = _State.mode == "compiled" or _State.elements >= PATIENCE
        if pays and not _State.failure and (layout := _in_memory_order(x, scale)):
            try:
                return _run_compiled(chosen, x, scale, *layout)
            except Exception as failure:  # noqa: BLE001  whatever the reason, the eager kernel gives the same bits
                _State.failure = failure
    return chosen.function(x, scale, chosen.low, chosen.high, *chosen.constants)


@contextlib.contextmanager
def eager():
    """Within this context nothing is compiled."""
    before, _State.mode = _State.mode, "eager"
    try:
        yield
    finally:
        _State.mode = before


@torch.no_grad()
def compile_now(device: str = "cpu") -> float:
    """Compile now, for float32 tensors on the device, and use it from here on; the seconds it took.

    Raises RuntimeError where compiling fails (no C++ compiler, say); everything then stays eager.
    """
    begin = time.perf_counter()
    _State.mode, _State.failure = "compiled", None
    x = torch.zeros(4, SMALLEST, device=device)
    for fmt in (Minifloat(4, 3), Minifloat(4, 0), Integer(8)):
        for scale in (torch.ones((), device=device), torch.ones(4, 1, device=device)):
            run(kernel(fmt, x.dtype, x.device), x, scale)
    if _State.failure:
        raise RuntimeError("the kernels could not be compiled and stay eager") from _State.failure
    return time.perf_counter() - begin


def _run_compiled(chosen: Kernel, x: Tensor, scale: Tensor, order: list[int], shape: list[int], scale_shape: list[int]) -> Tensor:
    # .data drops what autograd knows of a tensor (views, gradients), on which torch would specialise
    flat, flat_scale = x.permute(order).reshape(shape).data, scale.reshape(scale_shape).data
    function = _compiled(chosen.function, (x.device.type, x.dtype, len(shape), flat.is_inference(), flat_scale.is_inference()))
    rounded = function(flat, flat_scale, chosen.low, chosen.high, *chosen.constants)
    back = sorted(range(x.dim()), key=order.__getitem__)
    return rounded.view([x.shape[d] for d in order]).permute(back)


@functools.cache
def _compiled(function: Callable, kind: tuple) -> Callable:
    """The function compiled for one kind of tensor: a copy each, since torch compiles one function eight times at most."""
    code = function.__code__.replace(co_name="_".join([function.__name__, *map(str, kind)]))
    return torch.compile(types.FunctionType(code, function.__globals__), dynamic=True, fullgraph=True)


def _in_memory_order(x: Tensor, scale: Tensor) -> tuple[list[int], list[int], list[int]] | None:
    """(order of dimensions in memory, shape, shape of the scale) that show a dense tensor as one row, or as one row a
    channel; None where neither will do. No other shapes: each costs one more compilation.
    """
    order = sorted(range(x.dim()), key=lambda d: (-x.stride(d), d))
    if not x.permute(order).is_contiguous():
        return None
    if scale.numel() == 1:
        return order, [-1], []
    rows = x.shape[order[0]]
    if scale.dim() == x.dim() and scale.shape[order[0]] == scale.numel() == rows < x.numel():
        return order, [rows, math.prod(x.shape) // rows], [rows, 1]
    return None
