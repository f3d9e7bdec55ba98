"""Timing several things in turns, so that a busy machine slows all of them alike."""

import random
import time
from collections.abc import Callable
from statistics import quantiles

BUDGET = 0.5
"""Seconds spent on each contender, at least MINIMUM and at most MAXIMUM calls."""
MINIMUM, MAXIMUM = 5, 300


def in_turns(calls: dict[str, Callable[[], object]], budget: float = BUDGET) -> dict[str, dict[str, float]]:
    """Call each once to warm up, then all in turns; name -> seconds a call: low_s, median_s, high_s (quartiles), and n calls.

    Each round has another order (of a fixed seed): whoever follows a call that empties the caches pays for it.
    """
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    waiting, shuffle = dict(calls), random.Random(0).shuffle
    while waiting:
        order = list(waiting)
        shuffle(order)
        for name in order:
            call = waiting[name]
            begin = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - begin)
            spent, count = sum(times[name]), len(times[name])
            if count >= MAXIMUM or (count >= MINIMUM and spent >= budget):
                del waiting[name]
    found = {}
    for name, seconds in times.items():
        low, middle, high = quantiles(seconds, n=4, method="inclusive")
        found[name] = {"low_s": low, "median_s": middle, "high_s": high, "n": len(seconds)}
    return found
