"""The formats of the papers, and names to formats."""

import re

from repro.arguments import positive
from repro.errors import BadInput
from repro.formats.integer import Integer
from repro.formats.minifloat import Minifloat

Format = Minifloat | Integer

_MINIFLOAT = re.compile(r"E(\d{1,3})M(\d{1,3})(?:B(-?\d{1,6}))?")
_INTEGER = re.compile(r"(U?)INT(\d{1,3})(N?)")


def parse(name: str) -> Format:
    """The format called `name`: "E4M3", "E4M3B9" (bias 9), "INT8", "UINT4", "INT8N" (narrow range).

    Upper and lower case are the same. Raises BadInput (a ValueError) for any other name.
    """
    text = str(name).strip().upper()
    if match := _MINIFLOAT.fullmatch(text):
        exponent, mantissa, bias = match.groups()
        return Minifloat(int(exponent), int(mantissa), None if bias is None else int(bias))
    if match := _INTEGER.fullmatch(text):
        unsigned, bits, narrow = match.groups()
        return Integer(int(bits), signed=not unsigned, narrow_range=bool(narrow))
    raise BadInput(f"unknown format {name!r}: write E4M3, E4M3B9 (bias 9), INT8, UINT4 or INT8N (narrow range)")


def catalogue(min_bits: int = 3, max_bits: int = 8) -> list[Format]:
    """Signed integers and minifloats (at least one exponent and one mantissa bit) of min_bits to max_bits bits.

    Ordered by width, the integer first, then by exponent bits. With the defaults: 6 integers and the 21
    minifloats that the paper's widths allow. Raises BadInput for bounds that are no whole numbers, or where not all these
    formats exist: below 2 bits, and above 12, where eleven exponent bits leave float64's range.
    """
    min_bits, max_bits = positive(min_bits=min_bits, max_bits=max_bits)
    formats: list[Format] = []
    for bits in range(min_bits, max_bits + 1):
        formats.append(Integer(bits))
        formats += [Minifloat(e, bits - 1 - e) for e in range(1, bits - 1)]
    return formats
