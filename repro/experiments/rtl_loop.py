"""The RTL in the loop: a network's dot products run on the mapped netlist of a MAC, and compared with Brevitas' integers.

Two layers. The one-layer MNIST network of the experiment `overflow` (its first repeat): plain and A2Q weights at the same
accumulator widths. And a 1x1 convolution of EfficientNet-Lite0, quantized after training to INT8 and to E4M3.
"""

import copy
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from hw.generate import Mac
from hw.loop import dot_products
from hw.synth import Mapped
from hw.variants import build
from repro import accumulators
from repro.a2q import training
from repro.a2q.quantizers import INPUT_BITS, OneLayer
from repro.a2q.training import Recipe
from repro.datasets import foolbox_images, mnist
from repro.exhibits import COLOURS, LINES, MARKERS, OTHER_COLOURS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.mac_rows import RTL
from repro.experiments.verdict import Verdict, judge
from repro.formats import Format, parse
from repro.models import zoo
from repro.ptq import Recipe as QuantizationRecipe
from repro.ptq import quantize

MNIST, EFFICIENTNET = "mnist", "efficientnet-lite0"
LAYER = "head.conv"
"""EfficientNet-Lite0's last 1x1 convolution: 320 channels to 1,280, 49 positions an image."""
VARIANT = "tuned"
"""The netlists that run. All variants compute the same, which hw.check proves."""
PIXEL, WEIGHT = "UINT1", "INT8"
"""Operands of the MNIST network: a pixel is 0 or 1."""
DATA_TYPE_BOUND = accumulators.data_type_bound(784, 8, INPUT_BITS)

# Those of `overflow`, so that its first repeat and this are the same networks (a test compares them).
_PLAIN = {"smoke": Recipe(rates=(1e-2,), epochs=8), "laptop": Recipe(rates=(3e-3, 1e-2), epochs=30)}
_TUNED = {"smoke": Recipe(rates=(1e-2,), epochs=2), "laptop": Recipe(rates=(5e-4, 1e-2), epochs=10)}
_SEED = 0
_MNIST_WIDTHS = {"smoke": (DATA_TYPE_BOUND, 11, 9), "laptop": range(8, DATA_TYPE_BOUND + 1)}
# None is the exact width. The narrowest are the narrowest registers that still hold each single product.
_LAYER_WIDTHS = {
    "smoke": {"INT8": (None, 16), "E4M3": (None,)},
    "laptop": {"INT8": (None, 18, 17, 16, 15), "E4M3": (None, 40, 39, 38, 37)},
}
_IMAGES = {"smoke": (2, 1), "laptop": (10, 4)}
"""How many of foolbox's images set the activation scales, and how many others run."""


def _grid(scale: str) -> list[dict]:
    return [{"network": MNIST}, *({"network": EFFICIENTNET, "a": name} for name in _LAYER_WIDTHS[scale])]


def _compute(points: list[dict], scale: str) -> list[dict]:
    """Raises AssertionError if the hardware differs from Brevitas where it must not."""
    rows = []
    for point in points:
        rows += _mnist_rows(scale) if point["network"] == MNIST else _layer_rows(point["a"], scale)
    return rows


@dataclass(frozen=True)
class _Layer:
    """What runs: codes of shapes that broadcast, (..., k), and what Brevitas makes of them, in units of acc."""

    a_codes: np.ndarray
    b_codes: np.ndarray
    exact: np.ndarray
    """int64: Brevitas' integers, exact."""
    float32: np.ndarray
    """float64: what Brevitas' layer gives in float32 arithmetic, its scales divided out."""


def _mnist_rows(scale: str) -> list[dict]:
    digits = mnist.load()
    parent = training.plain(digits, _PLAIN[scale], _SEED)
    heirs = {net.accumulator_bits: net
             for net in training.descend("a2q", parent, _MNIST_WIDTHS[scale], digits, _TUNED[scale], _SEED)}
    macs = [Mac(parse(PIXEL), parse(WEIGHT), digits.test.images.shape[1], p) for p in heirs]
    rows = []
    for unit in build([(mac, VARIANT) for mac in macs]):
        p = unit.design.acc_bits
        for weights, net in (("plain", parent), ("a2q", heirs[p])):
            row, values = _run(unit, _mnist_layer(net, digits.test.images), must_equal=weights == "a2q")
            right = net.logits(values).argmax(axis=1) == digits.test.labels
            rows.append({"network": MNIST, "weights": weights, **row, "accuracy": 100 * right.mean(), "seed": _SEED})
    return rows


