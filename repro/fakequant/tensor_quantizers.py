"""Our rounding behind Brevitas' proxies: subclasses of Brevitas' quantizers that keep its scales and its interface.

An injector names them as `tensor_quant` or `int_quant`, so calibration, statistics, learned scales and quant tensors stay
Brevitas' own; only the arithmetic on the tensor is `fake_quantize`'s. Each format has a class, by which pickle finds it again.
"""

import functools

from brevitas.core.quant import IntQuant
from brevitas.core.quant.float import FloatQuant
from torch import Tensor, nn

from repro.fakequant.quantizer import quantize_unchecked
from repro.formats import Format, Integer, Minifloat


@functools.cache
def fused_float_quant(fmt: Minifloat) -> type[FloatQuant]:
    """Brevitas' FloatQuant with one kernel in place of its chain of operations; needs a `scaling_impl` of `brevitas_scales`."""

    class FusedFloatQuant(FloatQuant):
        """Same constructor and same nine outputs as FloatQuant."""

        format = fmt

        def __reduce__(self) -> tuple:
            return _blank, (fused_float_quant, fmt), self.__dict__

        def forward(self, x: Tensor) -> tuple:
            """Rounded tensor, scale, zero point, exponent and mantissa bits, bias, and how the format saturates."""
            if self.observer_only:
                return super().forward(x)
            exponent_bits, mantissa_bits = self.exponent_bit_width_impl(), self.mantissa_bit_width_impl()
            bias, clamp = self.exponent_bias_impl(), self.float_clamp_impl
            scale = self.scaling_impl(x, fmt.max)
            y = quantize_unchecked(self.input_view_impl(x), fmt, scale)
            return (y, scale, self.zero_point_impl(), exponent_bits, mantissa_bits, bias,
                    clamp.saturating, clamp.inf_values, clamp.nan_values)

    return FusedFloatQuant


@functools.cache
def fused_int_quant(fmt: Integer) -> type[IntQuant]:
    """Brevitas' IntQuant with one kernel in place of its chain of operations; the zero point is zero."""

    class FusedIntQuant(IntQuant):
        """Same constructor and output as IntQuant."""

        format = fmt

        def __reduce__(self) -> tuple:
            return _blank, (fused_int_quant, fmt), self.__dict__

        def forward(self, scale: Tensor, zero_point: Tensor, bit_width: Tensor, x: Tensor) -> Tensor:
            """The rounded tensor, multiplied by the scale."""
            return quantize_unchecked(self.input_view_impl(x), fmt, scale)

    return FusedIntQuant


def _blank(family, fmt: Format) -> nn.Module:
    """A quantizer of a format, to be filled by pickle or `copy.deepcopy`."""
    kind = family(fmt)
    return kind.__new__(kind)
