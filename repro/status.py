"""The tables of the status page: what was live, what was loaded, and with which versions."""

import pandas as pd

from repro import runner, store
from repro.exhibits import Table, exhibit
from repro.experiments import NAMES, experiment


@exhibit
def experiments() -> Table:
    """Per experiment: rows live, loaded and stale, their dates, and what they cost."""
    records = []
    for name in NAMES:
        spec = experiment(name)
        rows = store.load(spec)
        live = rows["origin"] == "live" if len(rows) else pd.Series(dtype=bool)
        dates = sorted({str(date)[:10] for date in rows["date"]})
        records.append({
            "experiment": name, "what": spec.title, "live rows": int(live.sum()), "loaded rows": int((~live).sum()),
            "stale": int(runner.stale(spec, rows).sum()), "computed": " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]])),
            "seconds": rows["seconds"].sum(), "needs": ", ".join(spec.needs) or "pip packages",
        })
    return Table("Where the rows of this book come from.", frame=pd.DataFrame(records), formats={"seconds": "{:.0f}"})


@exhibit
def versions() -> Table:
    """What computes rows on this machine."""
    parts = [part.rpartition(" ") for part in runner.versions().split("; ")]
    frame = pd.DataFrame([(name, version) for name, _, version in parts], columns=["what", "version"])
    return Table("Versions behind the live rows and the pages; constraints.txt pins all packages.", frame=frame)