@torch.no_grad()
def _mnist_layer(net: OneLayer, images: np.ndarray) -> _Layer:
    """The test images against all ten classes. Brevitas' output without bias is its integers times their scale."""
    layer = copy.deepcopy(net.layer)
    layer.bias, layer.return_quant_tensor = None, True
    output = layer(net.binarise(torch.from_numpy(images).float()))
    return _Layer(parse(PIXEL).encode(images)[:, None], parse(WEIGHT).encode(net.integer_weights()),
                  output.int().numpy().astype(np.int64), (output.value.double() / output.scale.double()).numpy())


def _layer_rows(name: str, scale: str) -> list[dict]:
    fmt = parse(name)
    layer = _convolution(fmt, *_IMAGES[scale])
    k = layer.a_codes.shape[-1]
    rows = []
    for unit in build([(Mac(fmt, fmt, k, p), VARIANT) for p in _LAYER_WIDTHS[scale][name]]):
        row, _ = _run(unit, layer, must_equal=unit.design.acc_bits >= accumulators.exact_width(fmt, fmt, k))
        rows.append({"network": EFFICIENTNET, "weights": "ptq", **row, "accuracy": "", "seed": ""})
    return rows


@torch.no_grad()
def _convolution(fmt: Format, calibrated: int, run: int) -> _Layer:
    """EfficientNet-Lite0's LAYER on foolbox's images: every position against every output channel."""
    images = foolbox_images.load()
    batch, _ = next(images.batches(zoo.network(EFFICIENTNET).preprocessing, calibrated + run))
    model = quantize(zoo.network(EFFICIENTNET).load(), QuantizationRecipe.for_format(fmt), batch[:calibrated])
    layer, seen = model.get_submodule(LAYER), []
    layer.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    model(batch[calibrated:])
    inputs, outputs = seen[0]
    x, w = layer.input_quant(inputs), layer.quant_weight()
    a_codes, scale_a = _codes(x.value, x.scale, fmt)
    b_codes, scale_b = _codes(w.value, w.scale, fmt)
    a_codes = np.moveaxis(a_codes, 1, -1)[..., None, :]  # images, rows, columns, one, channels
    unit = fmt.min_subnormal ** 2
    exact = _steps(a_codes, fmt) @ _steps(b_codes[:, :, 0, 0], fmt).T
    without_bias = np.moveaxis((outputs - layer.bias.reshape(-1, 1, 1)).double().numpy(), 1, -1)
    return _Layer(a_codes, b_codes[:, :, 0, 0], exact[..., 0, :], without_bias / (scale_a * scale_b.reshape(-1)) / unit)


def _codes(values: torch.Tensor, scale: torch.Tensor, fmt: Format) -> tuple[np.ndarray, np.ndarray]:
    """The codes of Brevitas' quantized float32 tensor, and its scale in float64; the codes give back every value."""
    codes = fmt.encode((values.double() / scale.double()).numpy())
    if not torch.equal(torch.from_numpy(fmt.decode(codes)).float() * scale, values):
        raise AssertionError(f"Brevitas' tensor holds values that {fmt.name} lacks")
    return codes, scale.double().numpy()


def _steps(codes: np.ndarray, fmt: Format) -> np.ndarray:
    """Values in subnormal steps, int64."""
    return (fmt.decode(codes) / fmt.min_subnormal).astype(np.int64)


