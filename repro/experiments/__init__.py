"""One module a table or figure; `experiment(name)` finds one."""

import importlib

from repro.errors import BadInput
from repro.experiments.base import Experiment

NAMES = ("accumulator_sweep", "census", "distributions", "equality", "fakequant_speed", "lanes", "mac", "mac_luts",
         "network_speed", "overflow", "peers", "place_route", "proofs", "readout", "rtl_loop", "sqnr", "tensors", "top1")


def experiment(name: str) -> Experiment:
    """The experiment called `name`. Raises BadInput, listing the known names, for any other."""
    module = name.replace("-", "_")  # `repro run mac-luts` reads better than mac_luts
    if module not in NAMES:
        raise BadInput(f"unknown experiment {name!r}: choose one of {', '.join(NAMES)}")
    return importlib.import_module(f"repro.experiments.{module}").EXPERIMENT
