"""`scales.abs_max` behind Brevitas' proxies: subclasses that leave Brevitas the statistic and divide it themselves.

Brevitas divides in float32, which does not hold the largest value of E8M7, and lets no scale of activations fall below 1e-10,
which takes the levels of INT8 from those below 1.3e-8. The scales of usual formats and tensors are the same, bit for bit.
"""

from brevitas.core.scaling import ParameterFromRuntimeStatsScaling, StatsFromParameterScaling
from torch import Tensor

from repro.fakequant.scales import top_to_scale


class WeightScaling(StatsFromParameterScaling):
    """Same constructor and output as Brevitas' class; `threshold` is the format's largest magnitude."""

    def forward(self, x: Tensor | None, threshold: Tensor | float = 1.0) -> Tensor:
        """Scales of the statistic's shape."""
        return top_to_scale(super().forward(x, x.new_ones(())), threshold)


class ActivationScaling(ParameterFromRuntimeStatsScaling):
    """Same constructor and output as Brevitas' class; `threshold` is the format's largest magnitude."""

    def forward(self, stats_input: Tensor, threshold: Tensor | float = 1.0) -> Tensor:
        """A scale: of this batch while statistics are collected, the settled one after."""
        return top_to_scale(super().forward(stats_input, stats_input.new_ones(())), threshold)