def _run(unit: Mapped, layer: _Layer, must_equal: bool) -> tuple[dict, np.ndarray]:
    """The row of one layer on one mapped MAC, without its own keys, and the registers.

    Raises AssertionError when a register is not Brevitas' integer modulo 2**P, which is a fault, or, where they
    `must_equal`, when it is not that integer.
    """
    mac = unit.design
    found = dot_products(unit.netlist, mac, layer.a_codes, layer.b_codes)
    wrong = found.values != layer.exact
    if ((found.values - layer.exact) % 2**mac.acc_bits).any() or (must_equal and wrong.any()):
        raise AssertionError(f"{mac.name}: {wrong.sum()} of {wrong.size} dot products differ from Brevitas' integers")
    off = abs(layer.float32 - layer.exact)
    return {
        "a": mac.a.name, "b": mac.b.name, "k": layer.a_codes.shape[-1], "p": mac.acc_bits,
        "dot_products": wrong.size, "wrong": int(wrong.sum()), "equal": int(not wrong.any()),
        "wrapped": int((found.wraps > 0).sum()), "wraps": found.wraps.mean(),
        "float32_wrong": int((np.rint(layer.float32) != layer.exact).sum()),
        "float32_error": off.max() / abs(layer.exact).max(), "n": wrong.size,
    }, found.values


EXPERIMENT = Experiment(
    name="rtl_loop",
    title="Dot products of two networks on the netlists of MACs, beside Brevitas",
    keys=("network", "weights", "a", "b", "k", "p"),
    metrics={"dot_products": 0, "wrong": 200, "equal": 0, "wrapped": 200, "wraps": 0.5, "accuracy": 4,
             "float32_wrong": 200, "float32_error": 1e-6},
    grid=_grid, compute=_compute, module=__name__,
    files=("data/manifests/packages.sha256", *RTL), recorded=True,
)
"""`wrong`: dot products whose register differs from Brevitas' exact integers; `equal`: 1 when none does. `wrapped`: those
whose register wrapped around on the way at least once; `wraps`: how often it did, a dot product on average. `float32_wrong`:
dot products of Brevitas' own float32 layer that, rounded to a unit of acc, are not exact; `float32_error`: its largest
distance from the exact sum, as a share of the largest sum. Training in float32 moves the counts of plain weights a little
from one processor to another (see `overflow`); those of A2Q weights stay zero."""

CHANCE = 10.0
_SERIES = {
    "plain": ("plain weights", {"color": OTHER_COLOURS[3], "marker": "v", "linestyle": ":"}),
    "a2q": ("A2Q weights, trained for P", {"color": OTHER_COLOURS[1], "marker": ">", "linestyle": "-"}),
}


def shares(rows: pd.DataFrame, metric: str = "wrong") -> pd.Series:
    """Per cent of a row's dot products that are `metric` ("wrong", "wrapped" or "float32_wrong")."""
    return 100 * rows[metric] / rows["dot_products"]


def _of(rows: pd.DataFrame, network: str, **keys) -> pd.DataFrame:
    chosen = rows[rows["network"] == network]
    for column, value in keys.items():
        chosen = chosen[chosen[column] == value]
    return chosen.sort_values("p")


@exhibit
def mnist_figure(rows: pd.DataFrame) -> Figure:
    """Accuracy with the hardware's sums, and the share of sums that are wrong, against accumulator width."""
    shown = _of(rows, MNIST)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
    for weights, (label, style) in _SERIES.items():
        line = _of(rows, MNIST, weights=weights)
        left.plot(line["p"], line["accuracy"], label=label, **style)
        right.plot(line["p"], shares(line), **style)
    left.axhline(CHANCE, color="#777777", linewidth=0.8)
    left.annotate("chance", (shown["p"].max(), CHANCE), xytext=(0, 4), textcoords="offset points", ha="right", color="#555555")
    left.set(ylabel="test accuracy (%)", ylim=(0, 100))
    right.set(ylabel="wrong dot products (%)")
    for axis in (left, right):
        axis.set(xlabel="accumulator width P (bits)", xticks=sorted(shown["p"].unique()))
    left.legend(loc="center right")
    plain = _of(rows, MNIST, weights="plain")
    low, high = plain.iloc[0], plain.iloc[-1]
    return Figure(
        f"{shown['dot_products'].max():,} dot products of {shown['k'].max()} products on the mapped netlist of an integer MAC, "
        "for each width and network: one layer, binarised MNIST. Left: accuracy with what the registers hold. Right: registers "
        "that differ from Brevitas' integers.",
        rows=shown, figure=figure,
        alt=f"Two panels against accumulator width. Plain weights: {shares(plain).iloc[0]:.0f} per cent of the sums are wrong "
            f"at {low['p']} bits and {shares(plain).iloc[-1]:.0f} at {high['p']}; accuracy goes from {low['accuracy']:.0f} to "
            f"{high['accuracy']:.0f} per cent. A2Q weights: no sum is wrong at any width, and accuracy declines slowly.")


