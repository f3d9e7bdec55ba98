"""Fake quantization with a settled scale, as a layer."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from repro.fakequant.kernels import kernel
from repro.fakequant.quantizer import checked_scale, positive_scale, rounded
from repro.formats import Format


class FakeQuantize(nn.Module):
    """``fake_quantize(clamp(x, low, high), fmt, scale)``, for inference: no gradient.

    Clamping costs nothing. Dividing and rounding keep the order of numbers, so clamping x / scale between low / scale and
    high / scale, which saturation does in any case, gives the same bits as clamping x first.

    The scale follows the network to another device but keeps its type, at least float32: rounded by ``half()`` or ``bfloat16()``
    it would move every value. Raises BadInput for a scale that is not positive and finite, or does not fit `x`.
    """

    def __init__(self, fmt: Format, scale: float | Tensor, low: float = -float("inf"), high: float = float("inf")):
        super().__init__()
        self.format, self.low, self.high = fmt, low, high
        kind = torch.float64  # of a number, until it meets a tensor
        if isinstance(scale, Tensor):
            kind = torch.promote_types(scale.dtype, torch.float32)
        self.register_buffer("scale", positive_scale(scale, kind).detach().clone())

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Same shape and type as `x`."""
        chosen = kernel(self.format, x.dtype, x.device)
        scale, kind = self.scale, chosen.layout.float_type
        if scale.dim() or scale.dtype != kind:
            scale = checked_scale(x, scale, kind)
        low, high = torch.maximum(chosen.low, self.low / scale), torch.minimum(chosen.high, self.high / scale)
        return rounded(x, scale, replace(chosen, low=low, high=high))

    def extra_repr(self) -> str:
        """The format, its scale or the range of its scales, and the clamp where there is one."""
        clamp = "" if (self.low, self.high) == (-float("inf"), float("inf")) else f", clamp to [{self.low:g}, {self.high:g}]"
        return f"{self.format}, {self._scales()}{clamp}"

    def _scales(self) -> str:
        if self.scale.is_meta or self.scale.numel() == 0:
            return f"scales of shape {tuple(self.scale.shape)}"
        lowest, highest = (bound.item() for bound in torch.aminmax(self.scale))
        if self.scale.numel() == 1:
            return f"scale={lowest:g}"
        return f"scales of shape {tuple(self.scale.shape)} from {lowest:g} to {highest:g}"

    def _apply(self, fn, recurse: bool = True) -> "FakeQuantize":
        """What `to`, `half`, `cuda` and their like call for each module."""
        scale = self.scale
        super()._apply(fn, recurse)
        if self.scale.dtype != scale.dtype:
            self.scale = scale.to(self.scale.device)
        return self
