"""Dot products in exact integer arithmetic, in an accumulator of P bits that is checked at every partial sum.

The register holds ``-2**(p-1) .. 2**(p-1)-1``. When a partial sum leaves this range, hardware either keeps the low
P bits (*wraparound*) or stops at the nearest end (*saturation*). Up to the first such event the register is exact
under both, so both report an overflow for the same dot products; only what follows differs.
"""

from dataclasses import dataclass

import numpy as np

from repro.arguments import whole
from repro.errors import BadInput


def limits(p: int) -> tuple[int, int]:
    """The least and greatest value of a p-bit two's-complement register. Raises BadInput unless 1 <= p <= 62."""
    p = whole("the width of an accumulator", p)
    if not 1 <= p <= 62:
        raise BadInput(f"an accumulator here has 1 to 62 bits, not {p}")
    return -(2 ** (p - 1)), 2 ** (p - 1) - 1


def wrap(values: np.ndarray, p: int) -> np.ndarray:
    """Two's complement: the integer values (any shape, type and size) modulo 2**p, read as signed p-bit numbers; int64."""
    low, high = limits(p)
    # The lowest p bits, and the highest of them as a sign. Nothing here leaves int64, as a difference to `low` could.
    return np.asarray(((_integers(values, "values") & (high - low)) ^ -low) + low, np.int64)


def saturate(values: np.ndarray, p: int) -> np.ndarray:
    """The integer values (any shape, type and size) clipped to the range of a signed p-bit register; int64."""
    return np.asarray(np.clip(_integers(values, "values"), *limits(p)), np.int64)


POLICIES = {"wraparound": wrap, "saturation": saturate}


@dataclass(frozen=True)
class Sums:
    """`values`: int64 (images, channels), the register's last state; `overflowed`: bool, same shape, whether any
    partial sum on the way left the register's range."""

    values: np.ndarray
    overflowed: np.ndarray


def accumulate(inputs: np.ndarray, weights: np.ndarray, p: int, policy: str) -> Sums:
    """Multiply and add one product at a time, in the order of the last axis, in a p-bit register.

    `inputs`: integers (images, k); `weights`: integers (channels, k), of any type. A product is exact: multipliers do not
    overflow. Raises BadInput on anything but integers, on shapes that do not fit, on an unknown policy, or where int64
    could not hold a register and a product.
    """
    inputs, weights = _integers(inputs, "inputs", axes=2), _integers(weights, "weights", axes=2)
    largest = max(_largest(inputs), 1) * max(_largest(weights), 1)
    if largest > 2**62:
        raise BadInput(f"products of {largest.bit_length()} bits do not fit int64 beside a register: use smaller numbers")
    if inputs.shape[1] != weights.shape[1]:
        raise BadInput(f"inputs have {inputs.shape[1]} columns and weights {weights.shape[1]}: give them the same k")
    fold = _fold(policy)
    low, high = limits(p)
    register = np.zeros((len(inputs), len(weights)), np.int64)
    overflowed = np.zeros(register.shape, bool)
    for x, w in zip(inputs.T, weights.T, strict=True):
        register += np.multiply.outer(x, w)
        outside = (register < low) | (register > high)
        if outside.any():
            overflowed |= outside
            register = fold(register, p)
    return Sums(register, overflowed)


def trace(inputs: np.ndarray, weights: np.ndarray, p: int, policy: str) -> np.ndarray:
    """The register after each of the k additions of one dot product: int64 (k,).

    `inputs`, `weights`: integers (k,) of any type and size. Raises BadInput as `accumulate` does, but for no size.
    """
    inputs, weights = _integers(inputs, "inputs", axes=1), _integers(weights, "weights", axes=1)
    if inputs.shape != weights.shape:
        raise BadInput(f"{len(inputs)} inputs and {len(weights)} weights: give as many of one as of the other")
    fold = _fold(policy)
    states, register = [], 0
    for x, w in zip(inputs.tolist(), weights.tolist()):
        register = int(fold(register + x * w, p))  # Python ints: as exact as accumulate, where int64 is not enough too
        states.append(register)
    return np.array(states, np.int64)


def worst_case(weights: np.ndarray, largest_input: int) -> tuple[np.ndarray, np.ndarray]:
    """Per channel, the least and greatest partial sum over all inputs in 0..largest_input and all orders of summation.

    `weights`: integers (channels, k) of any type. The extremes are reached by adding only the negative, or only the
    positive, weights first: this is the paper's argument for its L1 bound, with the two signs kept apart. Both arrays
    (channels,) are int64, or Python ints where int64 might not hold them. Raises BadInput on anything but integers.
    """
    weights, largest_input = _integers(weights, "weights", axes=2), whole("the largest input", largest_input, 0)
    if weights.shape[1] * max(_largest(weights), 1) * largest_input >= 2**63:
        weights = weights.astype(object)
    return np.minimum(weights, 0).sum(axis=1) * largest_input, np.maximum(weights, 0).sum(axis=1) * largest_input


def bits_needed(weights: np.ndarray, largest_input: int) -> int:
    """The smallest accumulator width that no input in 0..largest_input can overflow, whatever the order."""
    lowest, highest = worst_case(weights, largest_input)
    return max(int(highest.max()), -int(lowest.min()) - 1, 0).bit_length() + 1


def _fold(policy: str):
    if policy not in POLICIES:
        raise BadInput(f"unknown overflow policy {policy!r}: use {' or '.join(POLICIES)}")
    return POLICIES[policy]


def _largest(values: np.ndarray) -> int:
    """The largest magnitude, as a Python int (int64 could overflow)."""
    return max(int(values.max()), -int(values.min()))


def _integers(values, name: str, axes: int | None = None) -> np.ndarray:
    """Integers of any type as int64, or as Python ints where int64 does not hold them. With `axes`: so many, none empty."""
    values = np.asarray(values, None if hasattr(values, "dtype") else object)  # NumPy makes floats of [2**63, -1]
    if values.dtype.kind == "O":
        values = np.array([whole(f"each of {name}", value) for value in values.flat], object).reshape(values.shape)
    if values.dtype.kind not in "iuO" or axes and (values.ndim != axes or values.size == 0):
        shape = {None: "an", 1: "a one-dimensional", 2: "a two-dimensional"}[axes]
        raise BadInput(f"{name} must be {shape} array of integers, not {values.dtype} of shape {values.shape}")
    if values.dtype.kind != "i" and values.size and (values.max() >= 2**63 or values.min() < -(2**63)):
        return values.astype(object)
    return values.astype(np.int64, copy=False)
