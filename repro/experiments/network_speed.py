"""What quantization costs a network at inference: EfficientNet-Lite0, float, with Brevitas' kernels, and with ours.

All variants run in one process, in turns, on one batch; medians and quartiles. `different` counts the logits that are not
equal to those with Brevitas' own kernel.
"""

import contextlib

import matplotlib.pyplot as plt
import pandas as pd
import torch

from repro.datasets import foolbox_images
from repro.exhibits import COLOURS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.timing import in_turns
from repro.fakequant import compiling
from repro.formats import parse
from repro.models import zoo
from repro.ptq import Recipe, freeze, quantize
from repro.ptq.pipeline import merge_batch_norm

FORMATS = ("INT8", "E4M3", "INT4", "E2M1")
GOAL = 1.2
FLOAT, VARIANTS = "float, batch norm merged", ("Brevitas", "fused", "fused, frozen")


def _grid(scale: str) -> list[dict]:
    return [{"network": "efficientnet-lite0", "device": "cpu"}]


@torch.no_grad()
def _compute(batch: list[dict], scale: str) -> list[dict]:
    network = zoo.network(batch[0]["network"])
    model = network.load()
    images = next(foolbox_images.load().batches(network.preprocessing, 20))[0]
    images = torch.cat([images, images])[:32 if scale == "laptop" else 1]
    if scale == "laptop":
        with contextlib.suppress(RuntimeError):  # without a compiler the fused kernel is measured as it then runs, eagerly
            compiling.compile_now()
    nets = {("float", "float32"): model, (FLOAT, "float32"): merge_batch_norm(model, images[:1])}
    for name in FORMATS if scale == "laptop" else FORMATS[-1:]:
        recipe = Recipe.for_format(parse(name))
        nets["Brevitas", name] = quantize(model, recipe, images[:10], kernel="brevitas")
        nets["fused", name] = quantize(model, recipe, images[:10])
        nets["fused, frozen", name] = freeze(nets["fused", name])
    logits = {key: net(images) for key, net in nets.items()}
    times = in_turns({key: (lambda net=net: net(images)) for key, net in nets.items()}, budget=5 if scale == "laptop" else 0.01)
    return [batch[0] | {"variant": variant, "format": name, "batch": len(images), "threads": torch.get_num_threads(), "seed": "",
                        "different": int((logits[variant, name] != logits.get(("Brevitas", name), logits[variant, name])).sum()),
                        **times[variant, name]} for variant, name in nets]


EXPERIMENT = Experiment(
    name="network_speed",
    title="Seconds a batch: float, quantized by Brevitas, quantized by our kernels",
    keys=("network", "device", "variant", "format"),
    metrics={"batch": 0, "threads": 0, "different": 0, "low_s": 0, "median_s": 0, "high_s": 0},
    grid=_grid, compute=_compute, module=__name__, benchmark=True, files=("data/manifests/packages.sha256",),
)


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Time over that of the float network with batch norm merged: index format, a column for each variant."""
    seconds = rows.pivot(index="format", columns="variant", values="median_s")
    return seconds.loc[list(FORMATS), list(VARIANTS)] / seconds.loc["float32", FLOAT]


@exhibit
def goals(rows: pd.DataFrame) -> Table:
    """Frozen inference against the goal, over either float network."""
    seconds = rows.pivot(index="format", columns="variant", values="median_s")
    frame = pd.DataFrame({"format": FORMATS})
    for name, base in ((FLOAT, FLOAT), ("float as loaded", "float")):
        cost = [seconds.loc[fmt, "fused, frozen"] / seconds.loc["float32", base] for fmt in FORMATS]
        frame[f"frozen over {name}"] = [f"{c:.2f}" + (" (reached)" if c <= GOAL else " (missed)") for c in cost]
    frame["Brevitas over frozen"] = [seconds.loc[fmt, "Brevitas"] / seconds.loc[fmt, "fused, frozen"] for fmt in FORMATS]
    return Table(f"Frozen quantized inference. Goal: at most {GOAL} times the float network. As loaded, the float network still has its "
                 "batch norms.", rows=rows, frame=frame, formats={"Brevitas over frozen": "{:.1f}"})


@exhibit
def table(rows: pd.DataFrame) -> Table:
    """Seconds, cost over float, and whether the outputs are Brevitas' own."""
    base = rows.loc[rows["variant"] == FLOAT, "median_s"].iloc[0]
    order = {name: rank for rank, name in enumerate(("float", FLOAT, *VARIANTS))}
    ranked = rows.assign(rank=rows["variant"].map(order), place=rows["format"].map(("float32", *FORMATS).index))
    ranked = ranked.sort_values(["place", "rank"])
    frame = pd.DataFrame({"format": ranked["format"], "variant": ranked["variant"], "seconds a batch": ranked["median_s"],
                          "quartiles": [f"{low:.3f} to {high:.3f}" for low, high in zip(ranked["low_s"], ranked["high_s"])],
                          "over float": ranked["median_s"] / base, "logits unlike Brevitas'": ranked["different"]})
    return Table(f"EfficientNet-Lite0, {int(rows['batch'].iloc[0])} images of 224 x 224 a batch (foolbox's 20, some twice: "
                 f"what they show does not change the time), {int(rows['threads'].iloc[0])} threads. "
                 "Over float: time over that of the float network with batch norm merged.", rows=rows, frame=frame,
                 formats={"seconds a batch": "{:.3f}", "over float": "{:.2f}"})


@exhibit
def picture(rows: pd.DataFrame) -> Figure:
    """The cost over float as bars."""
    cost = ratios(rows)
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    for shift, (variant, hatch) in enumerate(zip(VARIANTS, ("", "//", "xx"))):
        for place, name in enumerate(FORMATS):
            height = cost.loc[name, variant]
            axis.bar(place + 0.27 * (shift - 1), height, 0.25, color=COLOURS[parse(name).kind], alpha=(0.45, 0.7, 1)[shift],
                     hatch=hatch, edgecolor="white", label=variant if place == 0 else None)
            axis.text(place + 0.27 * (shift - 1), height, f"{height:.2f}", ha="center", va="bottom", fontsize=8)
    axis.axhline(1, color="#333333", linewidth=1)
    axis.set_xticks(range(len(FORMATS)), FORMATS)
    axis.set_ylabel("time over the float network")
    axis.legend()
    return Figure("Quantized inference over float inference: Brevitas, our kernels behind Brevitas' proxies, and the same with "
                  "weights and scales settled and ReLU6 merged (frozen).", rows=rows, figure=figure,
                  alt="Bars for four formats: Brevitas takes several times the float network's time, the fused kernels little more "
                      "than it, and frozen networks least.")
