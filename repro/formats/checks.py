"""What every codec asks of its arguments, said once."""

import math
from operator import index

import numpy as np

from repro.errors import BadInput

MAX_BITS = 16


def code_array(codes, bits: int, name: str) -> np.ndarray:
    """Codes as int64, any shape. Raises BadInput unless they are integers in [0, 2**bits)."""
    codes = np.asarray(codes)
    if codes.size and codes.dtype.kind not in "iu":
        raise BadInput(f"{name}: codes are integers, not {codes.dtype}: use encode() for values")
    if codes.size and (codes.min() < 0 or codes.max() >= 2**bits):
        raise BadInput(f"{name}: codes lie in 0..{2**bits - 1}, found {codes.min()}..{codes.max()}")
    return codes.astype(np.int64)


def value_array(values, name: str) -> np.ndarray:
    """Values as float64, any shape, empty ones included, for rounding to at most MAX_BITS bits: a value that float64 does
    not hold becomes one that rounds alike. Raises BadInput on NaN or on what is not a real number.
    """
    try:
        values = _float64(np.asarray(values))
    except (TypeError, ValueError):
        raise BadInput(f"{name}: values must be real numbers") from None
    if np.isnan(values).any():
        raise BadInput(f"{name} has no NaN: remove the NaN values before encoding")
    return values


def _float64(values: np.ndarray) -> np.ndarray:
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind in "cSUTMm":  # NumPy would drop imaginary parts, read digits in text, and count a date's days
        raise TypeError
    if kind == "O":
        return np.array([_to_odd(value) for value in values.flat], np.float64).reshape(values.shape)
    with np.errstate(over="ignore"):  # extended precision beyond float64's range becomes infinite, and saturates
        floats = values.astype(np.float64, copy=False)
    if size > 8 or kind in "iu" and size == 8:
        lost = floats.astype(values.dtype) != values if kind == "f" else (values > 2**53) | (values < -(2**53))
        for place in np.flatnonzero(lost):
            floats.flat[place] = _to_odd(values.flat[place])
    return floats


def _to_odd(value) -> float:
    """A real number as float64: itself, or of its two neighbours the one whose last bit is 1. Raises TypeError for others.

    The neighbour with a 1 at the end is neither a number nor a midpoint of a format with fewer bits, and it lies on the
    same side of all of them as the value. So rounding it gives what rounding the value gives; from the nearest float64,
    which may be such a midpoint, a second rounding could go the other way.
    """
    if not hasattr(value, "as_integer_ratio"):
        value = index(value)  # of any library; what has neither is no number, or (a float of text) not exact
    try:
        nearest = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    if value == nearest or not math.isfinite(nearest) or np.float64(nearest).view(np.int64) & 1:
        return nearest
    return math.nextafter(nearest, math.inf if value > nearest else -math.inf)
