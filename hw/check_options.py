"""Runs a mapped MAC where only its options can go wrong: at the limits of a saturating register, and with clear coming
and going in front of a pipeline.

hw.check runs every operand pair, but its sums seldom come near the limits, and its clear stays as it is for a whole run.
"""

import random

from hw import check
from hw.generate import Mac
from hw.netlist import Netlist

EDGES = 2**13
"""At least this many; every operand pair takes part at both limits."""


def wrong_edges(netlist: Netlist, mac: Mac) -> int:
    """How many clock edges go wrong, of a run in which clear is high on every other edge and, if the MAC saturates, every
    register lies within one product of a limit.

    0 for a MAC without options, which hw.check covers. Operand pairs as there: every one, or of very many a sample.
    """
    if not (mac.saturate or mac.pipeline):
        return 0
    products, rng, limit = check._products(mac), random.Random(0), 2 ** (mac.acc_bits - 1)
    runs = []
    for turn in range(2 * max(1, EDGES // len(products))):
        for pair, product in products.items():
            inside = min(rng.randint(0, abs(product)), 2 * limit - 1)
            before = limit - 1 - inside if turn % 2 else inside - limit
            # Twice, once with clear and once without, so that neighbours differ in it.
            runs += [check._Edges([pair], [before], [0], clear=True),
                     check._Edges([pair], [before], [check._next(mac, before, product)])]
    return check._wrong_edges(netlist, mac, runs).bit_count()
