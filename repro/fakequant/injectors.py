"""From a format to Brevitas quantizers, through Brevitas' own dependency injection; nothing is patched.

The scale is ``statistic / m`` with ``m`` the largest magnitude of the format (for a signed integer of full range that is
``2**(bits-1)``, the magnitude of its most negative value), as `scales.abs_max` has it; then ``fmt.round(x / scale) * scale``.

`kernel` says whose arithmetic rounds: "brevitas", or "fused" for ours, which gives the same values several times faster.
Three things only the fused kernel does: minifloats without mantissa bits, whose ties Brevitas does not send to the even code;
minifloats that leave float32's range, such as E8M7; and saturating where x / scale overflows float32 (|x| beyond 1e29 in the
worst case, E6M1), where Brevitas gives NaN.
"""

import torch
from brevitas.quant import base
from brevitas.quant.float_base import ScaledFloatActBase, ScaledFloatWeightBase
from brevitas.quant.solver import ActQuantSolver, WeightQuantSolver

from repro.errors import BadInput
from repro.fakequant.brevitas_scales import ActivationScaling, WeightScaling
from repro.fakequant.kernels import FLOAT32, kernel as rounding
from repro.fakequant.scales import check_reach, largest_magnitude, top_to_scale
from repro.fakequant.tensor_quantizers import fused_float_quant, fused_int_quant
from repro.formats import Format, Integer

KERNELS = ("brevitas", "fused")
ORDINARY = 2.0**-16, 2.0**16
"""Tensors whose largest magnitude lies between these must get a scale in float32, whatever the format."""


def weight_injector(fmt: Format, per_channel: bool = True, kernel: str = "brevitas") -> type:
    """A Brevitas weight quantizer for `fmt`: `weight_quant=` of any Brevitas layer.

    The scale is the largest |weight|, of each output channel or of the whole tensor, over the format's largest
    magnitude. Raises BadInput for an unsigned integer, an unknown kernel, or a format that the kernel cannot round.
    """
    if not fmt.signed:
        raise BadInput(f"{fmt.name}: weights need a signed format")
    if isinstance(fmt, Integer):
        bases = (base.IntQuant, base.MaxStatsScaling, WeightQuantSolver)
    else:
        bases = (ScaledFloatWeightBase,)
    granularity = "channel" if per_channel else "tensor"
    fields = _fields(fmt, kernel) | {"scaling_per_output_type": granularity, "scaling_impl": WeightScaling}
    return type(f"{fmt.name}Weight", bases, fields)


def activation_injector(fmt: Format, kernel: str = "brevitas") -> type:
    """A Brevitas activation quantizer for `fmt`, per tensor: `input_quant=` or `act_quant=` of Brevitas layers.

    The scale comes from calibration: the largest |activation| of each calibration batch, averaged over batches. It is
    the same statistic for integers and minifloats (Brevitas' own defaults differ: a percentile for integers,
    the maximum for floats). Raises BadInput for an unknown kernel, or a format that the kernel cannot round.
    """
    if isinstance(fmt, Integer):
        bases = (base.IntQuant if fmt.signed else base.UintQuant, base.ParamFromRuntimePercentileScaling, ActQuantSolver)
    else:
        bases = (ScaledFloatActBase,)
    fields = _fields(fmt, kernel) | {"scaling_stats_op": "max", "scaling_per_output_type": "tensor",
                                     "scaling_impl": ActivationScaling}
    return type(f"{fmt.name}Activation", bases, fields)


def _fields(fmt: Format, kernel: str) -> dict:
    """The format's numbers, and the class that rounds, under the names that Brevitas injects."""
    if kernel not in KERNELS:
        raise BadInput(f"unknown kernel {kernel!r}: choose one of {', '.join(KERNELS)}")
    check_reach(top_to_scale(torch.tensor(ORDINARY), largest_magnitude(fmt)), fmt)
    rounding(fmt, torch.float32, torch.device("cpu"))  # refuses what float64 cannot compute either
    fields = {"bit_width": fmt.bits, "restrict_scaling_type": "fp", "scaling_min_val": None}
    if isinstance(fmt, Integer):
        fields |= {"signed": fmt.signed, "narrow_range": fmt.narrow_range}
        return fields | ({"int_quant": fused_int_quant(fmt)} if kernel == "fused" else {})
    fields |= {"exponent_bit_width": fmt.exponent_bits, "mantissa_bit_width": fmt.mantissa_bits, "exponent_bias": fmt.bias,
               "saturating": True}
    if kernel == "fused":
        return fields | {"tensor_quant": fused_float_quant(fmt)}
    if fmt.mantissa_bits == 0:
        raise BadInput(f"{fmt.name}: Brevitas' own kernel needs at least 1 mantissa bit: give kernel=\"fused\"")
    if not FLOAT32.covers(fmt):
        raise BadInput(f"{fmt.name} leaves the range of float32, in which Brevitas' own kernel computes: give kernel=\"fused\"")
    return fields
