"""The named ways from a MAC to LUTs that are compared: how its RTL is written, and how Yosys maps it."""

from dataclasses import replace

from hw.generate import PLAIN, TUNED, Mac
from hw.synth import CARRY_ROWS, UNIT_COST, YOSYS_DEFAULT, Mapped, synthesise
from repro.errors import BadInput

VARIANTS = {
    "default": (PLAIN, YOSYS_DEFAULT),
    "carry-rows": (PLAIN, CARRY_ROWS),
    "remapped": (PLAIN, UNIT_COST),
    "rewritten": (TUNED, YOSYS_DEFAULT),
    "tuned": (TUNED, UNIT_COST),
}
"""Variant -> (architecture of hw.generate, mapping of hw.synth). Only the last treats both kinds of format alike: each is written for the LUTs, and each LUT counts one."""


def build(jobs: list[tuple[Mac, str]]) -> list[Mapped]:
    """Synthesise every (MAC, variant name), in the order of the jobs; the MAC's own architecture is replaced.

    Raises BadInput for an unknown variant, and as :func:`hw.synth.synthesise` does.
    """
    for _, variant in jobs:
        if variant not in VARIANTS:
            raise BadInput(f"unknown variant {variant!r}: use {', '.join(VARIANTS)}")
    return synthesise([(replace(mac, architecture=VARIANTS[variant][0]), VARIANTS[variant][1]) for mac, variant in jobs])
