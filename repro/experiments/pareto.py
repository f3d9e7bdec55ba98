"""Accuracy against LUTs: the one picture that joins the network to the silicon."""

import matplotlib.pyplot as plt
import pandas as pd

from repro.exhibits import COLOURS, MARKERS, Figure, Table, exhibit
from repro.experiments.mac_rows import DEFAULT, TUNED
from repro.experiments.sqnr import network_output
from repro.experiments.verdict import Verdict, judge
from repro.formats import parse


def join(accuracy: pd.DataFrame, metric: str, macs: pd.DataFrame, variant: str = TUNED) -> pd.DataFrame:
    """One row a format that has both: `format`, `kind`, `metric` and `lut` of a MAC of the format with itself.

    Signed activations, as the MACs have. `metric` is a column of `accuracy`.
    """
    signed = accuracy[accuracy["activations"] == "signed"]
    square = macs[(macs["a"] == macs["b"]) & (macs["variant"] == variant)]
    frame = signed.merge(square[["a", "lut"]], left_on="format", right_on="a")[["format", metric, "lut"]]
    return frame.assign(kind=[parse(name).kind for name in frame["format"]]).sort_values("lut", ignore_index=True)


def frontier(points: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The Pareto-optimal points: no other has at least the metric for at most the LUTs, and is better in one of them."""
    def beaten(point):
        others = points.drop(point.name)
        no_worse = (others[metric] >= point[metric]) & (others["lut"] <= point["lut"])
        better = (others[metric] > point[metric]) | (others["lut"] < point["lut"])
        return (no_worse & better).any()

    return points[~points.apply(beaten, axis=1)]


def integer_stays_pareto_optimal(accuracy: pd.DataFrame, macs: pd.DataFrame) -> Verdict:
    """Claim: with LUT cost counted, integer quantization often stays Pareto-optimal (top-1 against LUTs).

    Decided with both kinds tuned: reproduced when at least half of the front are integers, partly when any is.
    """
    fronts = {variant: frontier(join(accuracy, "top1", macs, variant), "top1") for variant in (TUNED, DEFAULT)}
    integers = {variant: int((front["kind"] == "integer").sum()) for variant, front in fronts.items()}
    sentences = [f"{variant}, {integers[variant]} of {len(front)} Pareto-optimal formats are integers "
                 f"({', '.join(front['format'])})" for variant, front in fronts.items() if len(front)]
    return judge(2 * integers[TUNED] >= len(fronts[TUNED]), integers[TUNED] > 0,
                 f"Top-1 against LUTs: {'; '.join(sentences)}.")


def _scatter(points: pd.DataFrame, metric: str, label: str) -> plt.Figure:
    figure, axis = plt.subplots()
    best = frontier(points, metric).sort_values("lut")
    axis.step(best["lut"], best[metric], where="post", color="#333333", linewidth=0.9, label="Pareto front")
    for kind, group in points.groupby("kind"):
        axis.plot(group["lut"], group[metric], linestyle="none", marker=MARKERS[kind], markersize=8, color=COLOURS[kind], label=kind)
    for _, point in points.iterrows():
        up = point["kind"] == "integer"  # labels of neighbours of different kinds go to different sides
        axis.annotate(point["format"], (point["lut"], point[metric]), xytext=(-6, 7) if up else (6, -13),
                      ha="right" if up else "left", textcoords="offset points", color=COLOURS[point["kind"]])
    axis.set(xlabel="LUTs of one multiply-accumulate unit", ylabel=label)
    axis.margins(x=0.18, y=0.12)
    axis.legend(loc="lower right")
    return figure


@exhibit
def top1_figure(accuracy: pd.DataFrame, macs: pd.DataFrame) -> Figure:
    """Top-1 of EfficientNet-Lite0 against the LUTs of a MAC, format by format."""
    points = join(accuracy, "top1", macs)
    return Figure(
        "Top-1 on 1,000 ImageNet images against LUTs. EfficientNet-Lite0, calibration only; LUTs of a MAC for exact sums of "
        "4,608 products, UltraScale+ by open synthesis, tuned. Another network and FPGA family than the paper's.",
        rows=pd.concat([accuracy, macs]), figure=_scatter(points, "top1", "top-1 (%)"),
        alt="Scatter plot of accuracy against LUTs: " + "; ".join(
            f"{p.format} {p.top1:.0f} % at {p.lut:.0f} LUTs" for p in points.itertuples()) + ".")


@exhibit
def sqnr_figure(noise: pd.DataFrame, macs: pd.DataFrame) -> Figure:
    """SQNR of EfficientNet-Lite0's logits against the LUTs of a MAC, format by format; needs no data set."""
    points = join(network_output(noise), "output_db", macs)
    return Figure(
        "SQNR of the logits (20 images) against LUTs, from pip packages alone. EfficientNet-Lite0; UltraScale+ by open synthesis, "
        "tuned: another network and FPGA family than the paper's.",
        rows=pd.concat([network_output(noise), macs]), figure=_scatter(points, "output_db", "SQNR of the logits (dB)"),
        alt="Scatter plot of SQNR against LUTs: " + "; ".join(
            f"{p.format} {p.output_db:.1f} dB at {p.lut:.0f} LUTs" for p in points.itertuples()) + ".")


@exhibit
def table(accuracy: pd.DataFrame, noise: pd.DataFrame, macs: pd.DataFrame) -> Table:
    """Accuracy, SQNR and LUTs of each format, and whether it is on the Pareto front."""
    points = join(accuracy, "top1", macs)
    frame = points.merge(join(network_output(noise), "output_db", macs)[["format", "output_db"]], on="format")
    frame["front"] = ["yes" if name in set(frontier(points, "top1")["format"]) else "no" for name in frame["format"]]
    frame = frame[["format", "kind", "lut", "top1", "output_db", "front"]]
    frame.columns = ["format", "kind", "LUTs", "top-1 %", "logits dB", "Pareto-optimal (top-1)"]
    return Table("The points of both pictures. EfficientNet-Lite0; UltraScale+ by open synthesis, tuned: another network and "
                 "FPGA family than the paper's.", rows=pd.concat([accuracy, noise, macs]), frame=frame,
                 formats={"LUTs": "{:.0f}", "top-1 %": "{:.1f}", "logits dB": "{:.1f}"})
