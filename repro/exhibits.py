"""Figures and tables as the book shows them: caption, alt text, provenance, and a link to the code that made them.

Functions in `repro.experiments` carry the decorator :func:`exhibit` and return a :class:`Figure` or a :class:`Table`.
The look is decided here once: integers are blue squares on solid lines, minifloats orange circles on dashed
lines (told apart in grey print and by colour-blind readers), anything else is grey.
"""

import base64
import functools
import html
import inspect
import io
from dataclasses import dataclass, field, replace
from pathlib import Path

import matplotlib.figure
import matplotlib.pyplot
import numpy as np
import pandas as pd

from repro import paths
from repro.errors import BadInput

COLOURS = {"integer": "#0072B2", "minifloat": "#D55E00", "float": "#555555"}
MARKERS = {"integer": "s", "minifloat": "o", "float": "D"}
LINES = {"integer": "-", "minifloat": "--", "float": ":"}
OTHER_COLOURS = ["#333333", "#009E73", "#CC79A7", "#E69F00"]
"""For series that are not a kind of format (overflow handling, mappings); give each its own marker too."""

STYLE = {
    "figure.dpi": 110, "figure.figsize": (6.4, 3.8), "figure.constrained_layout.use": True,
    "font.size": 10, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "legend.frameon": False, "lines.markersize": 5, "svg.hashsalt": "exhibit", "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Source:
    """Where an exhibit comes from: path inside the checkout, line and name of the function."""

    path: str
    line: int
    name: str

    @property
    def href(self) -> str:
        """The page of the built book that shows this line (written by book/source_pages.py)."""
        return f"code/{self.path}.html#L-{self.line}"


@dataclass(frozen=True)
class Exhibit:
    """What figures and tables share. `rows` are the rows it was made from; they give the provenance line."""

    caption: str
    rows: pd.DataFrame | None = field(default=None, kw_only=True, repr=False, compare=False)
    source: Source | None = field(default=None, kw_only=True)

    def provenance(self) -> str:
        """One line: how many rows, computed when, and whether on this machine or loaded from the repository."""
        if self.rows is None or self.rows.empty or "date" not in self.rows:
            return "Computed while this page was built."
        dates = sorted({str(date)[:10] for date in self.rows["date"]})
        when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        origins = sorted(set(self.rows.get("origin", ["recorded"])))
        where = {"live": "computed on the machine that built this book",
                 "recorded": "loaded from the repository"}
        return f"{len(self.rows)} rows, {' and '.join(where[o] for o in origins)}, {when}."

    def _body(self) -> str:
        raise TypeError("show a Figure or a Table, not a bare Exhibit")

    def _repr_html_(self) -> str:
        link = ""
        if self.source:
            label = html.escape(f"{self.source.path} · {self.source.name}")
            link = f' <a class="exhibit-source" href="{self.source.href}">{label}</a>'
        return (f'<figure class="exhibit">{self._body()}<figcaption>{html.escape(self.caption)} '
                f'<span class="exhibit-provenance">{html.escape(self.provenance())}</span>{link}</figcaption></figure>')


@dataclass(frozen=True)
class Figure(Exhibit):
    """A matplotlib figure with its alt text (what a reader who cannot see it should know)."""

    figure: matplotlib.figure.Figure = field(kw_only=True, repr=False, compare=False)
    alt: str = field(kw_only=True)

    def svg(self) -> bytes:
        """The picture as SVG, the same bytes for the same content."""
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")  # a second layout of several panels would move them a little
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()

    def _body(self) -> str:
        data = base64.b64encode(self.svg()).decode()
        return f'<img alt="{html.escape(self.alt, quote=True)}" src="data:image/svg+xml;base64,{data}">'


@dataclass(frozen=True)
class Table(Exhibit):
    """A data frame as a table; `formats` maps a column to a format string such as "{:.1f}"; empty cells show as a dash."""

    frame: pd.DataFrame = field(kw_only=True, repr=False, compare=False)
    formats: dict = field(default_factory=dict, kw_only=True)

    def _body(self) -> str:
        shown = self.frame.astype(object)
        for column in shown:
            pattern = self.formats.get(column, "{}")
            shown[column] = ["–" if pd.isna(v) else pattern.format(v) for v in self.frame[column]]
        return f'<div class="exhibit-scroll" tabindex="0">{shown.to_html(index=False, border=0)}</div>'


def band(axes, x, lower, upper, **style) -> None:
    """Shade between two curves over `x`, such as the least and the greatest of several seeds, behind a curve drawn before.

    A logarithmic axis (set the scale before) has no place for a lower edge at zero or below: the band goes down to its foot
    there, a power of ten below all that is drawn. Left to itself the polygon would lose that corner and show a wedge beside its
    own curve. Where the upper edge is not positive either, there is no band. Raises BadInput where the lower edge lies above
    the upper one, or either is NaN.
    """
    lower, upper = (np.broadcast_to(np.asarray(edge, float), np.shape(x)) for edge in (lower, upper))
    if not (lower <= upper).all():
        raise BadInput("a band needs lower edges that are at most the upper ones, and no NaN: check what was passed as which")
    shown, foot = np.full(np.shape(x), True), None
    if axes.get_yscale() == "log":
        shown = upper > 0
        if (lower[shown] <= 0).any():
            least = min(upper[shown].min(), axes.dataLim.minposy)
            foot = 10.0 ** (np.ceil(np.log10(least)) - 1)
            lower = np.where(lower > 0, lower, foot)
    shade = axes.fill_between(x, lower, upper, where=shown, **{"linewidth": 0, "alpha": 0.2} | style)
    if foot is not None:
        shade.sticky_edges.y.append(foot)  # the axis ends there


def exhibit(function):
    """Decorator: draw in the house style and attach the link to the decorated function.

    The function then raises BadInput when a data frame it is given has no rows.
    """

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if any(isinstance(rows, pd.DataFrame) and rows.empty for rows in args):
            raise BadInput(f"{function.__name__} has no rows to show: compute them with `repro run` (`repro list` names them)")
        with matplotlib.rc_context(STYLE):
            result = function(*args, **kwargs)
        if isinstance(result, Figure):
            matplotlib.pyplot.close(result.figure)  # or notebooks would show it twice
        path = Path(inspect.getsourcefile(function)).resolve().relative_to(paths.ROOT)
        line = inspect.getsourcelines(function)[1]
        return replace(result, source=Source(str(path), line, function.__name__))

    return wrapper
