"""Two's-complement and unsigned integers, with the same interface as the minifloats."""

from dataclasses import dataclass

import numpy as np

from repro.arguments import flag, whole
from repro.errors import BadInput
from repro.formats.checks import MAX_BITS, code_array, value_array


@dataclass(frozen=True)
class Integer:
    """An integer of ``bits`` bits; ``narrow_range`` drops the most negative code so that the range is symmetric.

    A code is the value's two's-complement bits read as an unsigned integer. Raises BadInput (a ValueError)
    for fewer than 1 or more than 16 bits, or bits that are no whole number, for a signed format without a positive value,
    or a narrow unsigned one.
    """

    bits: int
    signed: bool = True
    narrow_range: bool = False

    kind = "integer"

    def __post_init__(self):
        object.__setattr__(self, "bits", whole("the number of bits", self.bits))
        for name in ("signed", "narrow_range"):
            object.__setattr__(self, name, flag(name, getattr(self, name)))
        if self.bits < 1:
            raise BadInput(f"an integer format needs at least 1 bit, not {self.bits}")
        if self.bits > MAX_BITS:
            raise BadInput(f"{self.name} has {self.bits} bits: formats here have at most {MAX_BITS}")
        if self.signed and self.bits < 2:
            raise BadInput("INT1 has no positive value: use at least 2 bits, or UINT1")
        if self.narrow_range and not self.signed:
            raise BadInput(f"{self.name}: narrow_range drops the most negative code, so it needs a signed format")

    @property
    def name(self) -> str:
        """INTb or UINTb, followed by N for the narrow range."""
        return ("INT" if self.signed else "UINT") + str(self.bits) + ("N" if self.narrow_range else "")

    @property
    def max(self) -> float:
        """Largest value."""
        return float(2 ** (self.bits - self.signed) - 1)

    @property
    def min(self) -> float:
        """Smallest value: 0 when unsigned, ``-max`` when narrow, else ``-max - 1``."""
        return 0.0 if not self.signed else -self.max - (not self.narrow_range)

    @property
    def min_subnormal(self) -> float:
        """Distance between neighbouring values: 1 (named as for the minifloats)."""
        return 1.0

    def decode(self, codes) -> np.ndarray:
        """Codes (integer array, any shape) to float64 values, exactly.

        Raises BadInput when a code is not an integer in [0, 2**bits). The code that a narrow range drops decodes
        to its two's-complement value, which ``encode`` never produces.
        """
        codes = code_array(codes, self.bits, self.name)
        if self.signed:
            codes = codes - ((codes >> (self.bits - 1)) << self.bits)
        return codes.astype(np.float64)

    def encode(self, values) -> np.ndarray:
        """Values (any shape) to uint16 codes: round half to even, saturate.

        The values may be numbers that float64 does not hold (see ``round``). Raises BadInput on NaN.
        """
        return (self.round(values).astype(np.int64) & (2**self.bits - 1)).astype(np.uint16)

    def round(self, values) -> np.ndarray:
        """The nearest representable values as float64, same shape; zero is +0.0.

        Integers beyond 2**53, extended precision, fractions and decimals are rounded once, from their exact value.
        Raises BadInput on NaN, and on what is no real number (complex, text, dates).
        """
        values = value_array(values, self.name)
        return np.clip(np.rint(values), self.min, self.max) + 0.0  # + 0.0 turns -0.0 into 0.0

    def values(self) -> np.ndarray:
        """All values, ascending, float64."""
        return np.arange(self.min, self.max + 1)

    def __str__(self) -> str:
        return self.name
