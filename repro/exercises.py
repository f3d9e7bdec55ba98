"""Exercises that check themselves: `check("ex-decode", answer)` says right, or wrong with a hint.

Each function below computes the answer to one exercise of the book from the package itself; no answer is typed in.
To add an exercise, write such a function under its chapter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from repro.accumulators import exact_width
from repro.errors import BadInput
from repro.experiments import bit_tricks, distributions
from repro.experiments.moments import LAWS, squared_error, student
from repro.formats import Integer, Minifloat, catalogue, parse


@dataclass(frozen=True)
class Exercise:
    """How one exercise is checked."""

    answer: Callable[[], object]
    """Computes the right answer: a text, a number, or numbers in an array of any shape."""
    hint: str
    """What a wrong answer brings; it must not give the answer away."""
    tolerance: float = 0.0
    """Largest accepted difference, relative to the right number."""


@dataclass(frozen=True)
class Outcome:
    """True when the answer was right; shows as one line."""

    right: bool
    line: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.line


EXERCISES: dict[str, Exercise] = {}
"""Label in the book -> how it is checked."""


def check(label: str, answer) -> Outcome:
    """Compare an answer with the right one: a text (upper and lower case are the same), a number, or an array of numbers.

    Raises BadInput for an unknown label and for an answer of another type or shape than the exercise asks for.
    """
    if not isinstance(label, str) or label not in EXERCISES:
        raise BadInput(f"unknown exercise {label!r}: choose one of {', '.join(EXERCISES)}")
    exercise = EXERCISES[label]
    expected = exercise.answer()
    if isinstance(expected, str):
        right = _text(label, answer) == _text(label, expected)
    else:
        expected = np.asarray(expected, dtype=np.float64)
        given = _numbers(label, answer, expected.shape)
        right = bool(np.isclose(given, expected, rtol=exercise.tolerance, atol=0).all())
    return Outcome(right, f"{label}: right." if right else f"{label}: not yet. {exercise.hint}")


def _text(label: str, answer) -> str:
    if not isinstance(answer, str):
        raise BadInput(f"{label} asks for a text in quotes, such as a format's name, not {type(answer).__name__}")
    return answer.strip().upper()


def _numbers(label: str, answer, shape: tuple[int, ...]) -> np.ndarray:
    wanted = f"an array of shape {shape}" if shape else "one number"
    try:
        numbers = np.asarray(answer)
        if numbers.dtype.kind in "bcSU":  # NumPy would read True as 1 and digits in text
            raise TypeError
        numbers = numbers.astype(np.float64)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor that needs a gradient
        raise BadInput(f"{label} asks for {wanted}, not for {type(answer).__name__}") from None
    if np.isnan(numbers).any():  # None too becomes NaN
        raise BadInput(f"{label} asks for {wanted}; NaN and None are not numbers")
    if numbers.shape != shape:
        raise BadInput(f"{label} asks for {wanted}, not for an array of shape {numbers.shape}")
    return numbers


def _exercise(label: str, hint: str, tolerance: float = 0.0):
    """Decorator: the function computes the answer to the exercise called `label`."""
    def register(answer):
        EXERCISES[label] = Exercise(answer, hint, tolerance)
        return answer
    return register


# --- What a minifloat is -----------------------------------------------------------------------------------------------


@_exercise("ex-decode", "Cut the code into sign, exponent and mantissa. Did you subtract the bias, and add the leading one?")
def _decode():
    return parse("E3M2").decode(0b1_011_10)


@_exercise("ex-encode", "Write the number as 1.something times a power of two; add the bias to the power.")
def _encode():
    return parse("E3M2").encode(7.0)


@_exercise("ex-bias", "Each step of the bias moves every value by a factor of two.")
def _bias():
    return next(bias for bias in range(64) if Minifloat(5, 2, bias).max == 1.75)


@_exercise("ex-specials", "IEEE keeps the codes whose exponent field is all ones. What share of the fields is that?", 1e-9)
def _specials():
    fmt = parse("E6M1")
    fields = np.arange(2**fmt.bits) >> fmt.mantissa_bits & (2**fmt.exponent_bits - 1)
    return 100 * (fields == 2**fmt.exponent_bits - 1).mean()


# --- The number line ---------------------------------------------------------------------------------------------------


@_exercise("ex-range", "20 log10 of the largest value over the smallest positive one; subnormals count.", 1e-3)
def _range():
    fmt = parse("E4M4")
    return 20 * np.log10(fmt.max / fmt.min_subnormal)


@_exercise("ex-span", "The normal values must span the ratio. Among the formats that do, which has the most mantissa bits?")
def _span():
    spans = [fmt for fmt in catalogue(8, 8) if isinstance(fmt, Minifloat) and fmt.max / fmt.min_normal >= 1e4]
    return max(spans, key=lambda fmt: fmt.mantissa_bits).name


@_exercise("ex-exact-sum", "The largest sum, in units of the smallest product, must fit below the sign bit.")
def _exact_sum():
    return exact_width(parse("E2M3"), parse("E2M3"), 1000)


# --- Rounding and scaling ----------------------------------------------------------------------------------------------


@_exercise("ex-ties", "List the values of E2M1. Each number lies between two of them, or beyond the last. Which code is even?")
def _ties():
    return parse("E2M1").round([1.25, 2.5, -0.75, 40.0])


@_exercise("ex-shift", "Of the eight remainders, which are rounded up, and by how much? Take the mean of the errors.", 1e-9)
def _shift():
    numbers = np.arange(8) / 8
    return (np.floor(numbers + 0.5) - numbers).mean()


@_exercise("ex-power", "A larger bias makes every value smaller; each step of the bias halves them.")
def _power():
    wanted = parse("E3M2").max / 4
    return next(bias for bias in range(16) if Minifloat(3, 2, bias).max == wanted)


@_exercise("ex-clip", "Compute the scale with each percentile, quantize, and compare rounding.decibels().")
def _clip():
    from repro.experiments import rounding  # brings torch and Brevitas, which the other exercises do without
    return [rounding.best_percentile(name, (99.0, 99.9, 99.99, 100.0)) for name in ("INT6", "E3M2")]


# --- Which format suits which data -------------------------------------------------------------------------------------


@_exercise("ex-crossover", "Set the integer law equal to E4M3's level and solve for the crest factor.", 0.01)
def _crossover():
    level = distributions.best_db(LAWS["gaussian"], parse("E4M3"))
    return 20 * np.log10(2**8) + 10 * np.log10(3) - level


@_exercise("ex-freedom", "Compare the two formats, each at its own best scale, for one number after another.")
def _freedom():
    def lead(law):
        return distributions.best_db(law, parse("E2M5")) - distributions.best_db(law, parse("E3M4"))
    return next(freedom for freedom in range(3, 30) if lead(student(freedom)) > 0)


@_exercise("ex-unsigned", "Draw, cut at zero, and round with scale = 5 / the format's largest value. UINT8 ends at 255.", 0.03)
def _unsigned():
    # Cut at zero, the law is half of itself, so a grid mirrored at zero has the same ratio of signal to noise.
    mirrored = np.arange(-parse("UINT8").max, parse("UINT8").max + 1) * 5 / parse("UINT8").max
    errors = [squared_error(LAWS["gaussian"], mirrored), distributions.error(LAWS["gaussian"], parse("E2M5"), 5)]
    return 10 * np.log10(errors[1] / errors[0])


# --- Fast enough to sweep ----------------------------------------------------------------------------------------------


@_exercise("ex-magic", "Put E and m of the numbers between 1 and 2, rounded to two bits, into the formula for the shift.")
def _magic():
    return bit_tricks.steps(1.3, Minifloat(4, 2))["shift = 1.5 · 2^(E + 23 - m)"]


@_exercise("ex-clamp", "Divide both ends of ReLU6 by the scale. Do the results lie inside INT8?")
def _clamp():
    return np.clip(np.array([0, 6]) * 16, Integer(8).min, Integer(8).max)