@exhibit
def layer_figure(rows: pd.DataFrame) -> Figure:
    """Share of wrong dot products of the convolution against the bits taken from the exact width."""
    shown = _of(rows, EFFICIENTNET)
    figure, axis = plt.subplots()
    spoken = []
    for name, line in shown.groupby("a", sort=False):
        kind, exact = parse(name).kind, line["p"].max()
        axis.plot(exact - line["p"], shares(line), color=COLOURS[kind], marker=MARKERS[kind], linestyle=LINES[kind],
                  label=f"{name}, exact in {exact} bits")
        wrong = shares(line)
        spoken.append(f"{name} {wrong.iloc[-1]:.0f} per cent at {exact} bits and {wrong.iloc[0]:.0f} at {line['p'].min()}")
    axis.set(xlabel="bits below the exact width", ylabel="wrong dot products (%)")
    axis.legend()
    return Figure(
        f"{shown['dot_products'].max():,} dot products of {shown['k'].max()} products on mapped netlists: EfficientNet-Lite0's "
        f"{LAYER}, quantized after training. The exact width holds the worst operands; this layer's sums leave bits to spare.",
        rows=shown, figure=figure,
        alt=f"Share of wrong dot products against bits taken away: {'; '.join(spoken)}.")


@exhibit
def table(rows: pd.DataFrame) -> Table:
    """Every network and width: how many dot products ran, wrapped and came out wrong."""
    order = {"a2q": 0, "plain": 1, "ptq": 2}
    shown = rows.assign(place=rows["weights"].map(order), negative=-rows["p"]).sort_values(
        ["network", "place", "a", "negative"], ascending=[False, True, False, True])
    names = {"network": "network", "weights": "weights", "a": "a", "b": "b", "k": "k", "p": "P", "dot_products": "dot products",
             "wrapped": "wrapped", "wrong": "wrong", "accuracy": "accuracy (%)", "float32_wrong": "float32 wrong"}
    counts = dict.fromkeys(("dot products", "wrapped", "wrong", "float32 wrong"), "{:,.0f}")
    return Table("Dot products on mapped netlists, compared with Brevitas' integers. Wrapped: the register wrapped around on "
                 "the way, and may have come back. Float32 wrong: Brevitas' own float32 layer, rounded to a unit of the "
                 "accumulator, is not exact.",
                 rows=rows, frame=shown[list(names)].rename(columns=names), formats=counts | {"accuracy (%)": "{:.1f}"})


def hardware_equals_brevitas(rows: pd.DataFrame) -> Verdict:
    """A2Q guarantees that no overflow happens at its width: on the netlist, every dot product equals Brevitas' integers.

    Reproduced when no A2Q network has a wrong or wrapped dot product, and plain weights have at some of the same widths
    (without that the widths would not have been narrow enough to show anything).
    """
    a2q, plain = _of(rows, MNIST, weights="a2q"), _of(rows, MNIST, weights="plain")
    clean = len(a2q) > 0 and bool((a2q["wrong"] + a2q["wrapped"] == 0).all())
    broken = plain[plain["wrong"] > 0]
    overflow = (f"plain weights differ from {int(broken['p'].max())} bits down, at {int(broken['p'].min())} bits in "
                f"{shares(broken).iloc[0]:.1f} %" if len(broken) else "plain weights do not differ either")
    return judge(clean and len(broken) > 0, clean,
                 f"{a2q['dot_products'].sum():,.0f} dot products of A2Q networks at {len(a2q)} widths on the netlist: "
                 f"{a2q['wrong'].sum():,.0f} differ from Brevitas, {a2q['wrapped'].sum():,.0f} wrap; {overflow}.")
