"""Other people's arithmetic units on our synthesiser, beside ours: what an exact sum costs, and what rounding costs.

Rows are computed from clones of the peers' repositories (hw/peers.py says how); what a peer is, and counts measured
earlier, stand in data/paper/peers.yml.
"""

from functools import cache

import pandas as pd

from hw.check import exhaustive
from hw.peers import Design, lacking, synthesise
from hw.variants import VARIANTS
from repro import paper
from repro.exhibits import Table, exhibit
from repro.experiments.base import Experiment

DOT_PRODUCT = 4608
"""As in the experiment `mac`."""
THEIRS, OURS = ("default", "carry-rows"), ("default", "tuned")
"""The variants of a peer, whose Verilog stays as it is, and those of our MAC that stand beside it."""
FORMATS = {
    "smoke": {"MX-for-FPGA": ("E2M1",)},
    "laptop": {"MX-for-FPGA": ("E4M3", "E5M2", "E3M2", "E2M3", "E2M1"), "PACoGen": ("posit(8,1)", "posit(8,2)", "posit(6,1)")},
}


def _grid(scale: str) -> list[dict]:
    return [{"peer": peer, "format": name, "variant": variant}
            for peer, names in FORMATS[scale].items() for name in names for variant in THEIRS]


def _compute(points: list[dict], scale: str) -> list[dict]:
    jobs = [(Design(point["peer"], point["format"], DOT_PRODUCT), VARIANTS[point["variant"]][1]) for point in points]
    rows = []
    for point, mapped in zip(points, synthesise(jobs)):
        counts, mac = mapped.counts, mapped.design.mac
        found = exhaustive(mapped.netlist, mac) if mac else None
        rows.append({**point, "lut": counts.lut, "ff": counts.ff, "carry4": counts.carry4, "acc_bits": counts.acc_bits,
                     "pairs": found.pairs if found else "", "mismatches": found.mismatches + found.overflows if found else "",
                     "n": 1, "seed": ""})
    return rows


EXPERIMENT = Experiment(
    name="peers",
    title="LUTs of other people's units, on the same synthesiser",
    keys=("peer", "format", "variant"),
    metrics=dict.fromkeys(("lut", "ff", "carry4", "acc_bits", "pairs", "mismatches"), 0),
    grid=_grid, compute=_compute, module=__name__, batch=64, files=("hw/peers/*.v", "hw/techmap/*.v"),
    recorded=True, lacks=lacking,
)
"""`pairs`, `mismatches`: operand pairs run on the peer's netlist against our formats, and edges that differ; empty for
peers that round."""


@cache
def described() -> list[dict]:
    """The entries of data/paper/peers.yml."""
    return paper.read("peers.yml")


def counts(rows: pd.DataFrame, macs: pd.DataFrame) -> pd.DataFrame:
    """One line a peer and format: `peer`, `format`, LUTs (a column a variant of theirs), `pairs` (agreeing with ours), LUTs
    of ours (columns `ours, default` and `ours, tuned`; empty where ours has no like), `times` (least of theirs by the least
    of ours), `measured` ("now" or "earlier").

    ``macs``: rows of the experiment ``mac``, of which those of a format with itself count.
    """
    square = macs[(macs["a"] == macs["b"]) & (macs["k"] == DOT_PRODUCT)]
    ours = square.pivot(index="a", columns="variant", values="lut").reindex(columns=OURS)
    lines = []
    for entry in described():
        for name, earlier in entry["earlier"].items():
            mine = rows[(rows["peer"] == entry["peer"]) & (rows["format"] == name)].set_index("variant")
            now = set(THEIRS) <= set(mine.index)
            luts = {variant: float(mine["lut"][variant]) if now else old for variant, old in zip(THEIRS, earlier)}
            agreeing = mine["pairs"].min() if now and (mine["mismatches"] == 0).all() else None
            like = ours.reindex([entry["beside"].get(name)]).iloc[0]
            lines.append({"peer": entry["peer"], "format": name, **luts, "pairs": agreeing, **like.add_prefix("ours, "),
                          "times": min(luts.values()) / like.min(), "measured": "now" if now else "earlier"})
    return pd.DataFrame(lines)


@exhibit
def table(rows: pd.DataFrame, macs: pd.DataFrame) -> Table:
    """LUTs of each peer beside ours."""
    names = {"pairs": "pairs equal to ours", "times": "peer / ours"}
    numbers = dict.fromkeys((*THEIRS, *(f"ours, {variant}" for variant in OURS)), "{:.0f}")
    numbers |= {"pairs equal to ours": "{:,.0f}", "peer / ours": "{:.2f}"}
    return Table("LUTs of other people's units as Yosys maps them and with multipliers of carry-chain rows, and of our MAC for "
                 f"the same operands: exact sums of {DOT_PRODUCT:,} products, UltraScale+ by open synthesis, no DSP. Peer / "
                 "ours: the least of each side; nobody tuned theirs for this device. Pairs: operand pairs "
                 "for which the peer's mapped netlist gave our sum. Only MX-for-FPGA computes the same function; the others "
                 "round. Earlier: measured for this project with a prototype of this flow.",
                 rows=rows, frame=counts(rows, macs).rename(columns=names), formats=numbers)


@exhibit
def about() -> Table:
    """Who the peers are: licence, language, what they do with sums and special values."""
    columns = {"peer": "peer", "repository": "repository on GitHub", "licence": "licence", "language": "language", "sum": "sum",
               "special": "special values", "note": "what was counted"}
    frame = pd.DataFrame([{title: entry[key] for key, title in columns.items()} for entry in described()])
    return Table("The peers. Ours: Verilog, Apache-2.0, exact sum, no infinity and no NaN.", frame=frame)
