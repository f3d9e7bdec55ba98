"""Strategies: whole numbers as any library has them. The test computes with `int(value)`, the code under test gets the value."""

import numpy as np
import torch
from hypothesis import strategies as st

NUMPY_INTEGERS = tuple(np.dtype(code).type for code in np.typecodes["AllInteger"])


def _fits(value: int, kind) -> bool:
    return np.iinfo(kind).min <= value <= np.iinfo(kind).max


@st.composite
def whole_numbers(draw, least: int, most: int):
    """A whole number from `least` to `most` as a Python int, a NumPy scalar of any integer type, a 0-d array or a tensor."""
    value = draw(st.integers(least, most) | st.integers(least, min(most, 127)))  # small ones fit the small types
    makers = [int, *(kind for kind in NUMPY_INTEGERS if _fits(value, kind))]
    if _fits(value, np.int64):
        makers += [np.array, torch.tensor]
    return draw(st.sampled_from(makers))(value)


@st.composite
def integer_arrays(draw, *shapes: tuple[int, ...], most: int = 2**80):
    """One array for each shape, each of an integer type of its own, or of Python ints (objects) up to ±`most`."""
    arrays = []
    for shape in shapes:
        kind = draw(st.sampled_from((*NUMPY_INTEGERS, object)))
        low, high = (-most, most) if kind is object else (int(np.iinfo(kind).min), int(np.iinfo(kind).max))
        number = st.integers(low, high) | st.sampled_from((low, high, 0, 1))
        size = int(np.prod(shape))
        arrays.append(np.array(draw(st.lists(number, min_size=size, max_size=size)), kind).reshape(shape))
    return arrays
