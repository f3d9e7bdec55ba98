"""The grid that the experiments on EfficientNet-Lite0 share."""

from repro.formats import Integer, parse

NETWORK = "efficientnet-lite0"
FORMATS = ("INT8", "E4M3", "INT6", "E3M2", "INT4", "E2M1")


def points(formats: tuple[str, ...]) -> list[dict]:
    """One point a format, and for integers a second one that uses all codes where inputs are never negative."""
    return [{"network": NETWORK, "format": name, "activations": activations}
            for name in formats
            for activations in (("signed", "unsigned") if isinstance(parse(name), Integer) else ("signed",))]
