"""Rounding and scaling, in pictures: what follows from the formats and from one network's weights; no rows are needed."""

from functools import cache

import brevitas.nn as qnn
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from brevitas.graph.calibrate import calibration_mode
from torch import Tensor, nn

from repro.exhibits import COLOURS, LINES, MARKERS, Figure, Table, exhibit
from repro.experiments.verdict import Verdict, judge
from repro.fakequant import activation_injector, fake_quantize
from repro.fakequant.scales import FRACTIONS, abs_max, mse, percentile
from repro.formats import Format, Minifloat, catalogue, parse
from repro.models import zoo
from repro.ptq.pipeline import compute_layers, merge_batch_norm

FORMATS = ("INT4", "E2M1", "INT8", "E4M3")
CHOICES = {"abs-max": abs_max, "percentile": percentile, "least error": mse}
"""Name -> function (tensor, format) -> scale."""
LAYER = "blocks.8.depthwise.conv"


@cache
def heavy_tailed(n: int = 20_000) -> Tensor:
    """`n` samples of Student's t with 4 degrees of freedom (seed 0), float32: most are small, a few are huge."""
    return torch.tensor(np.random.default_rng(0).standard_t(4, n), dtype=torch.float32)


@cache
def depthwise_weights() -> dict[str, Tensor]:
    """Layer -> weight (channels, 1, k, k) of EfficientNet-Lite0's 16 depthwise convolutions, batch norm merged."""
    model = merge_batch_norm(zoo.network("efficientnet-lite0").load(), torch.zeros(1, 3, 224, 224))  # any image does
    return {name: layer.weight.detach() for name, layer in compute_layers(model).items()
            if isinstance(layer, nn.Conv2d) and layer.groups > 1}


def decibels(x: Tensor, approximation: Tensor) -> float:
    """Signal-to-quantization-noise ratio, 10 log10(sum x^2 / sum (x - approximation)^2), summed in float64."""
    x = x.double()
    return float(10 * torch.log10(x.square().sum() / (x - approximation.double()).square().sum()))


def split_error(x: Tensor, fmt: Format, scale: Tensor) -> tuple[float, float]:
    """Mean squared error of ``fake_quantize(x, fmt, scale)`` in two parts: clipping, where x lies outside the grid's ends,
    and rounding, everywhere else. Their sum is the whole error, since an end of the grid needs no rounding.
    """
    error = (fake_quantize(x, fmt, scale) - x).double().square()
    outside = (x > fmt.max * scale) | (x < fmt.min * scale)
    return float(error[outside].sum() / x.numel()), float(error[~outside].sum() / x.numel())


def best_percentile(name: str, candidates: tuple[float, ...]) -> float:
    """The candidate whose percentile scale gives the heavy-tailed tensor its best SQNR in the format called `name`."""
    x, fmt = heavy_tailed(), parse(name)
    return max(candidates, key=lambda q: decibels(x, fake_quantize(x, fmt, percentile(x, fmt, q))))


def brevitas_quantizer(fmt: Format, largest: float) -> qnn.QuantIdentity:
    """Brevitas' activation quantizer for `fmt`, calibrated on a tensor whose largest magnitude is `largest`."""
    layer = qnn.QuantIdentity(act_quant=activation_injector(fmt))
    with torch.no_grad(), calibration_mode(layer):
        layer(torch.tensor([-largest, largest]))
    return layer.eval()


def gradient(quantizer, x: Tensor) -> tuple[Tensor, Tensor]:
    """(quantizer(x), its derivative at x by autograd), for an elementwise quantizer."""
    x = x.detach().clone().requires_grad_()
    y = quantizer(x)
    y.sum().backward()
    return y.detach(), x.grad


def formula(v: np.ndarray, fmt: Minifloat) -> np.ndarray:
    """The quantizer of the authors' code at scale 1, as written there (Brevitas commit 87171752, core/quant/float.py):
    k = 2^max(floor(log2|v|) - m, 1 - bias - m), then clip(k * round_half_even(v / k), -max, max). float64.
    """
    with np.errstate(divide="ignore"):  # the logarithm of zero, which the maximum discards
        k = 2.0 ** np.maximum(np.floor(np.log2(abs(v))) - fmt.mantissa_bits, 1 - fmt.bias - fmt.mantissa_bits)
    return np.clip(k * np.rint(v / k), -fmt.max, fmt.max)


