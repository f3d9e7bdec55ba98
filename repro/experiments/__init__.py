"""One module a table or figure; `experiment(name)` finds one."""

import importlib

from repro.errors import BadInput
from repro.experiments.base import Experiment

NAMES = ("distributions", "equality", "fakequant_speed", "mac", "network_speed", "overflow", "sqnr", "tensors", "top1")


def experiment(name: str) -> Experiment:
    """The experiment called `name`. Raises BadInput, listing the known names, for any other."""
    if name not in NAMES:
        raise BadInput(f"unknown experiment {name!r}: choose one of {', '.join(NAMES)}")
    return importlib.import_module(f"repro.experiments.{name}").EXPERIMENT
