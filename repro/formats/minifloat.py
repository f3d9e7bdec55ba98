"""Minifloats as in "Shedding the Bits": sign, exponent, mantissa; subnormals; no infinity and no NaN.

Source: arXiv 2311.12359, section on the minifloat format (see data/paper/). This module is the readable
oracle; faster paths (PyTorch, Brevitas, Verilog) are tested equal to it over every code.
"""

from dataclasses import dataclass

import numpy as np

from repro.arguments import whole
from repro.errors import BadInput
from repro.formats.checks import MAX_BITS, code_array, value_array


@dataclass(frozen=True)
class Minifloat:
    """ExMy: one sign bit, ``exponent_bits`` and ``mantissa_bits``, exponent bias ``2**(e-1) - 1`` unless given.

    A code is the bits ``sign | exponent | mantissa`` read as an unsigned integer. With stored exponent c and
    stored mantissa t (both integers) its magnitude is

    - subnormal, c = 0:  ``t * 2**(1 - bias - mantissa_bits)``
    - normal,    c > 0:  ``(2**mantissa_bits + t) * 2**(c - bias - mantissa_bits)``

    Every code is a finite number: no infinity, no NaN, so E4M3 reaches 480 (the OCP format of that name stops
    at 448). Two formats are equal when their numbers of bits and their biases are.

    Raises BadInput (a ValueError) for fewer than one exponent bit, a negative number of mantissa bits, more than
    16 bits in all, a bias that takes the values outside float64's normal range, or any of them no whole number.
    """

    exponent_bits: int
    mantissa_bits: int
    bias: int | None = None

    kind = "minifloat"
    signed = True

    def __post_init__(self):
        for name in ("exponent_bits", "mantissa_bits"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        e, m = self.exponent_bits, self.mantissa_bits
        if e < 1 or m < 0:
            raise BadInput(f"E{e}M{m}: a minifloat needs at least 1 exponent bit and 0 mantissa bits")
        if 1 + e + m > MAX_BITS:
            raise BadInput(f"E{e}M{m} has {1 + e + m} bits: formats here have at most {MAX_BITS}")
        bias = 2 ** (e - 1) - 1 if self.bias is None else whole(f"E{e}M{m}: the exponent bias", self.bias)
        object.__setattr__(self, "bias", bias)
        if self._top_exponent > 1023 or 1 - self.bias - m < -1022:
            raise BadInput(f"{self.name}: its values leave the range of float64: use fewer exponent bits or another bias")

    @property
    def _top_exponent(self) -> int:
        return 2**self.exponent_bits - 1 - self.bias

    @property
    def name(self) -> str:
        """ExMy, followed by Bz when the bias is not the usual one."""
        usual = self.bias == 2 ** (self.exponent_bits - 1) - 1
        return f"E{self.exponent_bits}M{self.mantissa_bits}" + ("" if usual else f"B{self.bias}")

    @property
    def bits(self) -> int:
        """Width of a code, sign included."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def max(self) -> float:
        """Largest value, ``(2 - 2**-m) * 2**(2**e - 1 - bias)``."""
        return float(np.ldexp(2 - 2.0**-self.mantissa_bits, self._top_exponent))

    @property
    def min(self) -> float:
        """Most negative value, ``-max``."""
        return -self.max

    @property
    def min_normal(self) -> float:
        """Smallest value with a leading one, ``2**(1 - bias)``."""
        return float(np.ldexp(1.0, 1 - self.bias))

    @property
    def min_subnormal(self) -> float:
        """Distance between neighbouring subnormals, and the smallest positive value when there are any mantissa bits."""
        return float(np.ldexp(1.0, 1 - self.bias - self.mantissa_bits))

    def decode(self, codes) -> np.ndarray:
        """Codes (integer array, any shape) to float64 values, exactly. The code 1000...0 is -0.0.

        Raises BadInput when a code is not an integer in [0, 2**bits).
        """
        codes = code_array(codes, self.bits, self.name)
        m = self.mantissa_bits
        stored_exponent = (codes >> m) & (2**self.exponent_bits - 1)
        significand = (codes & (2**m - 1)) + np.where(stored_exponent > 0, 2**m, 0)
        exponent = np.maximum(stored_exponent, 1) - self.bias - m
        sign = np.where(codes >> (self.bits - 1), -1.0, 1.0)
        return sign * np.ldexp(significand.astype(np.float64), exponent)

    def encode(self, values) -> np.ndarray:
        """Values (any shape) to uint16 codes: round to nearest, ties to the even code; saturate
        beyond ``max`` (infinities too).

        The values may be numbers that float64 does not hold (see ``round``). The sign of zero is kept. Raises BadInput on NaN.
        """
        values = value_array(values, self.name)
        significand, exponent = self._nearest(values)
        # A significand that rounded up to 2**(m+1) carries into the exponent by itself: codes are contiguous.
        magnitude = self._code(significand.astype(np.int64), exponent)
        magnitude = np.minimum(magnitude, 2 ** (self.bits - 1) - 1)
        sign = np.signbit(values).astype(np.int64) << (self.bits - 1)
        return (sign | magnitude).astype(np.uint16)

    def round(self, values) -> np.ndarray:
        """The nearest representable values as float64, same shape; equal to ``decode(encode(values))``.

        Integers beyond 2**53, extended precision, fractions and decimals are rounded once, from their exact value.
        Raises BadInput on NaN, and on what is no real number (complex, text, dates).
        """
        values = value_array(values, self.name)
        significand, exponent = self._nearest(values)
        return np.copysign(np.minimum(np.ldexp(significand, exponent), self.max), values)

    def _nearest(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """|values| as integer significand (float64, at most 2**(m+1)) times a power of two, ties to the even code."""
        magnitude = np.minimum(np.abs(values), 2 * self.max if self._top_exponent < 1023 else self.max)
        _, exponent = np.frexp(magnitude)  # magnitude = f * 2**exponent with f in [0.5, 1)
        exponent = np.where(magnitude > 0, exponent - 1, 1 - self.bias)
        exponent = np.maximum(exponent, 1 - self.bias) - self.mantissa_bits
        scaled = np.ldexp(magnitude, -exponent)
        below = np.floor(scaled)
        # Without mantissa bits every significand is 1, and it is the exponent that makes a code even or odd.
        odd = self._code(below.astype(np.int64), exponent) & 1
        rest = scaled - below
        return below + ((rest > 0.5) | ((rest == 0.5) & (odd == 1))), exponent

    def _code(self, significand: np.ndarray, exponent: np.ndarray) -> np.ndarray:
        """The code, without sign, of significand * 2**exponent (int64)."""
        return ((exponent + self.bias + self.mantissa_bits - 1).astype(np.int64) << self.mantissa_bits) + significand

    def values(self) -> np.ndarray:
        """All distinct values, ascending, float64; zero appears once (as +0.0)."""
        positive = self.decode(np.arange(2 ** (self.bits - 1)))
        return np.concatenate([-positive[:0:-1], positive])

    def __str__(self) -> str:
        return self.name
