"""Exercises that check themselves: `check("ex-decode", answer)` says right, or wrong with a hint.

Each function below computes the answer to one exercise of the book from the package itself; no answer is typed in.
To add an exercise, write such a function under its chapter.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hw import finn
from hw.generate import Mac
from repro import store
from repro.accumulators import exact_width, l1_bound
from repro.errors import BadInput
from repro.experiments import all_luts, bit_tricks, counting, distributions, finn_unit, mac, mac_drawings, mac_luts, readout
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


# --- How wide must the accumulator be ----------------------------------------------------------------------------------


@_exercise("ex-width-mixed", "INT4 reaches -8, UINT8 reaches 255. Which extreme is larger in magnitude? The sign counts.")
def _width_mixed():
    return exact_width(parse("INT4"), parse("UINT8"), 576)


@_exercise("ex-width-first", "In units of the smallest product the largest is 144. How often does it fit into 16 bits?")
def _width_first():
    fmt = parse("E2M1")
    return int((2**15 - 1) // (fmt.max / fmt.min_subnormal) ** 2) + 1


@_exercise("ex-width-order", "Only an order that passes 127 loses anything, and what it loses is lost for good.")
def _width_order():
    def end(products):
        register = 0
        for product in products:
            register = min(max(register + product, Integer(8).min), Integer(8).max)
        return register
    ends = [end(order) for order in itertools.permutations([100, 60, -80])]
    return [min(ends), max(ends)]


@_exercise("ex-width-ternary", "The L1 norm of the channel does not depend on the signs. Multiply it by 2**8 and look for P.")
def _width_ternary():
    return l1_bound(4608, 8)


# --- Counting LUTs honestly --------------------------------------------------------------------------------------------


@_exercise("ex-headline", "100 (1 - ratio), with the mean of the three ratios in mac.pairings(rows) whose bits are 8.", 0.02)
def _headline():
    pairs = mac.pairings(store.load(mac.EXPERIMENT))
    return 100 * (1 - pairs[pairs["bits"] == 8][[mac.DEFAULT, mac.TUNED]].mean())


@_exercise("ex-weights", "Multiply each column lut1 to lut6 by counting.mapper_weights() and add up, for both variants.")
def _weights():
    rows = store.load(mac.EXPERIMENT)
    lines = rows[rows["a"] == "E4M3"].set_index("variant")
    cost = sum(area * lines[size.lower()] for size, area in counting.mapper_weights().items())
    return cost["remapped"] - cost["default"]


@_exercise("ex-faults", "lut1 to lut6 say how many LUTs of each size there are. One of size n holds 2**n bits.")
def _faults():
    rows = store.load(mac.EXPERIMENT)
    return counting.mask_bits(rows[(rows["a"] == "E2M1") & (rows["variant"] == mac.TUNED)].iloc[0])


# --- The cost nobody shows: converting back ----------------------------------------------------------------------------


@_exercise("ex-readout-code", "Its leading one fixes the exponent; keep it and one bit more, then round half to even.")
def _readout_code():
    fmt = parse("E2M1")
    return fmt.encode(240 * fmt.min_subnormal / 64)


@_exercise("ex-dyadic", "Multiply the scale by two until it lies in [0.5, 1), then by 256. S counts all doublings.")
def _dyadic():
    doublings = next(n for n in range(64) if 0.0123 * 2**n >= 0.5) + 8
    return [round(0.0123 * 2**doublings), doublings]


@_exercise("ex-amortise", "readout.costs(rows) has the read-out's share of its MAC in per cent. Divide it until it is below one.")
def _amortise():
    shares = readout.costs(store.load(readout.EXPERIMENT)).set_index(["fmt", "readout"])["share"]
    return [math.floor(shares[pair]) + 1 for pair in (("E4M3", "power of two"), ("INT8", "16-bit scale"))]


# --- What a bit of accumulator costs -----------------------------------------------------------------------------------


@_exercise("ex-bit-share", "(2 * ceil(16 / 6) - 1) * 16 LUTs for the multiplier, one for each bit of the accumulator.", 0.01)
def _bit_share():
    return 100 * (1 - finn.mac(8, 8, 16) / finn.mac(8, 8, 32))


@_exercise("ex-bit-threshold", "2^4 - 1 thresholds are stored, 64 to a LUT, and compared. Both count every bit of P.", 0.01)
def _bit_threshold():
    return finn_unit.per_bit(4, 128)


@_exercise("ex-bit-ratio", "Add up finn_unit.terms(32, 4, B, 16, 1) and the same at 12, for one B after the other.")
def _bit_ratio():
    def luts(p, output_bits):
        return finn_unit.terms(p, 4, output_bits, pe=16, simd=1).sum()
    return next(bits for bits in range(1, 9) if luts(32, bits) >= 2.3 * luts(12, bits))


# --- LUTs of all formats -----------------------------------------------------------------------------------------------


@_exercise("ex-pair-partner", "Filter the table for E2M1, sort it by LUTs, and look for the first partner of eight bits.")
def _pair_partner():
    return all_luts.cheapest_partner(store.load(mac_luts.EXPERIMENT), "E2M1", bits=8)


@_exercise("ex-pair-ratio", "Tick 'compare', look where one exponent is widest, and read the quotient in the card.", 0.004)
def _pair_ratio():
    return all_luts.largest_ratio(store.load(mac_luts.EXPERIMENT))


# --- Inside an integer MAC ---------------------------------------------------------------------------------------------


@_exercise("ex-booth", "Put a 0 below the lowest bit, cut into threes that share a bit; the leftmost of a three counts -2.")
def _booth():
    return mac_drawings.booth_digits(-77, Integer(8))


@_exercise("ex-owed", "Row i owes 2c - 1 at weight 4**i. Two of the numbers are positive.")
def _owed():
    return sum((2 * carry - 1) * 4**row for row, carry in enumerate((0, 1, 1, 0)))


@_exercise("ex-fused-luts", "A row for two bits of the narrower operand, a bit wider than the other. Then P minus that width.")
def _fused_luts():
    return mac_drawings.fused_luts(Mac(Integer(8), Integer(6), 576))


# --- Inside a minifloat MAC --------------------------------------------------------------------------------------------


@_exercise("ex-minifloat-product", "Hidden bits first: which code is subnormal? The shift is the sum of (exponent - 1).")
def _minifloat_product():
    fmt = parse("E3M2")
    return fmt.decode(0b0_101_10) * fmt.decode(0b1_000_11) / fmt.min_subnormal**2


@_exercise("ex-places", "A stored exponent of 0 shifts as 1 does. How many distances has each operand, how many their sum?")
def _places():
    return 1 + sum(2 ** parse(name).exponent_bits - 2 for name in ("E5M2", "E4M3"))
