"""Signal-to-quantization-noise ratio of every format on textbook distributions: by integration, and on drawn samples.

Every law has mean 0 and standard deviation 1. The scale is fixed by the *clip*, the magnitude (in standard deviations)
that lands on the format's largest magnitude. The rule `best` takes the clip with the least squared error; what lies beyond
saturates. The rules `max of N` stand for an abs-max scale over N values: the clip is the magnitude that one of N values
exceeds, and the law is cut there, because beyond the largest value there is nothing.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import optimize

from repro.exhibits import COLOURS, LINES, MARKERS, OTHER_COLOURS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.moments import LAWS, Law, Moments, decibels, largest, squared_error
from repro.formats import Format, Integer, catalogue, parse

RULES = {"best": None, "max of 2^4": 2**4, "max of 2^10": 2**10, "max of 2^20": 2**20}
"""Scale rule -> over how many values the maximum is taken: a depthwise channel has about 2^4 weights, a 1x1 channel up to
2^10, an activation tensor 2^20 values.
"""
TIE = 0.1
"""Formats closer than this many decibels count as equal."""
SAMPLES = {"smoke": 2**12, "laptop": 2**18}
SEED = 0
CLIPS = 2.0 ** np.arange(-2, 20, 1 / 16)
"""Where the search for the best clip begins: a minifloat's error has a local minimum in nearly every octave."""


def _grid(scale: str) -> list[dict]:
    names = [fmt.name for fmt in catalogue()] if scale == "laptop" else ["INT4", "E2M1"]
    laws = LAWS if scale == "laptop" else ("uniform", "gaussian")
    return [{"distribution": law, "format": name} for law in laws for name in names]


def _compute(batch: list[dict], scale: str) -> list[dict]:
    return [point | {"rule": rule} | _measure(LAWS[point["distribution"]], parse(point["format"]), rule, SAMPLES[scale])
            for point in batch for rule in RULES]


def _measure(law: Law, fmt: Format, rule: str, n: int) -> dict:
    clip = best_clip(law, fmt) if rule == "best" else law.largest_of(RULES[rule])
    moments, drawn = law, _drawn(law.name, n)
    if rule != "best":
        moments, drawn = law.within(clip), drawn[np.abs(drawn) <= clip]
    power = float(moments(np.array(np.inf))[2])
    step = clip / largest(fmt)
    signal, noise = drawn**2, (fmt.round(drawn / step) * step - drawn) ** 2
    ratio = noise.mean() / signal.mean()
    spread = np.std(noise - ratio * signal) / signal.mean() / np.sqrt(len(drawn))  # of a ratio of means
    return {"clip": clip, "crest_db": 20 * float(np.log10(clip / np.sqrt(power))),
            "analytic_db": decibels(float(error(moments, fmt, clip)) / power), "empirical_db": decibels(ratio),
            "sampling_db": 10 / np.log(10) * spread / ratio, "n": len(drawn), "seed": SEED}


@cache
def _drawn(law: str, n: int) -> np.ndarray:
    return LAWS[law].sample(n, SEED)


EXPERIMENT = Experiment(
    name="distributions",
    title="Signal-to-quantization-noise ratio on textbook distributions",
    keys=("distribution", "format", "rule"),
    metrics={"clip": "1%", "crest_db": 0.1, "analytic_db": 0.001, "empirical_db": 0.01, "sampling_db": "5%"},
    grid=_grid, compute=_compute, module=__name__, batch=27,
)
"""`clip` in standard deviations, `crest_db` the same in decibels of what is left after the cut. `sampling_db`: one
standard error of `empirical_db`, from the samples themselves (the delta method).
"""


def error(moments: Moments, fmt: Format, clip) -> np.ndarray:
    """Mean squared error of rounding to the format, for clips of any shape (they lie on the format's largest magnitude)."""
    return squared_error(moments, np.asarray(clip)[..., None] / largest(fmt) * fmt.values())


def best_clip(law: Law, fmt: Format) -> float:
    """The clip with the least squared error: the best of CLIPS, refined; the smallest one where several are as good."""
    errors = error(law, fmt, CLIPS)
    start = np.flatnonzero(errors <= errors.min() * 1.0001)[0]
    bounds = np.log2(CLIPS[[max(start - 1, 0), min(start + 1, len(CLIPS) - 1)]])
    found = optimize.minimize_scalar(lambda octave: float(error(law, fmt, 2.0**octave)), bounds=bounds, method="bounded",
                                     options={"xatol": 1e-7})
    return float(2.0**found.x) if found.fun < errors[start] else float(CLIPS[start])


