"""What the format explorer (book/explorer.md) starts from: the catalogue and the limits of its controls, for the browser."""

import json
from dataclasses import dataclass

from repro.experiments.mac_rows import DOT_PRODUCT
from repro.formats import Format, Minifloat, catalogue

EXPONENT_BITS = (1, 6)
MANTISSA_BITS = (0, 6)
INTEGER_BITS = (2, 9)
BIAS = (-32, 64)
"""Inclusive ranges that the controls offer. The codes of the widest formats still fit on one page."""
MAX_BITS = 9
"""Width of the widest format, sign included."""
START = "E4M3"
"""The format shown first: the book's running example."""


@dataclass(frozen=True)
class PageData:
    """Data for the scripts of one page; in a notebook it shows as one line and carries itself along as JSON."""

    data: dict

    def _repr_html_(self) -> str:
        text = json.dumps(self.data, separators=(",", ":")).replace("<", "\\u003c")  # or "</script>" could end it
        names = [fmt["name"] for fmt in self.data["formats"]]
        return (f"<p>{len(names)} formats handed to this page, {names[0]} to {names[-1]}.</p>"
                f'<script type="application/json" id="explorer-data">{text}</script>')


def page_data() -> PageData:
    """The catalogue of `repro.formats` and the limits above."""
    return PageData({
        "formats": [_description(fmt) for fmt in catalogue()],
        "start": START,
        "k": DOT_PRODUCT,
        "limits": {"exponentBits": EXPONENT_BITS, "mantissaBits": MANTISSA_BITS, "integerBits": INTEGER_BITS, "bias": BIAS,
                   "maxBits": MAX_BITS},
    })


def _description(fmt: Format) -> dict:
    """The fields that make a format, named as in the scripts."""
    common = {"name": fmt.name, "kind": fmt.kind, "bits": fmt.bits}
    if not isinstance(fmt, Minifloat):
        return common
    return {**common, "exponentBits": fmt.exponent_bits, "mantissaBits": fmt.mantissa_bits, "bias": fmt.bias}
