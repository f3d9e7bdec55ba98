"""Post-training quantization: a frozen recipe, and the pipeline that follows it."""

from repro.ptq.inference import freeze
from repro.ptq.pipeline import quantize
from repro.ptq.recipe import Recipe

__all__ = ["Recipe", "freeze", "quantize"]
