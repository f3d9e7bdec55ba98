"""What is done to a network, as frozen data."""

from dataclasses import dataclass, replace

from repro.formats import Format, Integer, Minifloat


@dataclass(frozen=True)
class Recipe:
    """Quantize weights per output channel and activations per tensor, both by their largest magnitude.

    The first and the last layer are kept at 8 bits (E3M4 for minifloats), as in the authors' public code. With several inputs
    or outputs these are all layers that see an input, or reach an output, through nothing that multiplies.
    """

    weights: Format
    activations: Format
    first_and_last: tuple[Format, Format]
    """(weights, activations) of the first and of the last layers."""
    unsigned_activations: bool = False
    """Integers only: use all codes for non-negative values where a layer's calibration inputs are never negative."""

    @classmethod
    def for_format(cls, fmt: Format, unsigned_activations: bool = False) -> "Recipe":
        """Weights and activations in `fmt`; integer weights drop their most negative code, as is usual."""
        edge = Integer(8) if isinstance(fmt, Integer) else Minifloat(3, 4)
        return cls(_weights(fmt), fmt, (_weights(edge), edge), unsigned_activations)


def _weights(fmt: Format) -> Format:
    return replace(fmt, narrow_range=True) if isinstance(fmt, Integer) else fmt
