"""What was proved about the hardware beyond running every operand pair: by a SAT solver, by faults, and at the extremes.

Three kinds of row. `sat`: a circuit equals its definition for all inputs, a MAC's accumulator among them. `fault`: every bit
of every LUT of a MAC flipped, one at a time. `extreme`: the worst product of a format held for the whole dot product, at the
exact accumulator width and at one bit less.
"""

from functools import partial

import pandas as pd

from hw import prove
from hw.extremes import held
from hw.faults import flip_every_bit
from hw.generate import Mac
from hw.prove import Goal
from hw.variants import VARIANTS, build
from repro import accumulators
from repro.exhibits import Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.mac_rows import DEFAULT, DOT_PRODUCT, TUNED
from repro.experiments.verdict import Verdict, judge
from repro.formats import catalogue, parse

WIDTHS = {"smoke": (3, 4), "laptop": tuple(range(3, 9))}
MOST_BITS = 14
"""Of both factors together, for a proof in seconds. The tests run the wider Booth products over all their inputs, inside MACs."""
SHIFTS = {"smoke": ((4, 2),), "laptop": tuple((width, bits) for width in (4, 8, 12, 16) for bits in (1, 2, 3, 4, 5))}
TABLES = {"smoke": ((2, 2), (4, 3)), "laptop": tuple((a, b) for a in range(1, 5) for b in range(a, 8))}
"""Significands of the generator's table multipliers: the narrower one first."""
MACS = {
    "smoke": ("INT3", "E1M1"),
    "laptop": ("INT3", "E1M1", "INT4", "E1M2", "E2M1", "E1M3", "E2M2", "E3M1", "INT5", "UINT4 INT3", "E2M1 INT4", "E3M0"),
}
FAULTS = {"smoke": ("E2M1",), "laptop": ("INT4", "E2M1", "E3M2")}
COUNTS = ("cases", "proved", "caught", "unreachable", "harmless", "left")


def _grid(scale: str) -> list[dict]:
    widths = [(a, b) for a in WIDTHS[scale] for b in WIDTHS[scale] if a + b <= MOST_BITS]
    subjects = {
        "sat": [*(f"{module} {a} x {b}" for module in ("carry_rows", "booth_product") for a, b in widths),
                *(f"table_product {a} x {b}" for a, b in TABLES[scale]), *(f"shift_left {w} by {s}" for w, s in SHIFTS[scale]),
                *(f"mac {name}" for name in MACS[scale])],
        "fault": FAULTS[scale],
        "extreme": [fmt.name for fmt in catalogue(*((3, 4) if scale == "smoke" else ()))],
    }
    return [{"kind": kind, "subject": subject} for kind, names in subjects.items() for subject in names]


def _compute(points: list[dict], scale: str) -> list[dict]:
    rows = []
    for point in points:
        counts = dict.fromkeys(COUNTS, 0) | {"first_wrap": ""} | _KINDS[point["kind"]](point["subject"])
        rows.append({**point, **counts, "n": counts["cases"], "seed": ""})
    return rows


def _sat(subject: str) -> dict:
    goals = _goals(subject)
    proved = sum(proof.proved for proof in prove.prove(goals))
    return {"cases": len(goals), "proved": proved, "left": len(goals) - proved}


def _goals(subject: str) -> list[Goal]:
    """Both signs for each factor, where the circuit has the choice."""
    module, *numbers = subject.split()
    if module == "mac":
        return _mac_goals(*numbers)
    a, b = int(numbers[0]), int(numbers[2])
    signs = (False, True)
    return {
        "carry_rows": lambda: [prove.carry_rows(a, b, sign) for sign in signs],
        "booth_product": lambda: [prove.product(module, a, b, of_a, of_b) for of_a in signs for of_b in signs],
        "table_product": lambda: [prove.product(module, a, b)],
        "shift_left": lambda: [prove.shift_left(a, b, sign) for sign in signs],
    }[module]()


def _mac_goals(a: str, b: str | None = None) -> list[Goal]:
    """Every variant adds a * b, and the tuned one is the default one: whatever the accumulator holds."""
    mac = Mac(parse(a), parse(b or a), DOT_PRODUCT)
    mapped = build([(mac, variant) for variant in VARIANTS])
    netlists = {variant: unit.netlist for variant, unit in zip(VARIANTS, mapped)}
    return [*(prove.exact(netlist, mac) for netlist in netlists.values()),
            prove.equivalent(netlists[TUNED], netlists[DEFAULT], mac)]


