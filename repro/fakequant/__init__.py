"""Fake quantization in PyTorch: from a format to Brevitas quantizers."""

from repro.fakequant.injectors import activation_injector, weight_injector

__all__ = ["activation_injector", "weight_injector"]
