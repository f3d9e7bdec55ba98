"""What an experiment is: a grid of points, a function from points to rows, and how far a recomputed row may differ."""

from collections.abc import Callable
from dataclasses import dataclass, field

SCALES = ("smoke", "laptop")
PROVENANCE = ("n", "seed", "scale", "seconds", "code", "versions", "date")
"""Columns that every row ends with. `n`: how many samples the metrics average over; `code`: digest of the code."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """One table or figure's worth of rows, kept in data/results/<name>.csv.

    A *point* is a dict of some key columns. `compute` takes up to `batch` points and returns all their rows: dicts
    with every key column, every metric, and `n` and `seed`. A point may have several rows (one per layer, say).
    """

    name: str
    title: str
    keys: tuple[str, ...]
    metrics: dict[str, float | str]
    """Metric column -> largest difference that `repro verify` accepts: a number, or "25%" of what is written; 0 means equal."""
    grid: Callable[[str], list[dict]]
    """Scale -> points."""
    compute: Callable[[list[dict], str], list[dict]] = field(repr=False)
    """(points, scale) -> rows."""
    module: str
    """Dotted name of the module; the row's `code` digest covers what `grid` and `compute` reach in it, and in repro and hw."""
    batch: int = 1
    needs: tuple[str, ...] = ()
    """Data sets beyond pip packages (names that `repro fetch` knows); without them only recorded rows are shown."""
    files: tuple[str, ...] = ()
    """Further inputs that the digest covers: glob patterns from the checkout's root, such as "hw/rtl/*.v"."""

    benchmark: bool = False
    """Times of a machine: computed by `repro bench` in one piece, never by --live, and compared with nothing by `repro verify`."""
    recorded: bool = False
    """Takes minutes: never computed by --live, so that a book build stays short; its rows come with the project."""
    lacks: Callable[[], str] = field(default=str, repr=False)
    """What is missing here to compute it, beyond pip packages and data sets: one line with the way out, or nothing."""

    @property
    def live(self) -> bool:
        """Whether a book build computes it."""
        return not (self.needs or self.benchmark or self.recorded or self.lacks())

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the CSV file, in order."""
        return (*self.keys, *self.metrics, *PROVENANCE)
