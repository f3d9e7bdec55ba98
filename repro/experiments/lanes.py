"""What a product costs in a lane: SIMD products a cycle, an adder tree and one accumulator. Every netlist is checked."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hw import check, lane
from hw.generate import Mac
from hw.synth import UNIT_COST, YOSYS_DEFAULT, synthesise
from repro.exhibits import COLOURS, LINES, MARKERS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.mac_rows import order
from repro.experiments.verdict import Verdict, judge
from repro.formats import parse

DOT_PRODUCT = 4608
"""Products of one sum in every lane: SIMD of them a cycle."""
SIMD = {"smoke": (1, 4), "laptop": (1, 4, 16)}
FORMATS = {"smoke": ("INT4", "E2M1"), "laptop": ("INT8", "E4M3", "INT6", "E3M2", "INT4", "E2M1")}
MAPPINGS = (YOSYS_DEFAULT, UNIT_COST)
BEST = UNIT_COST
MAC = 0
"""The column `simd` of a MAC, which has no lane around its one product."""


def _grid(scale: str) -> list[dict]:
    return [{"fmt": name, "k": DOT_PRODUCT, "simd": simd, "mapping": mapping}
            for mapping in MAPPINGS for name in FORMATS[scale] for simd in (MAC, *SIMD[scale])]


def _design(name: str, k: int, simd: int) -> Mac | lane.Lane:
    fmt = parse(name)
    return lane.Lane(fmt, fmt, k // simd, simd) if simd else Mac(fmt, fmt, k)


def _compute(points: list[dict], scale: str) -> list[dict]:
    jobs = [(_design(p["fmt"], int(p["k"]), int(p["simd"])), p["mapping"]) for p in points]
    rows = []
    for point, mapped in zip(points, synthesise(jobs)):
        run = lane.check if point["simd"] else check.exhaustive
        found, counts = run(mapped.netlist, mapped.design), mapped.counts
        rows.append({**point, "lut": counts.lut, "ff": counts.ff, "carry4": counts.carry4, "depth": counts.depth,
                     "pairs": found.pairs, "steps": found.steps, "mismatches": found.mismatches + found.overflows,
                     "n": found.steps, "seed": ""})
    return rows


EXPERIMENT = Experiment(
    name="lanes",
    title="LUTs a product in a dot-product lane",
    keys=("fmt", "k", "simd", "mapping"),
    metrics=dict.fromkeys(("lut", "ff", "carry4", "depth", "pairs", "steps", "mismatches"), 0),
    grid=_grid, compute=_compute, module=__name__, batch=64, files=("hw/rtl/*.v", "hw/techmap/*.v"), recorded=True,
)
"""`k`: products of a whole sum; `simd`: products a cycle, 0 for the MAC; `pairs`: operand pairs run in each position; `steps`:
clock edges compared; `mismatches`: those that went wrong."""


def per_product(rows: pd.DataFrame, mapping: str = BEST, cell: str = "lut") -> pd.DataFrame:
    """Cells a product: a line for each format, a column for each simd (0: the MAC)."""
    chosen = rows[rows["mapping"] == mapping]
    each = chosen.assign(each=chosen[cell] / chosen["simd"].clip(lower=1))
    table = each.pivot(index="fmt", columns="simd", values="each")
    return table.loc[sorted(table.index, key=order)]


@exhibit
def lane_figure(rows: pd.DataFrame) -> Figure:
    """LUTs a product against SIMD."""
    figure, axis = plt.subplots(figsize=(6.8, 4.0))
    table, other = per_product(rows), per_product(rows, YOSYS_DEFAULT)
    spoken = []
    for name, line in table.iterrows():
        kind = parse(name).kind
        lanes = line.drop(MAC)
        places = range(len(lanes))
        style = {"color": COLOURS[kind], "marker": MARKERS[kind], "linestyle": LINES[kind]}
        axis.plot(places, lanes, **style)
        axis.plot(places, other.loc[name].drop(MAC), **{**style, "linestyle": "none"}, fillstyle="none")
        spoken.append(f"{name} {', '.join(f'{lut:.0f}' for lut in lanes)}")
    lowest, apart = -np.inf, 0.045 * table.drop(columns=MAC).max().max()
    for name, end in table[table.columns.max()].sort_values().items():
        lowest = max(end, lowest + apart)  # labels of neighbours stay apart
        axis.annotate(name, (len(table.columns) - 2, end), xytext=(len(table.columns) - 1.92, lowest), va="center",
                      color=COLOURS[parse(name).kind])
    for kind in dict.fromkeys(parse(name).kind for name in table.index):
        axis.plot([], [], color=COLOURS[kind], marker=MARKERS[kind], linestyle=LINES[kind], label=f"{kind}, {BEST}")
    axis.plot([], [], color="#555555", marker="D", fillstyle="none", linestyle="none", label=f"hollow: {YOSYS_DEFAULT}")
    steps = [simd for simd in table.columns if simd != MAC]
    axis.set_xticks(range(len(steps)), steps)
    axis.set(xlabel="products a cycle (SIMD)", ylabel="LUTs a product", ylim=(0, None), xlim=(-0.3, len(steps) - 0.5))
    axis.legend(fontsize=8)
    return Figure(
        f"LUTs a product in lanes of one accumulator, exact sums of {DOT_PRODUCT:,} products. An integer's products meet in "
        "adders little wider than a product. A minifloat's fixed-point products are nearly as wide as the accumulator, so "
        "sharing it saves less.", rows=rows, figure=figure,
        alt=f"LUTs a product at SIMD {', '.join(map(str, steps))} under {BEST}: {'; '.join(spoken)}.")


@exhibit
def lane_table(rows: pd.DataFrame) -> Table:
    """Cells a product under each mapping, beside the MAC."""
    frames = []
    for mapping in [mapping for mapping in MAPPINGS if (rows["mapping"] == mapping).any()]:
        parts = {cell: per_product(rows, mapping, cell) for cell in ("lut", "ff", "carry4")}
        for name, line in parts["lut"].iterrows():
            found = {"format": name, "mapping": mapping, "MAC": line[MAC]}
            found |= {f"SIMD {simd}": lut for simd, lut in line.drop(MAC).items()}
            widest = line.index.max()
            found |= {f"FF at {widest}": parts["ff"].loc[name, widest], f"CARRY4 at {widest}": parts["carry4"].loc[name, widest]}
            frames.append(found)
    frame = pd.DataFrame(frames)
    return Table("LUTs a product, with FF and CARRY4 a product in the widest lane. MAC: one product without a lane, its multiplier "
                 "fused with the accumulator where that helps. Every operand pair was run in every position of the mapped "
                 "netlist.", rows=rows, frame=frame, formats=dict.fromkeys(frame.columns[2:], "{:,.1f}"))


def sharing_helps_integers_more(rows: pd.DataFrame) -> Verdict:
    """Does sharing an accumulator favour integers? The share of its LUTs that a product saves in the widest lane against SIMD 1.

    Reproduced when under BEST each integer saves a greater share than the minifloat of as many bits; partly when one does.
    """
    table = per_product(rows)
    widest = table.columns.max()
    saved = 100 * (1 - table[widest] / table[1])
    wins = [saved[f"INT{parse(name).bits}"] > saved[name] for name in table.index
            if parse(name).kind == "minifloat" and f"INT{parse(name).bits}" in table.index]
    return judge(bool(wins) and all(wins), any(wins),
                 f"LUTs a product saved from SIMD 1 to {widest}: {', '.join(f'{name} {share:.0f} %' for name, share in saved.items())}.")
