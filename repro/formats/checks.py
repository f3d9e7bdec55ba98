"""What every codec asks of its arguments, said once."""

import numpy as np

from repro.errors import BadInput

MAX_BITS = 16


def code_array(codes, bits: int, name: str) -> np.ndarray:
    """Codes as int64, any shape. Raises BadInput unless they are integers in [0, 2**bits)."""
    codes = np.asarray(codes)
    if codes.size and not np.issubdtype(codes.dtype, np.integer):
        raise BadInput(f"{name}: codes are integers, not {codes.dtype}: use encode() for values")
    codes = codes.astype(np.int64)
    if codes.size and (codes.min() < 0 or codes.max() >= 2**bits):
        raise BadInput(f"{name}: codes lie in 0..{2**bits - 1}, found {codes.min()}..{codes.max()}")
    return codes


def value_array(values, name: str) -> np.ndarray:
    """Values as float64, any shape, empty ones included. Raises BadInput on NaN or on what is not a real number."""
    try:
        values = np.asarray(values)
        if values.dtype.kind in "cSU":  # NumPy would drop imaginary parts and read digits in text
            raise TypeError
        values = values.astype(np.float64)
    except (TypeError, ValueError):
        raise BadInput(f"{name}: values must be real numbers") from None
    if np.isnan(values).any():
        raise BadInput(f"{name} has no NaN: remove the NaN values before encoding")
    return values
