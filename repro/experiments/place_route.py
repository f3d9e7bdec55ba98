"""How fast a multiply-accumulate unit runs once it is placed and routed, format by format and seed by seed.

Place and route starts from a random placement, so one number is a draw, not a property: each MAC is placed five times.
"""

import matplotlib.pyplot as plt
import pandas as pd

from hw import place
from hw.generate import Mac
from repro.exhibits import COLOURS, MARKERS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.mac_rows import RTL
from repro.formats import parse

DOT_PRODUCT = 4608
"""As in the experiment `mac`."""
FORMATS = {
    "smoke": ("INT3", "E1M1"),
    "laptop": ("INT3", "E1M1", "INT4", "E2M1", "INT6", "E2M3", "E3M2", "INT8", "E2M5", "E3M4", "E4M3", "E5M2"),
}
SEEDS = {"smoke": (1, 2), "laptop": (1, 2, 3, 4, 5)}
STYLES = {"default": "none", "carry-rows": "bottom", "rewritten": "full"}
"""How much of a marker is filled."""


def _grid(scale: str) -> list[dict]:
    return [{"a": name, "b": name, "k": DOT_PRODUCT, "variant": variant}
            for name in FORMATS[scale] for variant in place.VARIANTS]


def _compute(points: list[dict], scale: str) -> list[dict]:
    rows = []
    for point in points:
        mac = Mac(parse(point["a"]), parse(point["b"]), int(point["k"]))
        rows += [{**point, "placement": placed.seed, "mhz": round(placed.mhz, 2), "wires": round(placed.wires, 3),
                  "comb": placed.comb, "ff": placed.ff, "n": 1, "seed": placed.seed}
                 for placed in place.place(mac, point["variant"], SEEDS[scale])]
    return rows


EXPERIMENT = Experiment(
    name="place_route",
    title="Clock frequency of a MAC after place and route on ECP5",
    keys=("a", "b", "k", "variant", "placement"),
    metrics={"mhz": 0.01, "wires": 0.001, "comb": 0, "ff": 0},
    grid=_grid, compute=_compute, module=__name__, files=RTL, recorded=True,
    lacks=place.lacking,
)
"""`placement`: nextpnr's seed; `mhz`: highest clock; `wires`: their share of the slowest path; `comb`, `ff`: cells."""


def spread(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a format (narrowest first, as the grid has them) and variant: median, min, max of mhz; wires, comb, ff."""
    square = rows[rows["a"] == rows["b"]]
    order = list(FORMATS["laptop"])
    frame = square.groupby(["a", "variant"]).agg(median=("mhz", "median"), min=("mhz", "min"), max=("mhz", "max"),
                                                 wires=("wires", "median"), comb=("comb", "first"), ff=("ff", "first"),
                                                 placements=("mhz", "size")).reset_index()
    places = [(order.index(name), place.VARIANTS.index(variant)) for name, variant in zip(frame["a"], frame["variant"])]
    return frame.iloc[sorted(range(len(frame)), key=places.__getitem__)].reset_index(drop=True)


@exhibit
def strips(rows: pd.DataFrame) -> Figure:
    """Every placement as a dot, the median of each MAC as a line through its dots."""
    table = spread(rows)
    names = list(dict.fromkeys(table["a"]))
    figure, axis = plt.subplots(figsize=(9.6, 4.2))
    for _, line in table.iterrows():
        kind, variant = parse(line["a"]).kind, line["variant"]
        centre = names.index(line["a"]) + 0.3 * (place.VARIANTS.index(variant) - 1)
        same = (rows["a"] == line["a"]) & (rows["b"] == line["a"]) & (rows["variant"] == variant)
        mhz = rows[same]["mhz"].sort_values()
        across = [centre + 0.045 * (i - (len(mhz) - 1) / 2) for i in range(len(mhz))]  # side by side, slowest first
        axis.plot(across, mhz, MARKERS[kind], color=COLOURS[kind], markersize=4.5, fillstyle=STYLES[variant])
        axis.hlines(line["median"], centre - 0.14, centre + 0.14, color="#333333", linewidth=1.4)
    for variant, style in STYLES.items():
        axis.plot([], [], "D", color="#555555", fillstyle=style, markersize=5, label=variant)
    for kind in ("integer", "minifloat"):
        axis.plot([], [], MARKERS[kind], color=COLOURS[kind], label=kind)
    axis.plot([], [], color="#333333", label="median")
    for index, (left, right) in enumerate(zip(names, names[1:])):
        if parse(left).bits != parse(right).bits:
            axis.axvline(index + 0.5, color="#cccccc", linewidth=0.8)  # formats of different widths apart
    axis.set_xticks(range(len(names)), names)
    axis.set(ylabel="highest clock (MHz)", ylim=(0, None))
    axis.grid(axis="x", visible=False)
    axis.legend(ncols=3, fontsize=9)
    spoken = "; ".join(f"{name} {_medians(table, name)}" for name in names)
    return Figure(f"Highest clock of one multiply-accumulate unit between registers, {place.DEVICE}, no DSP, exact sums of "
                  f"{DOT_PRODUCT:,} products. A dot is one placement from one seed. Each format from left to right: hollow, "
                  "Yosys chooses the multiplier; half filled, one carry chain per multiplier bit; filled, Verilog written for "
                  "LUTs of six inputs, which this device lacks. Vertical lines part the widths. Another device and flow than "
                  "the paper's.",
                  rows=rows, figure=figure,
                  alt=f"Strips of dots by format; median MHz of {', '.join(place.VARIANTS)}: {spoken}.")


def _medians(table: pd.DataFrame, name: str) -> str:
    return ", ".join(f"{value:.0f}" for value in table[table["a"] == name]["median"])


@exhibit
def mhz_table(rows: pd.DataFrame) -> Table:
    """Median and extremes of each MAC, its cells, and how much of the slowest path is wire."""
    names = {"a": "format", "variant": "variant", "comb": "LUT4", "ff": "FF", "median": "MHz, median", "min": "min",
             "max": "max", "wires": "wires, % of the path", "placements": "placements"}
    table = spread(rows).assign(wires=lambda frame: 100 * frame["wires"])
    numbers = dict.fromkeys(("LUT4", "FF", "wires, % of the path"), "{:.0f}")
    numbers |= dict.fromkeys(("MHz, median", "min", "max"), "{:.1f}")
    return Table(f"After place and route, {place.DEVICE}, no DSP. Rewritten: the tuned Verilog as Yosys maps it; our tuned "
                 "mapping counts a Xilinx device's LUTs and means nothing here. LUT4: four-input LUTs, those of carry chains "
                 "included. FF: the registers in front of the MAC included. Wires: their share of the slowest path's delay, "
                 "median.",
                 rows=rows, frame=table[list(names)].rename(columns=names), formats=numbers)
