"""Our rounding behind Brevitas' proxies: subclasses of Brevitas' quantizers that keep its scales and its interface.

An injector names them as `tensor_quant` or `int_quant`, so calibration, statistics, learned scales and quant tensors stay
Brevitas' own; only the arithmetic on the tensor is `fake_quantize`'s.
"""

from brevitas.core.quant import IntQuant
from brevitas.core.quant.float import FloatQuant
from torch import Tensor

from repro.fakequant.quantizer import quantize_unchecked
from repro.formats import Integer, Minifloat


def fused_float_quant(fmt: Minifloat) -> type[FloatQuant]:
    """Brevitas' FloatQuant with one kernel in place of its chain of operations; needs a `float_scaling_impl`."""

    class FusedFloatQuant(FloatQuant):
        """Same constructor and same nine outputs as FloatQuant."""

        format = fmt

        def forward(self, x: Tensor) -> tuple:
            """Rounded tensor, scale, zero point, exponent and mantissa bits, bias, and how the format saturates."""
            if self.observer_only:
                return super().forward(x)
            exponent_bits, mantissa_bits = self.exponent_bit_width_impl(), self.mantissa_bit_width_impl()
            bias, clamp = self.exponent_bias_impl(), self.float_clamp_impl
            largest = self.float_scaling_impl(exponent_bits, self.compute_max_mantissa(mantissa_bits), bias)
            scale = self.scaling_impl(x, largest)
            y = quantize_unchecked(self.input_view_impl(x), fmt, scale)
            return (y, scale, self.zero_point_impl(), exponent_bits, mantissa_bits, bias,
                    clamp.saturating, clamp.inf_values, clamp.nan_values)

    return FusedFloatQuant


def fused_int_quant(fmt: Integer) -> type[IntQuant]:
    """Brevitas' IntQuant with one kernel in place of its chain of operations; the zero point is zero."""

    class FusedIntQuant(IntQuant):
        """Same constructor and output as IntQuant."""

        format = fmt

        def forward(self, scale: Tensor, zero_point: Tensor, bit_width: Tensor, x: Tensor) -> Tensor:
            """The rounded tensor, multiplied by the scale."""
            return quantize_unchecked(self.input_view_impl(x), fmt, scale)

    return FusedIntQuant