def formula_is_the_codec() -> Verdict:
    """Whether the published quantizer, the codec and `fake_quantize` agree on every value, tie and neighbour of a tie."""
    formats = [fmt for fmt in catalogue() if isinstance(fmt, Minifloat)]
    asked = equal = 0
    for fmt in formats:
        ties = (fmt.values()[1:] + fmt.values()[:-1]) / 2
        edges = np.concatenate([fmt.values(), ties, [2 * fmt.max, -2 * fmt.max]]).astype(np.float32)
        v = np.concatenate([edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))])
        ours, codec = fake_quantize(torch.tensor(v), fmt, 1.0).numpy(), fmt.round(v)
        same = (formula(v.astype(np.float64), fmt) == codec) & (ours == codec)
        asked, equal = asked + same.size, equal + int(same.sum())
    return judge(equal == asked, False, f"The formula, the codec and fake_quantize give the same value for {equal:,} of "
                 f"{asked:,} numbers: every value, tie and neighbour of either in {len(formats)} formats.")


@exhibit
def staircase(names: tuple[str, ...] = ("INT4", "E2M1")) -> Figure:
    """The rounding function of small formats, with its ties."""
    figure, axes = plt.subplots(1, len(names), figsize=(3.7 * len(names), 3.7), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names):
        fmt = parse(name)
        x = np.linspace(-9.5, 9.5, 3801)
        ties = (fmt.values()[1:] + fmt.values()[:-1]) / 2
        y = fmt.round(x)
        axis.plot([-9.5, 9.5], [-9.5, 9.5], color="#999999", linewidth=0.8)
        axis.plot(x, np.where(np.diff(y, prepend=y[0]) == 0, y, np.nan), color=COLOURS[fmt.kind], linewidth=2)
        axis.plot(ties, fmt.round(ties), linestyle="none", marker=MARKERS[fmt.kind], markersize=4.5, color=COLOURS[fmt.kind])
        for end in (fmt.min, fmt.max):
            axis.axhline(end, color="#333333", linewidth=0.7, linestyle=":")
        axis.set(title=f"{name}: {fmt.min:g} to {fmt.max:g}", xlabel="x", aspect="equal", xticks=range(-8, 9, 4),
                 yticks=range(-8, 9, 4))
    axes[0, 0].set_ylabel("round(x)")
    return Figure("Every x takes the nearest value of the format. A marker shows where a tie goes: to the even code, so up and "
                  "down in turn. Beyond the ends (dotted) x saturates.", figure=figure,
                  alt="Staircases along the diagonal for " + " and ".join(names) + ". The integer's steps are equal; the "
                      "minifloat's grow away from zero. Both end in a level line. Markers at the jumps sit on every other.")


@exhibit
def half_up_drift(shift: int = 2, bits: int = 12) -> Figure:
    """Error of a running sum when every addend is rounded: half up against half to even."""
    numbers = np.random.default_rng(0).permutation(2**bits) / 2**shift
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    count = np.arange(1, len(numbers) + 1)
    for label, rounded, style, marker in (("half up", np.floor(numbers + 0.5), "-", "^"),
                                          ("half to even", np.rint(numbers), "--", "o")):
        axis.plot(count, np.cumsum(rounded - numbers), style, color="#333333", marker=marker, markevery=len(count) // 8,
                  label=label)
    axis.set(xlabel="numbers added", ylabel="error of the sum")
    axis.legend()
    return Figure(f"Rounding half up pushes a sum upwards. The numbers 0 to {2**bits - 1:,}, each divided by {2**shift} and "
                  "rounded to an integer, are added in random order.", figure=figure,
                  alt="Error of the running sum: a straight rising line for half up, a line near zero for half to even.")


@exhibit
def moved_grids(name: str = "E2M1", scales: tuple[float, ...] = (1, 2, 1.4, 0.7)) -> Figure:
    """The values of one format at several scales."""
    fmt = parse(name)
    figure, axis = plt.subplots(figsize=(7.2, 0.5 * len(scales) + 1.0))
    for row, scale in enumerate(scales):
        axis.plot(fmt.values() * scale, np.full(len(fmt.values()), -row), linestyle="none", marker="|", markersize=18,
                  markeredgewidth=1.5, color=COLOURS[fmt.kind])
    axis.set_yticks(range(0, -len(scales), -1), [f"scale {scale:g}" for scale in scales])
    axis.set(xlabel="value", ylim=(-len(scales) + 0.4, 0.6))
    axis.grid(axis="y", visible=False)
    return Figure(f"The scale stretches the grid of {name}. Doubling it takes values away in the middle and adds some "
                  "outside; the others stay. A scale that is no power of two moves most of them.", figure=figure,
                  alt=f"Four number lines of {name}, one for each scale; ticks spread out as the scale grows.")


def channel_gain(names: tuple[str, ...] = ("INT8", "E4M3")) -> pd.DataFrame:
    """SQNR in dB of every depthwise weight with one abs-max scale (`tensor`), and with one a channel (`channel`)."""
    records = []
    for layer, weight in depthwise_weights().items():
        for name in names:
            fmt = parse(name)
            scales = abs_max(weight, fmt), abs_max(weight, fmt, dim=0)
            records.append((layer, name, *(decibels(weight, fake_quantize(weight, fmt, scale)) for scale in scales)))
    return pd.DataFrame(records, columns=["layer", "format", "tensor", "channel"])


