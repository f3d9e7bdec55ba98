"""Put the rows of shards into one results folder: `python -m repro.workflow.collect EXPERIMENT INTO FROM...`.

A program of its own because Snakemake's `run:` blocks do not start in a checkout whose path has a space.
"""

import sys
from pathlib import Path

from repro import store
from repro.errors import BadInput
from repro.experiments import experiment


def collect(name: str, into: Path, folders: list[Path]) -> None:
    """Every row of the experiment in the folders replaces the row with its keys in `into`.

    Raises BadInput on an unknown experiment, a broken file, or a folder without rows.
    """
    spec = experiment(name)
    for folder in folders:
        rows = store.read(spec, folder).to_dict("records")
        if not rows:
            raise BadInput(f"{folder} holds no rows of {name}: run the workflow again, it computes them")
        store.update(spec, [{key: row[key] for key in spec.keys} for row in rows], rows, into)


if __name__ == "__main__":
    collect(sys.argv[1], Path(sys.argv[2]), [Path(folder) for folder in sys.argv[3:]])