def best_db(law: Law, fmt: Format) -> float:
    """The analytic SQNR (dB) at the best clip."""
    return decibels(float(error(law, fmt, best_clip(law, fmt))))


def exponent_bits(name: str) -> int:
    """Of a format's name; 0 for an integer."""
    fmt = parse(name)
    return 0 if isinstance(fmt, Integer) else fmt.exponent_bits


def ranked(rows: pd.DataFrame, group: list[str], metric: str) -> pd.DataFrame:
    """The rows with `bits`, `exponent` (0 for integers), and `loss`: dB behind the best format of the same width in the
    same group.
    """
    rows = rows.assign(bits=[parse(name).bits for name in rows["format"]], exponent=[exponent_bits(n) for n in rows["format"]])
    return rows.assign(loss=rows.groupby([*group, "bits"])[metric].transform("max") - rows[metric])


def winners(rows: pd.DataFrame, group: list[str], metric: str) -> pd.DataFrame:
    """One row a group and width: the best `format`, its `exponent`, its metric, the `runner_up` and the `lead` in dB."""
    ordered = ranked(rows, group, metric).sort_values([*group, "bits", "loss"], kind="stable")
    keys = [*group, "bits"]
    first = ordered.groupby(keys, as_index=False).nth(0)
    second = ordered.groupby(keys, as_index=False).nth(1)[[*keys, "format", "loss"]]
    return first.drop(columns="loss").merge(second.rename(columns={"format": "runner_up", "loss": "lead"}), on=keys)


@exhibit
def loss_maps(rows: pd.DataFrame, rule: str = "best") -> Figure:
    """How far each format is behind the best of its width, distribution by distribution; a map a width."""
    shown = ranked(rows[rows["rule"] == rule], ["distribution"], "analytic_db")
    figure, axes = plt.subplots(2, 3, figsize=(9.6, 5.6), sharey=True, width_ratios=[5, 6, 7])
    order = [axes[0, 0], axes[0, 1], axes[0, 2], axes[1, 0], axes[1, 1], axes[1, 2]]
    outlined = []
    for axis, bits in zip(order, sorted(shown["bits"].unique())):
        loss = shown[shown["bits"] == bits].pivot(index="distribution", columns="exponent", values="loss").reindex(list(LAWS))
        draw_losses(axis, loss, [split_name(bits, e) for e in loss.columns])
        axis.set_title(f"{bits} bits")
        axis.set_yticks(range(len(LAWS)), [LAWS[name].label for name in loss.index])
        best = dict.fromkeys(split_name(bits, e) for e in loss.idxmin(axis=1))  # in order, each once
        outlined.append(f"{bits} bits: {', then '.join(best)}")
    return Figure(
        f"Decibels lost against the best format of the same width (outlined), lightest tails on top. Analytic, {_said(rule)}.",
        rows=shown, figure=figure,
        alt="Maps of formats against laws, one a width. The outlined best format, from the uniform law on top down to the "
            f"heaviest tails, {_said(rule)}. {'; '.join(outlined)}.")


def _said(rule: str) -> str:
    return "every format at its best scale" if rule == "best" else f"scale from the largest of {RULES[rule]:,} values"


def split_name(bits: int, exponent: int) -> str:
    """The name of the format of this width with so many exponent bits; 0 means the integer."""
    return f"INT{bits}" if exponent == 0 else f"E{exponent}M{bits - 1 - exponent}"


def draw_losses(axis: plt.Axes, loss: pd.DataFrame, columns: list[str]) -> None:
    """A map of losses (dB), dark where much is lost; each cell says its number, and the best of each row is outlined."""
    axis.imshow(loss, cmap="Greys", vmin=0, vmax=12, aspect="auto")
    for y, line in enumerate(loss.to_numpy()):
        for x, value in enumerate(line):
            best = value == line.min()
            axis.text(x, y, f"{value:.1f}" if value < 9.95 else f"{value:.0f}", ha="center", va="center", fontsize=8,
                      color="white" if value > 7 else "black", fontweight="bold" if best else "normal")
            if best:
                axis.add_patch(plt.Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, linewidth=2.2,
                                             edgecolor=COLOURS[parse(columns[x]).kind]))
    axis.set_xticks(range(len(columns)), columns, fontsize=8)
    axis.grid(visible=False)


