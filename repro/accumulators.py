"""How wide an accumulator must be: closed forms, in exact integer arithmetic.

Sources: A2Q (arXiv 2308.13504, data-type and L1 bounds), A2Q+ (arXiv 2401.10432, Prop. 3.2, zero-centred
weights), "Shedding the Bits" (arXiv 2311.12359, exact fixed-point accumulation of minifloat products).
The papers write the bounds with log2; the same numbers come here from integers, so nothing is lost to rounding. Only
`max_l1_norm` is a float, and rounded down: no norm that it allows is unsafe.
"""

import math
import sys
from fractions import Fraction

from repro.arguments import flag, positive, whole
from repro.errors import BadInput
from repro.formats import Format


def _signed_width(largest: int, shift: int = 0) -> int:
    """The smallest P with largest * 2**shift <= 2**(P-1) - 1."""
    return 1 + (largest.bit_length() + shift if largest > 0 else 0)


def data_type_bound(k: int, weight_bits: int, input_bits: int, input_signed: bool = False) -> int:
    """Smallest safe accumulator width P (bits, sign included) from the types alone (A2Q, data-type bound).

    k products of a signed weight, ``|w| <= 2**(weight_bits-1)``, and an input, ``|x| <= 2**input_bits`` when
    unsigned (the paper's slightly loose choice) or ``2**(input_bits-1)`` when signed.
    Raises BadInput unless all three are whole numbers of at least 1.
    """
    k, weight_bits, input_bits = positive(k=k, weight_bits=weight_bits, input_bits=input_bits)
    return _signed_width(k, weight_bits - 1 + input_bits - flag("input_signed", input_signed))


def l1_bound(l1_norm: int, input_bits: int, input_signed: bool = False) -> int:
    """Smallest safe accumulator width P for one channel of integer weights with this L1 norm (A2Q, weight bound).

    The norm may be a float, a fraction or a decimal that is whole; it is taken exactly, whatever its size.
    Raises BadInput when it is negative or not a whole number.
    """
    norm = whole("the L1 norm of integer weights", _numerator(l1_norm), 0)
    return _signed_width(norm, whole("input_bits", input_bits, 1) - flag("input_signed", input_signed))


def _numerator(value):
    """The Python int that a float, a fraction or a decimal is; anything else as it came."""
    try:
        numerator, denominator = value.as_integer_ratio()
    except (AttributeError, OverflowError, ValueError):  # no real number, infinity, NaN
        return value
    return value if denominator != 1 or isinstance(value, bool) else numerator


def max_l1_norm(p: int, input_bits: int, input_signed: bool = False, zero_centred: bool = False) -> float:
    """The largest L1 norm of a channel's integer weights for which P = p bits are safe in any order of summation.

    A2Q: ``(2**(p-1) - 1) * 2**(input_signed - input_bits)``. Zero-centred channels (A2Q+, Prop. 3.2):
    ``(2**p - 2) / (2**input_bits - 1)``, because half of the norm lies on either side.

    Returned is the largest float64 that is not above this number (so the largest of all where it leaves float64's range).
    Its integer part is exact below 2**53. Raises BadInput unless p and input_bits are whole numbers of at least 1.
    """
    p, input_bits = positive(p=p, input_bits=input_bits)
    input_signed = flag("input_signed", input_signed)
    if flag("zero_centred", zero_centred):
        return _rounded_down(Fraction(2**p - 2, 2**input_bits - 1))
    return _rounded_down(Fraction(2 ** (p - 1) - 1, 2 ** (input_bits - input_signed)))


def _rounded_down(exact: Fraction) -> float:
    try:
        nearest = float(exact)
    except OverflowError:
        return sys.float_info.max
    return nearest if nearest <= exact else math.nextafter(nearest, 0.0)  # Python compares the two exactly


def exact_width(a: Format, b: Format, k: int) -> int:
    """Smallest two's-complement width (bits) that holds every sum of k products of formats a and b, exactly.

    The register counts in units of ``a.min_subnormal * b.min_subnormal``, the step between products (a Kulisch
    accumulator); :func:`paper_width` is the paper's closed form. Raises BadInput unless k is a whole number >= 1.
    """
    k = whole("k", k, 1)
    products = [x * y for x in _extremes(a) for y in _extremes(b)]
    highest, lowest = k * max(products), k * min(products)
    return max(_signed_width(highest), _signed_width(-lowest - 1))


def _extremes(fmt: Format) -> tuple[int, int]:
    """The least and the greatest value in units of the format's step (fractions: float64 would overflow for E10M5)."""
    step = Fraction(fmt.min_subnormal)
    return int(Fraction(fmt.min) / step), int(Fraction(fmt.max) / step)


def paper_width(a: Format, b: Format, k: int) -> int:
    """The closed forms of "Shedding the Bits" for the width of an exact accumulator (as quoted in data/paper).

    Integers: ``ra + rb + ceil(log2 k) + 1``. Minifloats: ``2**ea + ma + 2**eb + mb + ceil(log2 k) - 1``. Never below
    :func:`exact_width`, and up to two bits above it, because they round k and the range up separately. A narrow range
    is further from a power of two: up to three bits, and four when both are narrow and one of them is INT2N.
    Raises BadInput for a pair of different kinds, for which the paper's form is not known here.
    """
    growth = (whole("k", k, 1) - 1).bit_length()  # ceil(log2 k)
    if a.kind == b.kind == "integer":
        return a.bits + b.bits + growth + 1
    if a.kind == b.kind == "minifloat":
        return 2**a.exponent_bits + a.mantissa_bits + 2**b.exponent_bits + b.mantissa_bits + growth - 1
    raise BadInput(f"the paper's width for {a.name} times {b.name} is not known: use exact_width")
