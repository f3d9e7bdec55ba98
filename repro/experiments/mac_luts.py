"""LUTs of a MAC for every pair of formats: 36 pairs of integers, 441 of minifloats, four dot-product lengths, two variants.

Recorded, since the sweep takes minutes. A pair and its mirror image (E4M3 x E2M1, E2M1 x E4M3) are one circuit with its
inputs exchanged where the generator builds them so: then it is synthesised once, and run once a way round.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hw.generate import Mac
from hw.variants import VARIANTS, build
from repro.exhibits import Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.mac_rows import DEFAULT, DOT_PRODUCT, METRICS, RTL, TUNED, order, row
from repro.experiments.verdict import Verdict, judge
from repro.formats import Integer, catalogue, parse

LENGTHS = (9, 576, 3072, DOT_PRODUCT)
"""Products of one sum: a depthwise 3 x 3, 64 channels of 3 x 3, the wide layer of a small transformer, ResNet-18's longest."""
KINDS = ("integer", "minifloat")


def formats(kind: str) -> list[str]:
    """Names of the formats of 3 to 8 bits of a kind (signed integers), in the order of the tables."""
    if kind == "integer":
        return [Integer(bits).name for bits in range(3, 9)]
    return sorted((fmt.name for fmt in catalogue(3, 8) if fmt.kind == kind), key=order)


def _grid(scale: str) -> list[dict]:
    names = {"smoke": [["INT3", "INT4"], ["E1M1", "E2M1"]], "laptop": [formats(kind) for kind in KINDS]}[scale]
    lengths = {"smoke": LENGTHS[:1], "laptop": LENGTHS}[scale]
    return [{"a": a, "b": b, "k": k, "variant": variant}
            for variant in (TUNED, DEFAULT) for k in reversed(lengths) for group in names for a in group for b in group]


def _compute(points: list[dict], scale: str) -> list[dict]:
    workers = os.cpu_count() or 1
    circuits: dict[tuple, list[dict]] = {}
    for point in points:
        circuits.setdefault(_circuit(point), []).append(point)
    groups = list(circuits.values())
    # Every n-th to each worker, so that all have narrow and wide formats.
    shares = [share for share in (groups[start::workers] for start in range(workers)) if share]
    with ProcessPoolExecutor(len(shares)) as pool:
        found = [row for rows in pool.map(_rows, shares) for row in rows]
    places = {tuple(point.values()): place for place, point in enumerate(points)}
    return sorted(found, key=lambda row: places[row["a"], row["b"], row["k"], row["variant"]])


def _mac(point: dict) -> Mac:
    return Mac(parse(point["a"]), parse(point["b"]), int(point["k"]), architecture=VARIANTS[point["variant"]][0])


def _circuit(point: dict) -> tuple:
    """Two points with the same circuit differ in nothing but the names of the inputs."""
    mac = _mac(point)
    return point["variant"], mac.module, tuple(mac.parameters.items())


def _rows(groups: list[list[dict]]) -> list[dict]:
    """Rows of points; the points of a group have one circuit."""
    rows = []
    for group, mapped in zip(groups, build([(_mac(group[0]), group[0]["variant"]) for group in groups])):
        ports = mapped.netlist.ports
        for point in group:
            mac = _mac(point)
            exchanged = mac.swapped != mapped.design.swapped
            netlist = replace(mapped.netlist, ports={**ports, "a": ports["b"], "b": ports["a"]}) if exchanged else mapped.netlist
            rows.append(row(point, mac, mapped.counts, netlist))
    return rows


EXPERIMENT = Experiment(
    name="mac_luts",
    title="LUTs of a MAC for every pair of formats",
    keys=("a", "b", "k", "variant"),
    metrics=METRICS,
    grid=_grid, compute=_compute, module=__name__, batch=477, files=RTL, recorded=True,
)

def square(rows: pd.DataFrame, kind: str, variant: str = TUNED, k: int = DOT_PRODUCT, metric: str = "lut") -> pd.DataFrame:
    """A metric of all pairs of a kind of format: a line for each a, a column for each b."""
    names = formats(kind)
    mine = rows[rows["a"].isin(names) & (rows["k"] == k) & (rows["variant"] == variant)]
    return mine.pivot(index="a", columns="b", values=metric).reindex(index=names, columns=names)


