"""Every format on the real weights and layer inputs of EfficientNet-Lite0, layer by layer, beside the heaviness of their tails.

Three kinds of tensor: weights with a scale per output channel, weights with one scale, and layer inputs with one scale.
Batch norm is merged first, as in every recipe here. Inputs come from foolbox's 20 images: largest magnitude over all
values, everything else from INPUT_VALUES values a layer, drawn with replacement. Scales are set on the very tensor that is
measured; formats are signed.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from repro.datasets import foolbox_images
from repro.exhibits import COLOURS, LINES, MARKERS, OTHER_COLOURS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.distributions import TIE, ranked, split_name, winners
from repro.experiments.moments import Sample, decibels, largest, squared_error
from repro.experiments.ptq_points import NETWORK
from repro.formats import Format, Integer, catalogue, parse
from repro.models import zoo
from repro.ptq.pipeline import compute_layers, merge_batch_norm

KINDS = {"weight per channel": "weights, a scale per channel", "weight per tensor": "weights, one scale",
         "input": "layer inputs"}
STAND_IN = "EfficientNet-Lite0, not the paper's networks; layer inputs from foolbox's 20 images, a stand-in for ImageNet."
"""Closes the captions."""
INPUT_VALUES = 2**16
SEED = 0
FRACTIONS = 2.0 ** (np.arange(-128, 17) / 16)
"""What `best` tries: the clip as a fraction of the largest magnitude, steps of 4.4 %; one fraction for all channels."""


def _grid(scale: str) -> list[dict]:
    names = [fmt.name for fmt in catalogue()] if scale == "laptop" else ["INT4", "E2M1"]
    return [{"network": NETWORK, "tensor": kind, "format": name} for kind in KINDS for name in names]


def _compute(batch: list[dict], scale: str) -> list[dict]:
    rows = []
    for point in batch:
        fmt = parse(point["format"])
        grid = fmt.values() / largest(fmt)
        for index, (layer, sample) in enumerate(_samples(point["network"], point["tensor"], scale).items()):
            errors = squared_error(sample, FRACTIONS[:, None] * grid)
            rows.append(point | {
                "index": index, "layer": layer, "crest_db": decibels(sample.power), "kurtosis": sample.kurtosis,
                "abs_max_db": _sqnr(sample, grid), "best_db": decibels(float(errors.min()) / sample.power),
                "best_fraction": float(FRACTIONS[errors.argmin()]), "unsigned_db": _unsigned(sample, fmt),
                "n": sample.size, "seed": SEED})
    return rows


def _sqnr(sample: Sample, grid: np.ndarray) -> float:
    return decibels(float(squared_error(sample, grid)) / sample.power)


def _unsigned(sample: Sample, fmt: Format) -> float:
    """The SQNR of the unsigned integer of the same width, where no value is negative; NaN elsewhere and for minifloats."""
    if fmt.kind != "integer" or sample(np.array(0.0))[0] > 0:
        return np.nan
    unsigned = Integer(fmt.bits, signed=False)
    return _sqnr(sample, unsigned.values() / unsigned.max)


EXPERIMENT = Experiment(
    name="tensors",
    title="Every format on the weights and layer inputs of a real network",
    keys=("network", "tensor", "format", "index", "layer"),
    metrics={"crest_db": 0.01, "kurtosis": "1%", "abs_max_db": 0.05, "best_db": 0.05, "best_fraction": "10%",
             "unsigned_db": 0.05},
    grid=_grid, compute=_compute, module=__name__, batch=27, files=("data/manifests/packages.sha256",),
)
"""`crest_db`: 20 log10 of the largest magnitude over the root mean square (per channel: of the roots of the mean squares of
both over the layer). `kurtosis`: about zero. `abs_max_db`, `best_db`: SQNR with the two scale rules. `unsigned_db`: SQNR of an
unsigned integer with abs-max scale, where no value is negative.
"""


@cache
def _samples(network: str, kind: str, scale: str) -> dict[str, Sample]:
    """Layer -> its values divided by the largest magnitude that its scale covers.

    A channel counts by its largest magnitude squared: that undoes the division in every sum of squares.
    """
    samples = {}
    for name, (weight, inputs, top) in _tensors(network, scale).items():
        if kind == "input":
            samples[name] = Sample(inputs / top)
            continue
        values = weight.reshape(len(weight), -1) if kind == "weight per channel" else weight.reshape(1, -1)
        tops = np.abs(values).max(axis=1, keepdims=True)
        samples[name] = Sample((values / np.where(tops > 0, tops, 1)).ravel(), np.broadcast_to(tops**2, values.shape).ravel())
    return samples


@cache
@torch.no_grad()
def _tensors(network: str, scale: str) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """Layer -> weight, drawn input values, largest input magnitude (float64). At smoke scale two images and five layers."""
    images = foolbox_images.load()
    batch = next(images.batches(zoo.network(network).preprocessing, len(images) if scale == "laptop" else 2))[0]
    model = merge_batch_norm(zoo.network(network).load(), batch)
    found = {}

    def look(name: str, layer: nn.Module, inputs: tuple[Tensor]) -> None:
        flat = inputs[0].flatten()
        places = np.random.default_rng(SEED).integers(len(flat), size=INPUT_VALUES)
        found[name] = (layer.weight.double().numpy(), flat[places].double().numpy(), float(flat.abs().max()))

    layers = list(compute_layers(model).items())[: None if scale == "laptop" else 5]
    hooks = [layer.register_forward_pre_hook(lambda module, inputs, name=name: look(name, module, inputs))
             for name, layer in layers]
    model(batch)
    for hook in hooks:
        hook.remove()
    return found


def abs_max(laws: pd.DataFrame) -> pd.DataFrame:
    """The rows of the experiment `distributions` whose scale stands for an abs-max scale."""
    return laws[laws["rule"] != "best"]


def forecast(rows: pd.DataFrame, laws: pd.DataFrame) -> pd.DataFrame:
    """What the law with the nearest crest advises for every tensor and width, abs-max scales.

    One row a tensor, layer and width: the `law`, the format it `advises`, and what following it costs there (`loss`, dB
    behind the tensor's own best format).
    """
    known = winners(abs_max(laws), ["distribution", "rule"], "analytic_db").sort_values("crest_db", kind="stable")
    tensors = rows.drop_duplicates(["tensor", "index"])
    losses = ranked(rows, ["tensor", "index"], "abs_max_db").set_index(["tensor", "index", "format"])["loss"]
    found = []
    for bits, best in known.groupby("bits"):
        nearest = np.abs(tensors["crest_db"].to_numpy()[:, None] - best["crest_db"].to_numpy()).argmin(axis=1)
        advised = best.iloc[nearest]
        places = pd.MultiIndex.from_arrays([tensors["tensor"], tensors["index"], advised["format"]])
        found.append(pd.DataFrame({
            "tensor": tensors["tensor"].to_numpy(), "index": tensors["index"].to_numpy(), "bits": bits,
            "law": advised["distribution"].to_numpy(), "advises": advised["format"].to_numpy(),
            "loss": losses.loc[places].to_numpy()}))
    return pd.concat(found, ignore_index=True)


@exhibit
def against_crest(rows: pd.DataFrame, laws: pd.DataFrame, names: tuple[str, ...] = ("INT8", "E2M5", "E4M3")) -> Figure:
    """SQNR with abs-max scales against the crest factor: dots are real tensors, large hollow markers textbook laws."""
    figure, axis = plt.subplots(figsize=(7.2, 4.4))
    drawn = abs_max(laws)
    for name, tone in zip(names, (0.55, 0.55, 0.2)):
        fmt = parse(name)
        real, law = rows[rows["format"] == name], drawn[drawn["format"] == name].sort_values("crest_db")
        law = law[law["crest_db"] < 30]
        if fmt.kind == "integer":
            line = np.array([3, 29])
            axis.plot(line, 20 * np.log10(2**fmt.bits) + 10 * np.log10(3) - line, LINES[fmt.kind], color=COLOURS[fmt.kind],
                      linewidth=0.9)
        axis.plot(real["crest_db"], real["abs_max_db"], MARKERS[fmt.kind], color=COLOURS[fmt.kind], markersize=3.5, alpha=tone,
                  markeredgewidth=0)
        axis.plot(law["crest_db"], law["analytic_db"], MARKERS[fmt.kind], markerfacecolor="none", markeredgecolor="black",
                  markersize=9, markeredgewidth=1.1)
        axis.annotate(name, (law["crest_db"].iloc[0], law["analytic_db"].iloc[0]), xytext=(-14, 0), textcoords="offset points",
                      va="center", ha="right", color=COLOURS[fmt.kind])
    axis.set(xlabel="crest factor: largest magnitude / root mean square (dB)", ylabel="SQNR (dB)")
    axis.set_xlim(0, 31)
    return Figure(
        "Each dB of crest costs an integer one dB; a minifloat hardly notices until its subnormals are reached. Small: layers "
        "(all three kinds of tensor); large and hollow: textbook laws. The line is 6.02 b + 4.77 − crest. " + STAND_IN,
        rows=rows, figure=figure,
        alt="Signal-to-noise ratio against crest factor. INT8's squares fall along a straight line; E2M5's circles fall slowly "
            "and cross it near 10 dB; E4M3's stay level lower down and meet INT8 near 21 dB. Laws and most layers overlap.")


@exhibit
def best_splits(rows: pd.DataFrame, laws: pd.DataFrame, widths: tuple[int, ...] = (4, 6, 8)) -> Figure:
    """The winning number of exponent bits against the crest factor: real tensors beside textbook laws."""
    figure, axes = plt.subplots(1, len(widths), figsize=(9.6, 3.6))
    real = winners(rows, ["tensor", "index", "crest_db"], "abs_max_db")
    known = winners(abs_max(laws), ["distribution", "rule", "crest_db"], "analytic_db")
    series = [(label, real[real["tensor"] == kind], marker) for (kind, label), marker in zip(KINDS.items(), "^vD")]
    series.append(("textbook laws", known, "*"))
    for axis, bits in zip(axes, widths):
        for place, (label, points, marker) in enumerate(series):
            mine = points[(points["bits"] == bits) & (points["crest_db"] < 30)]
            law = points is known
            axis.plot(mine["crest_db"], mine["exponent"] + 0.3 - 0.2 * place, marker, color=OTHER_COLOURS[0], label=label,
                      linestyle="none", markersize=9 if law else 4, fillstyle="none" if law else "full", markeredgewidth=law)
        top = min(bits - 2, 3)
        axis.set_yticks(range(top + 1), [split_name(bits, e) for e in range(top + 1)])
        for tick in axis.get_yticklabels():
            tick.set_color(COLOURS[parse(tick.get_text()).kind])
        axis.set(title=f"{bits} bits", xlabel="crest factor (dB)", ylim=(-0.6, top + 0.6))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    return Figure(
        "Which format wins, against the crest factor; abs-max scales. Flat tensors want even steps (an integer, or E1), most "
        "others two exponent bits, the heaviest tails three. " + STAND_IN, rows=rows, figure=figure,
        alt="Three panels for 4, 6 and 8 bits. Below a crest factor of about 10 dB markers lie on the rows of the integer and "
            "of one exponent bit, then on the row with two exponent bits, and in the wider formats beyond 21 dB on three. "
            "Hollow stars of textbook laws do the same.")


@exhibit
def layer_maps(rows: pd.DataFrame, bits: int = 8) -> Figure:
    """Decibels behind the best format of the width, layer by layer."""
    shown = ranked(rows, ["tensor", "index"], "abs_max_db")
    shown = shown[shown["bits"] == bits]
    figure, axes = plt.subplots(len(KINDS), 1, figsize=(9.6, 1.9 * len(KINDS)), sharex=True)
    for axis, (kind, label) in zip(axes, KINDS.items()):
        loss = shown[shown["tensor"] == kind].pivot(index="exponent", columns="index", values="loss")
        image = axis.imshow(loss, cmap="Greys", vmin=0, vmax=12, aspect="auto")
        for x, y in enumerate(loss.to_numpy().argmin(axis=0)):
            fmt = parse(split_name(bits, loss.index[y]))
            axis.plot(x, y, MARKERS[fmt.kind], color=COLOURS[fmt.kind])
        axis.set_yticks(range(len(loss)), [split_name(bits, e) for e in loss.index], fontsize=8)
        axis.set_title(label)
        axis.grid(visible=False)
    axes[-1].set_xlabel("layer, from the image to the logits")
    figure.colorbar(image, ax=axes, label="dB behind the best", shrink=0.7)
    return Figure(
        f"All {bits}-bit formats in every layer, abs-max scales; the marker is the winner. {STAND_IN}",
        rows=shown, figure=figure,
        alt="Three maps of formats against layers. For weights with a scale per channel and for inputs the winner is mostly "
            "the format with two exponent bits, at times the one with even steps; for weights with one scale it alternates "
            "between two and three exponent bits.")


@exhibit
def table(rows: pd.DataFrame) -> Table:
    """A verdict for each width, kind of tensor and scale rule: the format with the highest median SQNR over layers."""
    lines = []
    for metric, rule in (("abs_max_db", "largest value"), ("best_db", "least error")):
        medians = rows.groupby(["tensor", "format"], as_index=False)[metric].median()
        best = winners(medians, ["tensor"], metric).set_index(["tensor", "bits"])
        losses = ranked(rows, ["tensor", "index"], metric)
        near = losses[losses["loss"] < TIE].value_counts(["tensor", "format"])
        for kind, label in KINDS.items():
            cells = {f"{bits} bits": f"{line['format']} +{line['lead']:.1f} ({near.get((kind, line['format']), 0)})"
                     for bits, line in best.loc[kind].iterrows()}
            lines.append({"tensor": label, "scale from": rule} | cells)
    return Table(f"The format with the highest median SQNR over the {rows['index'].nunique()} layers, by how many dB it leads "
                 f"the runner-up, and (in brackets) in how many layers it wins or is less than {TIE} dB behind. {STAND_IN}",
                 rows=rows, frame=pd.DataFrame(lines))


@exhibit
def unsigned_table(rows: pd.DataFrame) -> Table:
    """Layer inputs that are never negative: the signed integer, the best minifloat, and an integer without a sign."""
    inputs = rows[rows["tensor"] == "input"]
    inputs = inputs.assign(bits=[parse(name).bits for name in inputs["format"]])
    layers = inputs.loc[inputs["unsigned_db"].notna(), "index"].unique()
    shown = inputs[inputs["index"].isin(layers)]
    lines = []
    for bits, mine in shown.groupby("bits"):
        medians = mine.groupby("format")[["abs_max_db", "unsigned_db"]].median()
        minifloats = medians.drop(index=f"INT{bits}")["abs_max_db"]
        lines.append({"bits": bits, "INT": medians.loc[f"INT{bits}", "abs_max_db"], "best minifloat": minifloats.idxmax(),
                      "its SQNR": minifloats.max(), "UINT": medians.loc[f"INT{bits}", "unsigned_db"]})
    frame = pd.DataFrame(lines)
    return Table(f"Median SQNR (dB) over the {len(layers)} layers whose input is never negative, because it comes from a "
                 f"ReLU6; abs-max scales. {STAND_IN}", rows=shown, frame=frame,
                 formats={c: "{:.1f}" for c in ("INT", "its SQNR", "UINT")})


@exhibit
def forecast_table(rows: pd.DataFrame, laws: pd.DataFrame) -> Table:
    """How well a textbook law with the same crest factor foretells the best format."""
    found = forecast(rows, laws)
    groups = found.assign(hit=found["loss"] < TIE).groupby(["tensor", "bits"])
    share, cost = 100 * groups["hit"].mean(), groups["loss"].mean()
    frame = pd.DataFrame([{"tensor": label} | {f"{bits} bits": f"{share[kind, bits]:.0f} % ({cost[kind, bits]:.1f})"
                                               for bits in sorted(found["bits"].unique())} for kind, label in KINDS.items()])
    return Table(f"Take the law whose crest factor is nearest and use its best format. In how many layers that is right, "
                 f"within {TIE} dB of the layer's own best, and (in brackets) the dB it costs on average. {STAND_IN}",
                 rows=rows, frame=frame)
