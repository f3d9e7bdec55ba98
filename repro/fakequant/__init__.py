"""Fake quantization in PyTorch: from a format to rounded tensors, and to Brevitas quantizers."""

from repro.fakequant.injectors import activation_injector, weight_injector
from repro.fakequant.quantizer import fake_quantize

__all__ = ["activation_injector", "fake_quantize", "weight_injector"]