@exhibit
def channels(layer: str = LAYER) -> Figure:
    """How much the channels of a depthwise layer differ, and what a scale for each of them gains in all such layers."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6), width_ratios=(1, 1.35))
    top = depthwise_weights()[layer].abs().amax(dim=(1, 2, 3)).sort().values
    left.plot(np.arange(1, len(top) + 1), top, ".", color=COLOURS["float"], markersize=3)
    left.axhline(float(top[-1]), color="#333333", linestyle=":")
    left.annotate("one scale for all fits this one", (1, float(top[-1])), xytext=(0, -12), textcoords="offset points",
                  fontsize=9)
    left.set(yscale="log", xlabel="channel, smallest first", ylabel="largest |weight|", title=layer)
    left.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    left.set_yticks([], minor=True)
    gain = channel_gain()
    for shift, (name, lines) in zip((-0.17, 0.17), gain.groupby("format", sort=False)):
        kind = parse(name).kind
        place = np.arange(len(lines)) + shift
        right.vlines(place, lines["tensor"], lines["channel"], color=COLOURS[kind], linestyle=LINES[kind], linewidth=1.2)
        look = {"marker": MARKERS[kind], "color": COLOURS[kind], "linestyle": "none"}
        right.plot(place, lines["tensor"], **look, markerfacecolor="white", label=f"{name}, one scale")
        right.plot(place, lines["channel"], **look, label=f"{name}, one a channel")
    right.set(xlabel="depthwise layer, from the image on", ylabel="SQNR of the weight (dB)", ylim=(right.get_ylim()[0], 62))
    right.legend(ncols=2, fontsize=9, loc="upper center")
    return Figure("Left: the channels of one depthwise layer of EfficientNet-Lite0 differ widely, so a scale that fits the "
                  "largest leaves the others few steps. Right: what a scale for each channel gains in all 16 such layers.",
                  figure=figure,
                  alt="Left, the largest magnitude of each channel, sorted, on a logarithmic axis: a curve over more than a "
                      "decade. Right, two points joined by a line for every layer and format: INT8 rises by ten decibels or "
                      "more in most layers, E4M3 by a few.")


@exhibit
def error_against_scale(names: tuple[str, ...] = FORMATS) -> Figure:
    """Clipping error, rounding error and their sum against the scale, with the three choices marked."""
    x = heavy_tailed()
    power = float(x.double().square().mean())
    figure, axes = plt.subplots(2, 2, figsize=(8.0, 6.2), sharex=True)
    marks = {"abs-max": ">", "percentile": "P", "least error": "*"}
    for axis, name in zip(axes.flat, names):
        fmt = parse(name)
        start = abs_max(x, fmt)
        fractions = np.array(sorted(f for f in FRACTIONS if f >= 0.1))
        parts = np.array([split_error(x, fmt, start * f) for f in fractions]) / power
        axis.plot(fractions, parts.sum(axis=1), LINES[fmt.kind], color=COLOURS[fmt.kind], linewidth=2.2, label="whole error")
        axis.plot(fractions, np.where(parts[:, 0] > 0, parts[:, 0], np.nan), ":", color="#333333", label="clipping")
        axis.plot(fractions, parts[:, 1], "-.", color="#333333", linewidth=1, label="rounding")
        for choice, function in CHOICES.items():
            scale = function(x, fmt)
            axis.plot(float(scale / start), sum(split_error(x, fmt, scale)) / power, marks[choice], color="#333333",
                      markersize=11 if choice == "least error" else 8, markerfacecolor="white", linestyle="none", label=choice,
                      zorder=3)
        low = parts.sum(axis=1).min()
        axis.set(xscale="log", yscale="log", title=name, ylim=(low / 8, max(parts.sum(axis=1).max(), low * 40) * 2))
        axis.set_xticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
        axis.set_xticks([], minor=True)
    for axis in axes[1]:
        axis.set_xlabel("scale / abs-max scale")
    for axis in axes[:, 0]:
        axis.set_ylabel("mean error² / mean x²")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=9)
    return Figure("A small scale clips, a large one rounds coarsely. 20,000 samples of Student's t, 4 degrees of freedom; one "
                  "scale for the tensor. Where the dotted line ends nothing is clipped.", figure=figure,
                  alt="Error against scale in four panels, both axes logarithmic. Clipping falls and rounding grows with the "
                      "scale. At four bits the least error lies at a third to half of the abs-max scale, near the percentile; "
                      "at eight bits it lies near the abs-max scale, and the percentile is far worse.")


@exhibit
def choices_table(names: tuple[str, ...] = FORMATS) -> Table:
    """SQNR of the heavy-tailed tensor with each choice, and how much of the error is clipping."""
    x, records = heavy_tailed(), []
    for name in names:
        fmt = parse(name)
        for choice, function in CHOICES.items():
            scale = function(x, fmt)
            clipping, rounding = split_error(x, fmt, scale)
            records.append((name, choice, float(scale / abs_max(x, fmt)), decibels(x, fake_quantize(x, fmt, scale)),
                            100 * clipping / (clipping + rounding)))
    frame = pd.DataFrame(records, columns=["format", "choice", "scale / abs-max scale", "SQNR, dB", "clipping, % of the error"])
    return Table("Three choices of the scale for the heavy-tailed tensor. Percentile: the 99.9th of |x|.", frame=frame,
                 formats={"scale / abs-max scale": "{:.2f}", "SQNR, dB": "{:.1f}", "clipping, % of the error": "{:.0f}"})


@exhibit
def straight_through(names: tuple[str, ...] = ("INT4", "E2M1")) -> Figure:
    """A quantizer and its two derivatives: this package's and Brevitas'."""
    figure, axes = plt.subplots(2, len(names), figsize=(3.9 * len(names), 4.6), sharex=True, sharey="row", squeeze=False,
                                height_ratios=(1.5, 1))
    x = torch.linspace(-10, 10, 2001)
    for (upper, lower), name in zip(axes.T, names):
        fmt = parse(name)
        y, ours = gradient(lambda t, fmt=fmt: fake_quantize(t, fmt, 1.0), x)
        theirs = gradient(brevitas_quantizer(fmt, max(fmt.max, -fmt.min)), x)[1]
        upper.plot(x, x, color="#999999", linewidth=0.8)
        upper.plot(x, y, color=COLOURS[fmt.kind], linewidth=2)
        upper.set(title=name, ylim=(-9.5, 9.5), yticks=range(-8, 9, 4))
        lower.plot(x, ours, color=COLOURS[fmt.kind], linewidth=2, label="this package")
        lower.plot(x, theirs, ":", color="#333333", linewidth=1.2, label="Brevitas")
        lower.set(xlabel="x", ylim=(-0.1, 1.6))
        lower.legend(ncols=2, fontsize=9, loc="upper center")
    axes[0, 0].set_ylabel("quantized x")
    axes[1, 0].set_ylabel("gradient")
    return Figure("Above: the quantizer at scale 1. Below: the gradient that autograd reports, one where rounding stays "
                  "inside the format and zero where x saturates. Brevitas' gradient for a minifloat zigzags around one.",
                  figure=figure,
                  alt="Two columns. Above, a staircase along the diagonal, level beyond its ends. Below, a gradient of one "
                      "between the ends and zero outside; Brevitas' lies on it for the integer and zigzags around one for "
                      "the minifloat.")


PIECES = {
    "exponent_bit_width_impl": "e",
    "mantissa_bit_width_impl": "m",
    "exponent_bias_impl": "bias",
    "compute_max_mantissa": "largest significand, 2 - 2^-m",
    "float_scaling_impl": "largest value, max",
    "scaling_impl": "scale, s = max|x| / max",
    "zero_point_impl": "none: zero stays zero",
    "input_view_impl": "reshape; nothing for a whole tensor",
    "float_to_int_impl": "round half to even",
    "float_clamp_impl": "clip to -max ... max",
}
"""Part of Brevitas' FloatQuant -> what it is in the formula, in the order of use."""


@exhibit
def anatomy(quantizer: nn.Module) -> Table:
    """The parts of a calibrated FloatQuant: their classes, what those that hold a number return, and what they stand for."""
    e, m, bias = quantizer.exponent_bit_width_impl(), quantizer.mantissa_bit_width_impl(), quantizer.exponent_bias_impl()
    significand = quantizer.compute_max_mantissa(m)
    largest = quantizer.float_scaling_impl(e, significand, bias)
    scale = quantizer.scaling_impl(torch.zeros(1), largest)  # it has seen its tensor: this one only has to be there
    returned = dict(zip(PIECES, (e, m, bias, significand, largest, scale, quantizer.zero_point_impl())))
    frame = pd.DataFrame({
        "piece": list(PIECES),
        "class": [type(getattr(quantizer, piece)).__name__ for piece in PIECES],
        "returns": [returned[piece].item() if piece in returned else None for piece in PIECES],
        "in the formula": list(PIECES.values()),
    })
    return Table("Inside a Brevitas float quantizer. A dash marks a piece that acts on the whole tensor.", frame=frame,
                 formats={"returns": "{:g}"})
