"""Post-training quantization: a frozen recipe, the plan that it makes of a network, and the pipeline that follows it."""

from repro.ptq.inference import freeze
from repro.ptq.pipeline import quantize
from repro.ptq.planning import plan
from repro.ptq.recipe import Recipe

__all__ = ["Recipe", "freeze", "plan", "quantize"]