@exhibit
def matrix(rows: pd.DataFrame) -> Figure:
    """LUTs of every pair, tuned: integers and minifloats, each a times each b."""
    tables = [square(rows, kind) for kind in KINDS]
    ratios = [len(table) for table in tables]
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 6.6), width_ratios=[ratios[0] + 2, ratios[1]])
    most = max(table.max().max() for table in tables)
    for axis, table, kind in zip(axes, tables, KINDS):
        image = axis.imshow(table, cmap="cividis_r", vmin=0, vmax=most)
        for line, values in enumerate(table.to_numpy()):
            for column, value in enumerate(values):
                if not np.isnan(value):
                    axis.text(column, line, f"{value:.0f}", ha="center", va="center", fontsize=5.5 if kind == "minifloat" else 8,
                              color="white" if value > 0.55 * most else "black")
        axis.set_xticks(range(len(table)), table.columns, rotation=90, fontsize=7)
        axis.set_yticks(range(len(table)), table.index, fontsize=7)
        axis.set(title=f"{kind}s", xlabel="b", ylabel="a")
        axis.grid(visible=False)
    figure.colorbar(image, ax=axes, label="LUTs of one MAC", fraction=0.025, shrink=0.6)
    spoken = [f"{kind}s from {table.min().min():.0f} to {table.max().max():.0f}" for kind, table in zip(KINDS, tables)]
    return Figure(f"LUTs of a MAC for every pair of formats, tuned, exact sums of {DOT_PRODUCT:,} products, no DSP. UltraScale+ by Yosys, "
                  "before placement. One colour scale for both blocks.", rows=rows, figure=figure,
                  alt=f"Two heat maps of LUTs by operand formats: {'; '.join(spoken)}. LUTs rise steeply with exponent bits.")


@exhibit
def coverage(rows: pd.DataFrame) -> Table:
    """How much of the library was proved: netlists, operand pairs and clock edges."""
    frame = rows.assign(kind=[f"{parse(a).kind}s" for a in rows["a"]]).groupby(["kind", "variant"], as_index=False).agg(
        netlists=("lut", "size"), pairs=("pairs", "sum"), edges=("steps", "sum"), wrong=("mismatches", "sum"))
    frame.columns = ["formats", "variant", "MACs", "operand pairs run", "clock edges compared", "wrong"]
    return Table("Every MAC of the sweep: its mapped netlist was run over every operand pair and compared with exact integers.",
                 rows=rows, frame=frame, formats=dict.fromkeys(frame.columns[2:], "{:,.0f}"))


def premium(rows: pd.DataFrame, variant: str = TUNED, k: int = DOT_PRODUCT) -> pd.DataFrame:
    """Each minifloat times itself beside the integer of as many bits: minifloat, integer, bits, lut, integer_lut, percent."""
    square_rows = rows[(rows["a"] == rows["b"]) & (rows["k"] == k) & (rows["variant"] == variant)].set_index("a")["lut"]
    found = []
    for name in formats("minifloat"):
        integer = f"INT{parse(name).bits}"
        if name in square_rows and integer in square_rows:
            found.append({"minifloat": name, "integer": integer, "bits": parse(name).bits, "lut": square_rows[name],
                          "integer_lut": square_rows[integer], "percent": 100 * (square_rows[name] / square_rows[integer] - 1)})
    return pd.DataFrame(found)


def damsgaard_premium(rows: pd.DataFrame) -> Verdict:
    """Claim (TCAD 2025, abstract of its repository): minifloat MACs take 20 to 180 % more than integers of the same size.

    Decided over all minifloats of 4 to 8 bits, tuned: reproduced when all lie in the range, partly when most do.
    """
    found = premium(rows)
    inside = found["percent"].between(20, 180)
    outside = [f"{line.minifloat} {line.percent:+.0f} %" for line in found[~inside].itertuples()]
    low, high = found.loc[found["percent"].idxmin()], found.loc[found["percent"].idxmax()]
    return judge(bool(inside.all()), bool(inside.mean() > 0.5),
                 f"{int(inside.sum())} of {len(found)} minifloats cost 20 to 180 % more LUTs than the integer of as many bits; from "
                 f"{low['percent']:+.0f} % ({low['minifloat']}) to {high['percent']:+.0f} % ({high['minifloat']}). Outside: {', '.join(outside) or 'none'}.")
