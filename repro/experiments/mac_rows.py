"""What every experiment with MACs shares: the dot product, the two variants of every table, and how a row is made."""

from hw.check import exhaustive
from hw.generate import Mac
from hw.netlist import Netlist
from hw.synth import Counts
from repro.formats import parse

DOT_PRODUCT = 4608
"""The longest dot product of ResNet-18, 512 channels of 3 x 3 (the n of "Shedding the Bits")."""

DEFAULT, TUNED = "default", "tuned"
"""The two variants of every table: what a newcomer gets, and the best of both kinds."""

RTL = tuple(f"hw/rtl/{name}.v" for name in (
    "int_mac", "int_mac_fused", "minifloat_mac", "minifloat_mac_grouped", "booth_product", "table_product", "shift_left"))
RTL += ("hw/techmap/carry_rows.v",)
"""The Verilog that the MACs of two integers or two minifloats are made of."""

LUT_SIZES = ("lut1", "lut2", "lut3", "lut4", "lut5", "lut6", "inv")
METRICS = dict.fromkeys(("lut", "ff", "carry4", "depth", "acc_bits", *LUT_SIZES, "pairs", "steps", "mismatches"), 0)
"""`depth`: LUTs on the longest path; `pairs`: operand pairs run on the mapped netlist; `steps`: clock edges compared;
`mismatches`: edges that went wrong."""


def row(point: dict, mac: Mac, counts: Counts, netlist: Netlist) -> dict:
    """A row of METRICS for a point: the counts of a mapped MAC, and its netlist run over every operand pair."""
    found = exhaustive(netlist, mac)
    sizes = {name.lower(): number for name, number in counts.luts_by_size}
    return {**point, "lut": counts.lut, "ff": counts.ff, "carry4": counts.carry4, "depth": counts.depth, "acc_bits": counts.acc_bits,
            **sizes, "pairs": found.pairs, "steps": found.steps, "mismatches": found.mismatches + found.overflows,
            "n": found.pairs, "seed": ""}


def order(name: str) -> tuple:
    """Formats as the tables have them: by bits, integers first, then by exponent bits."""
    fmt = parse(name)
    return fmt.bits, fmt.kind != "integer", getattr(fmt, "exponent_bits", 0)
