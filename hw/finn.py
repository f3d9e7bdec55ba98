"""FINN's estimate of a matrix-vector unit in LUTs, term by term: closed forms, nothing synthesised.

Source: FINN-R (Blott et al., 2018), as `lut_estimation` of FINN's matrixvectoractivation_hls.py (BSD-3-Clause) has it; its
constants were fitted to Vivado's reports there. The unit has PE lanes, one an output channel; a lane multiplies SIMD
weights by SIMD inputs, adds the products in a tree, accumulates, and may compare the sum with 2**B - 1 thresholds to
make a B-bit output.

All functions raise BadInput unless their arguments are whole numbers of at least 1. Their results are exact integers.
"""

from fractions import Fraction
from math import floor

from repro.arguments import positive, whole

FIXED = 300
"""LUTs of any unit, however small."""
OVERHEAD = 1.1
"""Factor on everything that lanes hold."""
LUT_RAM_DEPTH = 64
"""Words that a LUT used as memory holds, one bit wide."""


def multipliers(simd: int, weight_bits: int, input_bits: int) -> int:
    """``SIMD * (2 * ceil((W + A) / 6) - 1) * (W + A)``: a lane's multipliers, in 6-input LUTs."""
    simd, weight_bits, input_bits = positive(simd=simd, weight_bits=weight_bits, input_bits=input_bits)
    bits = weight_bits + input_bits
    return simd * (2 * _ceil(bits, 6) - 1) * bits


def adder_tree(simd: int, weight_bits: int, input_bits: int) -> int:
    """``(W + A) * (2 * SIMD - 1)``: a lane's adder tree. One product has no tree, yet the model charges W + A for it."""
    simd, weight_bits, input_bits = positive(simd=simd, weight_bits=weight_bits, input_bits=input_bits)
    return (weight_bits + input_bits) * (2 * simd - 1)


def accumulator(acc_bits: int) -> int:
    """``P``: one LUT a bit."""
    return whole("acc_bits", acc_bits, 1)


def thresholds(output_bits: int, acc_bits: int, channels: int) -> int:
    """``(2**B - 1) * P * ceil(TMEM / 64)``: a lane's thresholds in LUT memory; TMEM = `channels` it takes in turn."""
    output_bits, acc_bits, channels = positive(output_bits=output_bits, acc_bits=acc_bits, channels=channels)
    return (2**output_bits - 1) * acc_bits * _ceil(channels, LUT_RAM_DEPTH)


def comparators(output_bits: int, acc_bits: int) -> int:
    """``(2**B - 1) * P``: a lane compares the accumulator with every threshold at once."""
    output_bits, acc_bits = positive(output_bits=output_bits, acc_bits=acc_bits)
    return (2**output_bits - 1) * acc_bits


def weight_memory(pe: int, simd: int, weight_bits: int, words: int) -> int:
    """``PE * SIMD * W * ceil(WMEM / 64)``: the weights, when they lie in LUT memory; WMEM = `words` for each multiplier."""
    pe, simd, weight_bits, words = positive(pe=pe, simd=simd, weight_bits=weight_bits, words=words)
    return pe * simd * weight_bits * _ceil(words, LUT_RAM_DEPTH)


def mac(weight_bits: int, input_bits: int, acc_bits: int) -> int:
    """The two terms that a single multiply-accumulate unit has: one multiplier and the accumulator."""
    return multipliers(1, weight_bits, input_bits) + accumulator(acc_bits)


def matrix_vector_unit(pe: int, simd: int, weight_bits: int, input_bits: int, acc_bits: int, output_bits: int | None = None,
                       channels: int = 1, weight_words: int | None = None) -> int:
    """The whole estimate, rounded down: ``300 + 1.1 * PE * (all terms of a lane) + weight memory``.

    `output_bits`: None for a unit without thresholds. `weight_words`: None for weights outside LUT memory. Multipliers
    are in LUTs, not DSPs.
    """
    pe = whole("pe", pe, 1)
    lane = multipliers(simd, weight_bits, input_bits) + adder_tree(simd, weight_bits, input_bits) + accumulator(acc_bits)
    if output_bits is not None:
        lane += thresholds(output_bits, acc_bits, channels) + comparators(output_bits, acc_bits)
    memory = 0 if weight_words is None else weight_memory(pe, simd, weight_bits, weight_words)
    return floor(FIXED + Fraction(str(OVERHEAD)) * pe * lane + memory)


def _ceil(count: int, size: int) -> int:
    """The next whole number above count / size."""
    return -(-count // size)
