"""Signal-to-quantization-noise ratio of every layer of a real network, format by format.

Data: foolbox's 20 ImageNet images, so nothing beyond pip packages. The images are halved; each half is measured
with activation scales calibrated on the other, so no image helped to choose its own scale.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from repro.datasets import foolbox_images
from repro.exhibits import COLOURS, LINES, MARKERS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.ptq_points import FORMATS, points
from repro.formats import parse
from repro.models import zoo
from repro.ptq import Recipe, quantize
from repro.ptq.pipeline import compute_layers, merge_batch_norm


def _grid(scale: str) -> list[dict]:
    return points(FORMATS if scale == "laptop" else ("INT8", "E2M1"))


def _compute(batch: list[dict], scale: str) -> list[dict]:
    rows = []
    for point in batch:
        powers = sum(_measure(point["network"], point["format"], point["activations"], fold, scale) for fold in (0, 1))
        for index, (layer, quantities) in enumerate(zip(_layers(point["network"]), powers)):
            decibels = {name: 10 * float(np.log10(signal / noise)) if noise > 0 else float("inf")
                        for name, (signal, noise) in zip(("weight_db", "input_db", "output_db"), quantities)}
            rows.append(point | {"index": index, "layer": layer} | decibels | {"n": 2 * _half(scale), "seed": ""})
    return rows


EXPERIMENT = Experiment(
    name="sqnr",
    title="Signal-to-quantization-noise ratio of every layer",
    keys=("network", "format", "activations", "index", "layer"),
    metrics={"weight_db": 0.01, "input_db": 0.01, "output_db": 0.5},
    grid=_grid, compute=_compute, module=__name__, batch=1, files=("data/manifests/packages.sha256",),
)
"""`output_db` may differ by half a decibel between processors: rounding to the other side of a tie spreads."""


def _half(scale: str) -> int:
    return 10 if scale == "laptop" else 2


@cache
def _images(network: str) -> Tensor:
    images = foolbox_images.load()
    return next(images.batches(zoo.network(network).preprocessing, len(images)))[0]


@cache
def _layers(network: str) -> tuple[str, ...]:
    return tuple(compute_layers(zoo.network(network).load()))


@torch.no_grad()
def _measure(network: str, name: str, activations: str, fold: int, scale: str) -> np.ndarray:
    """Array (layers, 3, 2): signal and noise power of weights, of inputs and of outputs, in float64.

    Weights and inputs are judged alone (the float network's tensor, quantized); outputs accumulate the noise of
    all layers before.
    """
    images, half = _images(network), _half(scale)
    tested, calibration = images[fold * half:][:half], images[(1 - fold) * half:][:half]
    model = zoo.network(network).load()
    quantized = quantize(model, Recipe.for_format(parse(name), activations == "unsigned"), calibration)
    reference = _trace(merge_batch_norm(model, calibration), tested)
    layers = compute_layers(quantized)
    result = []
    for (layer, (weight, inputs, _)), outputs in zip(reference.items(), _outputs(quantized, tested), strict=True):
        module = layers[layer]
        result.append((_power(weight, module.quant_weight().value), _power(inputs, _plain(module.input_quant(inputs))),
                       _power(reference[layer][2], outputs)))
    return np.array(result)


def _plain(tensor) -> Tensor:
    return tensor if isinstance(tensor, Tensor) else tensor.value


def _power(signal: Tensor, approximation: Tensor) -> tuple[float, float]:
    signal = signal.double()
    return float((signal**2).sum()), float(((signal - approximation.double()) ** 2).sum())


def _trace(model: nn.Module, images: Tensor) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Layer -> (weight, input, output) of the float network."""
    seen: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    hooks = [layer.register_forward_hook(
        lambda module, inputs, output, name=name: seen.__setitem__(name, (module.weight, inputs[0], output)))
        for name, layer in compute_layers(model).items()]
    model(images)
    for hook in hooks:
        hook.remove()
    return seen


def _outputs(model: nn.Module, images: Tensor) -> list[Tensor]:
    """The output of every layer of the quantized network, in order."""
    seen: list[Tensor] = []
    hooks = [layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
             for layer in compute_layers(model).values()]
    model(images)
    for hook in hooks:
        hook.remove()
    return seen


def network_output(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last layer: the SQNR of the network's logits."""
    return rows[rows["index"] == rows["index"].max()]


@exhibit
def layers_figure(rows: pd.DataFrame) -> Figure:
    """Output SQNR along the network, one line a format (signed activations)."""
    shown = rows[rows["activations"] == "signed"]
    figure, axis = plt.subplots(figsize=(7.2, 4.2))
    for name in FORMATS:
        fmt, line = parse(name), shown[shown["format"] == name].sort_values("index")
        if line.empty:
            continue
        width = {8: 1.0, 6: 0.65, 4: 0.35}[fmt.bits]
        axis.plot(line["index"], line["output_db"], LINES[fmt.kind], color=COLOURS[fmt.kind], alpha=max(width, 0.5),
                  marker=MARKERS[fmt.kind], markevery=6, linewidth=0.6 + 1.6 * width)
        axis.annotate(name, (line["index"].iloc[-1], line["output_db"].iloc[-1]), xytext=(6, 0 if fmt.bits > 4 else 6 if fmt.kind == "minifloat" else -6),
                      textcoords="offset points", va="center", color=COLOURS[fmt.kind], fontsize=9)
    axis.axhline(0, color="#333333", linewidth=0.8)
    axis.set(xlabel="layer, from the image to the logits", ylabel="output SQNR (dB)")
    axis.margins(x=0.02)
    axis.set_xlim(right=rows["index"].max() + 5)
    return Figure(
        "Along EfficientNet-Lite0 most is lost in the first few layers. SQNR of each layer's output against the float network's; weights per "
        "channel, signed activations per tensor, first and last layer 8 bits. Another network than the paper's, 20 images.",
        rows=shown, figure=figure,
        alt="Six lines that fall steeply over the first few layers and then zigzag about a level: INT8 highest, then E4M3, INT6 "
            "and E3M2, and the two 4-bit formats lowest, below 0 dB at the logits.")


@exhibit
def table(rows: pd.DataFrame) -> Table:
    """Per format: median weight and input SQNR over layers, and the SQNR of the logits."""
    keys = ["format", "activations"]
    medians = rows.groupby(keys, sort=False)[["weight_db", "input_db"]].median().reset_index()
    last = network_output(rows)[[*keys, "output_db"]]
    frame = medians.merge(last, on=keys)
    frame["bits"] = [parse(name).bits for name in frame["format"]]
    frame = frame.sort_values(["bits", "format"], ascending=[False, True])
    frame = frame[["format", "activations", "bits", "weight_db", "input_db", "output_db"]]
    frame.columns = ["format", "activations", "bits", "weights, median dB", "inputs, median dB", "logits dB"]
    return Table("SQNR in decibels on EfficientNet-Lite0 and 20 ImageNet images. \"unsigned\": integers that use all their "
                 "codes where a layer's input is never negative.", rows=rows, frame=frame,
                 formats={c: "{:.1f}" for c in frame.columns[3:]})
