"""Fake quantization with a settled scale, as a layer."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from repro.fakequant.kernels import kernel
from repro.fakequant.quantizer import rounded
from repro.formats import Format


class FakeQuantize(nn.Module):
    """``fake_quantize(clamp(x, low, high), fmt, scale)``, for inference: no gradient.

    Clamping costs nothing. Dividing and rounding keep the order of numbers, so clamping x / scale between low / scale and
    high / scale, which saturation does in any case, gives the same bits as clamping x first.
    """

    def __init__(self, fmt: Format, scale: Tensor, low: float = -float("inf"), high: float = float("inf")):
        super().__init__()
        self.format, self.low, self.high = fmt, low, high
        self.register_buffer("scale", scale.detach().clone())

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Same shape and type as `x`."""
        chosen = kernel(self.format, x.dtype, x.device)
        scale = self.scale.to(chosen.layout.float_type)
        low, high = torch.maximum(chosen.low, self.low / scale), torch.minimum(chosen.high, self.high / scale)
        return rounded(x, scale, replace(chosen, low=low, high=high))

    def extra_repr(self) -> str:
        """The format, its scale, and the clamp where there is one."""
        clamp = "" if (self.low, self.high) == (-float("inf"), float("inf")) else f", clamp to [{self.low:g}, {self.high:g}]"
        return f"{self.format}, scale={self.scale:g}{clamp}"