def _fault(subject: str) -> dict:
    mac = _square(subject)
    found = flip_every_bit(build([(mac, TUNED)])[0].netlist, mac)
    return {"cases": found.bits, **{name: len(getattr(found, name)) for name in ("caught", "unreachable", "harmless", "left")}}


def _extreme(subject: str) -> dict:
    """Two cases: the exact width, where nothing may wrap, and one bit less, where the sum must go wrong."""
    exact = _square(subject)
    narrow = _square(subject, accumulators.exact_width(exact.a, exact.b, exact.k) - 1)
    wide, short = (held(mapped.netlist, mapped.design) for mapped in build([(exact, TUNED), (narrow, TUNED)]))
    proved = (not wide.mismatches and wide.first_wrap is None) + (not short.mismatches and not short.exact_at_end)
    return {"cases": 2, "proved": proved, "left": 2 - proved, "first_wrap": short.first_wrap or ""}


def _square(name: str, acc_bits: int | None = None) -> Mac:
    return Mac(parse(name), parse(name), DOT_PRODUCT, acc_bits)


_KINDS = {"sat": _sat, "fault": _fault, "extreme": _extreme}

EXPERIMENT = Experiment(
    name="proofs",
    title="Proofs about the hardware",
    keys=("kind", "subject"),
    metrics=dict.fromkeys((*COUNTS, "first_wrap"), 0),
    grid=_grid, compute=_compute, module=__name__, recorded=True, files=("hw/rtl/*.v", "hw/techmap/*.v"),
)
"""`cases`: goals, flipped bits, or widths; `proved`, `caught`, `unreachable`, `harmless`: what became of them (hw.faults);
`left`: cases with none of these; `first_wrap`: the step at which a register one bit too narrow first goes wrong."""


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a kind and circuit: `kind`, `subject` (the module, `mac`, a format, or "all formats"), then sums of counts."""
    subject = rows["subject"].str.split().str[0].where(rows["kind"] != "extreme", "all formats")
    return rows.assign(subject=subject).groupby(["kind", "subject"], sort=False)[list(COUNTS)].sum().reset_index()


@exhibit
def proofs_table(rows: pd.DataFrame) -> Table:
    """What was proved, and that nothing is left."""
    frame = summary(rows)
    words = {"sat": "SAT", "fault": "flipped bits", "extreme": "worst case"}
    return Table("Proofs. SAT: the circuit equals its definition for every input; for a MAC, every accumulator too. Flipped "
                 "bits: each bit of each LUT of the tuned MAC, either caught by the exhaustive check or proved never to be "
                 f"read. Worst case: {DOT_PRODUCT:,} times the product that needs the most bits; right at the exact "
                 "width, wrong at one bit less.", rows=rows, frame=frame.assign(kind=frame["kind"].map(words)),
                 formats=dict.fromkeys(COUNTS, "{:,.0f}"))


@exhibit
def wraps_table(rows: pd.DataFrame) -> Table:
    """When an accumulator of one bit less than the exact width goes wrong, format by format."""
    found = rows[rows["kind"] == "extreme"]
    widths = [accumulators.exact_width(fmt, fmt, DOT_PRODUCT) for fmt in map(parse, found["subject"])]
    frame = pd.DataFrame({"format": found["subject"], "exact width": widths,
                          "first wrong sum one bit below": found["first_wrap"]})
    return Table(f"The worst product held for {DOT_PRODUCT:,} steps. At the exact width every sum is right; with one bit "
                 "less, the register first goes wrong after this many products, and ends wrong.", rows=found, frame=frame,
                 formats={"first wrong sum one bit below": "{:,.0f}"})


def all_proved(rows: pd.DataFrame) -> Verdict:
    """Claim of ours: nothing is left unproved; every goal, every flipped bit, every worst case."""
    total = partial(_total, rows)
    evidence = (f"{total('sat', 'proved')} of {total('sat', 'cases')} goals proved by SAT; "
                f"of {total('fault', 'cases')} flipped LUT bits {total('fault', 'caught')} caught, "
                f"{total('fault', 'unreachable')} proved unreachable, "
                f"{total('fault', 'harmless')} proved harmless; "
                f"{total('extreme', 'proved')} of {total('extreme', 'cases')} worst cases as computed.")
    return judge(not rows["left"].any() and set(rows["kind"]) == set(_KINDS), bool(rows["proved"].any()), evidence)


def _total(rows: pd.DataFrame, kind: str, column: str) -> int:
    return int(rows.loc[rows["kind"] == kind, column].sum())
