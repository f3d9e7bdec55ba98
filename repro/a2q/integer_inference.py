"""Dot products in exact integer arithmetic, in an accumulator of P bits that is checked at every partial sum.

The register holds ``-2**(p-1) .. 2**(p-1)-1``. When a partial sum leaves this range, hardware either keeps the low
P bits (*wraparound*) or stops at the nearest end (*saturation*). Up to the first such event the register is exact
under both, so both report an overflow for the same dot products; only what follows differs.
"""

from dataclasses import dataclass

import numpy as np

from repro.errors import BadInput


def limits(p: int) -> tuple[int, int]:
    """The least and greatest value of a p-bit two's-complement register. Raises BadInput unless 1 <= p <= 62."""
    if p != int(p) or not 1 <= p <= 62:
        raise BadInput(f"an accumulator here has 1 to 62 bits, not {p!r}")
    return -(2 ** (int(p) - 1)), 2 ** (int(p) - 1) - 1


def wrap(values: np.ndarray, p: int) -> np.ndarray:
    """Two's complement: the integer values modulo 2**p, read as signed p-bit numbers."""
    low, _ = limits(p)
    return (values - low) % 2**p + low


def saturate(values: np.ndarray, p: int) -> np.ndarray:
    """The integer values clipped to the range of a signed p-bit register."""
    return np.clip(values, *limits(p))


POLICIES = {"wraparound": wrap, "saturation": saturate}


@dataclass(frozen=True)
class Sums:
    """`values`: int64 (images, channels), the register's last state; `overflowed`: bool, same shape, whether any
    partial sum on the way left the register's range."""

    values: np.ndarray
    overflowed: np.ndarray


def accumulate(inputs: np.ndarray, weights: np.ndarray, p: int, policy: str) -> Sums:
    """Multiply and add one product at a time, in the order of the last axis, in a p-bit register.

    `inputs`: integers (images, k); `weights`: integers (channels, k). A product is exact: multipliers do not
    overflow. Raises BadInput on anything but integers, on shapes that do not fit, on an unknown policy, or where int64
    could not hold a register and a product.
    """
    largest = _largest(inputs) * _largest(weights)
    inputs, weights = _integers(inputs, "inputs"), _integers(weights, "weights")
    if largest > 2**62:
        raise BadInput(f"products up to {largest:,} do not fit int64: use smaller numbers")
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
    """The register after each of the k additions of one dot product: int64 (k,). `inputs`, `weights`: integers (k,)."""
    fold = _fold(policy)
    register = [0]
    for product in np.multiply(inputs, weights).tolist():
        register.append(int(fold(register[-1] + product, p)))
    return np.array(register[1:])


def worst_case(weights: np.ndarray, largest_input: int) -> tuple[np.ndarray, np.ndarray]:
    """Per channel, the least and greatest partial sum over all inputs in 0..largest_input and all orders of summation.

    `weights`: integers (channels, k). The extremes are reached by adding only the negative, or only the positive,
    weights first: this is the paper's argument for its L1 bound, with the two signs kept apart.
    """
    weights = _integers(weights, "weights")
    return np.minimum(weights, 0).sum(axis=1) * largest_input, np.maximum(weights, 0).sum(axis=1) * largest_input


def bits_needed(weights: np.ndarray, largest_input: int) -> int:
    """The smallest accumulator width that no input in 0..largest_input can overflow, whatever the order."""
    lowest, highest = worst_case(weights, largest_input)
    return max(int(highest.max()), -int(lowest.min()) - 1, 0).bit_length() + 1


def _fold(policy: str):
    if policy not in POLICIES:
        raise BadInput(f"unknown overflow policy {policy!r}: use {' or '.join(POLICIES)}")
    return POLICIES[policy]


def _largest(values) -> int:
    """The largest magnitude, as a Python int (int64 could overflow)."""
    values = np.asarray(values)
    return max(int(values.max()), -int(values.min())) if values.size and values.dtype.kind in "iu" else 0


def _integers(values, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or values.size == 0 or not np.issubdtype(values.dtype, np.integer):
        raise BadInput(f"{name} must be a two-dimensional array of integers, not {values.dtype} of shape {values.shape}")
    return values.astype(np.int64)
