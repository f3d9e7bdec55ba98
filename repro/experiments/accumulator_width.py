"""Pictures of an accumulator's width: where its bits come from, and what a mapped register holds product by product."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hw.loop import dot_products
from hw.synth import Mapped
from repro import accumulators
from repro.exhibits import COLOURS, LINES, MARKERS, OTHER_COLOURS, Figure, band, exhibit
from repro.experiments import rtl_loop
from repro.experiments.mac_rows import DOT_PRODUCT
from repro.formats import parse

FORMATS = ("INT8", "E4M3", "E5M2", "INT6", "E3M2", "INT4", "E2M1")


def parts(name: str, k: int = DOT_PRODUCT) -> dict[str, int]:
    """The exact width of a format times itself, by what its bits are for: "one product", "the sum" (of k), "sign"."""
    fmt = parse(name)
    one, all_of_them = (accumulators.exact_width(fmt, fmt, n) for n in (1, k))
    return {"one product": one - 1, "the sum": all_of_them - one, "sign": 1}


@exhibit
def register_map(names: tuple[str, ...] = FORMATS, k: int = DOT_PRODUCT) -> Figure:
    """The bits of the accumulator of each format times itself, least significant on the left, and the paper's width."""
    figure, axis = plt.subplots(figsize=(6.8, 0.9 + 0.42 * len(names)))
    shades = {"one product": (1.0, ""), "the sum": (0.45, "////"), "sign": (0.15, "")}
    spoken = []
    for place, name in enumerate(names):
        fmt, start = parse(name), 0
        for part, bits in parts(name, k).items():
            alpha, hatch = shades[part]
            axis.barh(place, bits, left=start, color=COLOURS[fmt.kind], alpha=alpha, hatch=hatch, edgecolor="white",
                      height=0.6)
            start += bits
        axis.barh(place, start, fill=False, edgecolor=COLOURS[fmt.kind], height=0.6)
        paper = accumulators.paper_width(fmt, fmt, k)
        axis.plot([paper], [place], marker="|", markersize=16, color="#222222", linestyle="none")
        axis.annotate(f"{start} bits", (max(start, paper), place), xytext=(6, 0), textcoords="offset points", va="center")
        spoken.append(f"{name} {start} bits, of which {' and '.join(f'{b} for {p}' for p, b in parts(name, k).items())}")
    for part, (alpha, hatch) in shades.items():
        axis.barh(0, 0, color="#555555", alpha=alpha, hatch=hatch, edgecolor="white", label=part)
    axis.plot([], [], marker="|", markersize=12, color="#222222", linestyle="none", label="closed form")
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set(xlabel="bits of the register, least significant first")
    axis.margins(x=0.12)
    axis.grid(axis="y", visible=False)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=4)
    return Figure(f"What each bit of an exact accumulator is for, {k:,} products of a format times itself. Strokes: the closed "
                  "form of the paper.", figure=figure, alt=f"Horizontal bars: {'; '.join(spoken)}.")


def states(unit: Mapped, a_codes: np.ndarray, b_codes: np.ndarray) -> np.ndarray:
    """The register after each of k products, (k,), in units of acc; `a_codes`, `b_codes`: integers (k,).

    Run on the netlist, all at once: dot product t is the first t products, followed by zeros, which add nothing.
    """
    begun = np.tri(len(a_codes), dtype=bool)
    return dot_products(unit.netlist, unit.design, np.where(begun, a_codes, 0), b_codes).values


def exact_sums(unit: Mapped, a_codes: np.ndarray, b_codes: np.ndarray) -> np.ndarray:
    """The exact sum after each of k products: Python ints (k,), in units of acc (wide exponents go beyond int64)."""
    a, b = (np.array([int(v) for v in fmt.decode(codes) / fmt.min_subnormal], object)
            for fmt, codes in ((unit.design.a, a_codes), (unit.design.b, b_codes)))
    return np.cumsum(a * b)


@exhibit
def register_trace(units: list[Mapped], a_codes: np.ndarray, b_codes: np.ndarray) -> Figure:
    """What the register of each mapped MAC holds after every product, beside the exact sum; a panel a MAC."""
    figure, axes = plt.subplots(1, len(units), figsize=(4.3 * len(units), 3.6), sharey=True, squeeze=False)
    spoken = []
    for unit, axis in zip(units, axes[0]):
        mac, exact, held = unit.design, exact_sums(unit, a_codes, b_codes), states(unit, a_codes, b_codes)
        kind, steps, limit = mac.a.kind, np.arange(1, len(exact) + 1), 2 ** (mac.acc_bits - 1)
        few = len(exact) <= 60
        axis.axhspan(-limit, limit - 1, color="#eeeeee", zorder=0)
        axis.plot(steps, exact.astype(float), color=COLOURS["float"], linewidth=2.5, alpha=0.5, label="exact sum")
        axis.plot(steps, held.astype(float), color=COLOURS[kind], marker=MARKERS[kind] if few else "", markersize=4,
                  linestyle=LINES[kind] if few else "-", linewidth=1.2, label="register")
        how = "saturates" if mac.saturate else "wraps around"
        axis.set(title=f"{mac.a.name}, {mac.acc_bits} bits, {how}", xlabel="products added")
        off = np.flatnonzero(held != exact)
        story = (f"first leaves the exact sum at product {off[0] + 1} and ends at {held[-1]:,}, where the exact sum is "
                 f"{exact[-1]:,}" if len(off) else "follows the exact sum to its end")
        spoken.append(f"{mac.a.name} in {mac.acc_bits} bits, which {how}: the register {story}")
    axes[0][0].set(ylabel="units of acc")
    axes[0][0].legend(loc="best")
    return Figure("Registers of mapped netlists, product by product, beside the exact sum. Grey band: what the register can "
                  "hold.", figure=figure, alt=f"The register against the number of products added. {'; '.join(spoken)}.")


@exhibit
def came_back(rows: pd.DataFrame) -> Figure:
    """From the rows of `rtl_loop`: dot products of plain weights whose register wrapped, and those that end wrong."""
    plain = rows[(rows["network"] == rtl_loop.MNIST) & (rows["weights"] == "plain")].sort_values("p")
    wrapped, wrong = rtl_loop.shares(plain, "wrapped"), rtl_loop.shares(plain)
    figure, axis = plt.subplots()
    axis.plot(plain["p"], wrapped, color=OTHER_COLOURS[0], marker="o", linestyle="--", markerfacecolor="white",
              label="wrapped on the way")
    axis.plot(plain["p"], wrong, color=OTHER_COLOURS[3], marker="v", label="wrong at the end")
    band(axis, plain["p"], wrong, wrapped, color=OTHER_COLOURS[1], label="wrapped, and came back")
    axis.set(xlabel="accumulator width P (bits)", ylabel="dot products (%)", xticks=sorted(plain["p"].unique()))
    axis.legend()
    most = (wrapped - wrong).idxmax()
    return Figure(f"{plain['dot_products'].max():,} dot products of plain weights on the mapped netlist, for each width. The "
                  "band: the register left its range, and the final sum is right all the same.", rows=plain, figure=figure,
                  alt="Two falling lines against accumulator width; the share that wrapped lies above the share that ends "
                      f"wrong, most at {plain.loc[most, 'p']} bits: {wrapped[most]:.0f} per cent wrapped, {wrong[most]:.0f} "
                      "are wrong.")