@exhibit
def agreement(rows: pd.DataFrame) -> Figure:
    """Empirical minus analytic SQNR, distribution by distribution."""
    figure, axis = plt.subplots(figsize=(7.2, 3.4))
    shown = rows[rows["rule"] == "best"]
    for x, name in enumerate(LAWS):
        mine = shown[shown["distribution"] == name].set_index("format").loc[[fmt.name for fmt in catalogue()]].reset_index()
        places = x + np.linspace(-0.35, 0.35, len(mine))
        for kind in ("integer", "minifloat"):
            chosen = np.array([parse(f).kind == kind for f in mine["format"]])
            axis.errorbar(places[chosen], (mine["empirical_db"] - mine["analytic_db"])[chosen], mine["sampling_db"][chosen],
                          fmt=MARKERS[kind], color=COLOURS[kind], markersize=3, elinewidth=0.8, label=kind if x == 0 else None)
    axis.axhline(0, color="#333333", linewidth=0.8)
    axis.set_xticks(range(len(LAWS)), [law.label.replace("Student ", "") for law in LAWS.values()], fontsize=9)
    axis.set_ylabel("empirical − analytic (dB)")
    axis.grid(axis="x", visible=False)
    axis.legend(loc="upper left")
    return Figure(
        f"{int(shown['n'].max()):,} samples against the integral, all 27 formats at their best scales; bars are one standard "
        "error. The formats of one law share their samples, so they move together.", rows=shown, figure=figure,
        alt="Six groups of 27 points with error bars. The first five lie about zero, with longer bars for heavier tails; most "
            "of those of Student's t with 3 degrees of freedom lie far above it.")


@exhibit
def table(rows: pd.DataFrame, rule: str = "best") -> Table:
    """The best format of each width for each distribution."""
    shown = rows[rows["rule"] == rule]
    best = winners(shown, ["distribution"], "analytic_db").set_index(["distribution", "bits"])
    frame = pd.DataFrame([
        {"data": law.label, "kurtosis": law.kurtosis} | {f"{bits} bits": _entry(best.loc[name, bits]) for bits in range(3, 9)}
        for name, law in LAWS.items()])
    return Table(f"The best format of each width and its SQNR in dB (analytic, {_said(rule)}). \"=\": the runner-up is less "
                 f"than {TIE} dB behind.", rows=shown, frame=frame, formats={"kurtosis": "{:g}"})


def _entry(best: pd.Series) -> str:
    tied = f" = {best['runner_up']}" if best["lead"] < TIE else ""
    return f"{best['format']}{tied} ({best['analytic_db']:.1f})"


@exhibit
def clip_figure(law: str = "gaussian", names: tuple[str, ...] = ("INT4", "E2M1", "INT8", "E4M3")) -> Figure:
    """Analytic SQNR against the clip: too small saturates, too large rounds coarsely."""
    figure, axis = plt.subplots()
    clips = 2.0 ** np.linspace(-1, 7, 400)
    for name in names:
        fmt = parse(name)
        curve = -10 * np.log10(error(LAWS[law], fmt, clips))
        axis.plot(clips, curve, LINES[fmt.kind], color=COLOURS[fmt.kind])
        best = best_clip(LAWS[law], fmt)
        axis.plot(best, best_db(LAWS[law], fmt), MARKERS[fmt.kind], color=COLOURS[fmt.kind])
        place = np.searchsorted(clips, 2.0 ** (4.5 if fmt.bits == 8 else 3.2))
        below = fmt.kind == "integer"
        axis.annotate(name, (clips[place], curve[place]), xytext=(-4, -3) if below else (3, 3), textcoords="offset points",
                      ha="right" if below else "left", va="top" if below else "bottom", color=COLOURS[fmt.kind])
    axis.axvline(LAWS[law].largest_of(2**20), color=OTHER_COLOURS[0], linestyle=":", linewidth=1)
    axis.annotate("largest of 2$^{20}$ values", (LAWS[law].largest_of(2**20), 1), xytext=(-4, 0), textcoords="offset points",
                  ha="right", color=OTHER_COLOURS[0], fontsize=9)
    axis.set_xscale("log", base=2)
    axis.set(xlabel="clip (standard deviations)", ylabel="SQNR (dB)", ylim=(0, None))
    return Figure(
        f"SQNR against the clip for {LAWS[law].label} data; the marker is the best clip. An integer needs the right scale, a "
        "minifloat with range to spare hardly minds.", figure=figure,
        alt="Four curves against the clip on a logarithmic axis. The integers' curves have a sharp peak and fall by about 6 dB "
            "an octave; the curve of E4M3 is flat over many octaves.")
