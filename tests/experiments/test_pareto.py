"""The front against a definition by brute force, and the join of accuracy and silicon."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from repro.experiments import pareto

small = st.integers(0, 5)


@given(st.lists(st.tuples(small, small), min_size=1, max_size=8))
def test_front_is_what_nothing_beats(points):
    frame = pd.DataFrame(points, columns=["top1", "lut"])
    beaten = {i for i, (a, b) in enumerate(points) for c, d in points if c >= a and d <= b and (c, d) != (a, b)}
    assert set(pareto.frontier(frame, "top1").index) == set(range(len(points))) - beaten


def rows():
    accuracy = pd.DataFrame({"format": ["float", "INT8", "INT8", "E4M3"], "activations": ["float", "signed", "unsigned", "signed"],
                             "top1": [90, 80, 85, 88]})
    macs = pd.DataFrame({"a": ["INT8", "INT8", "E4M3", "INT8"], "b": ["INT8", "INT8", "E4M3", "INT4"],
                         "variant": ["tuned", "default", "tuned", "tuned"], "lut": [100, 240, 120, 50]})
    return accuracy, macs


def test_join_takes_signed_activations_one_variant_and_square_macs():
    joined = pareto.join(*rows()[:1], "top1", rows()[1]).set_index("format")
    assert joined[["top1", "lut"]].to_dict("index") == {"INT8": {"top1": 80, "lut": 100}, "E4M3": {"top1": 88, "lut": 120}}


def test_verdict_follows_the_front():
    accuracy, macs = rows()
    assert pareto.integer_stays_pareto_optimal(accuracy, macs).verdict == "reproduced"  # one of two
    macs.loc[2, "lut"] = 90  # now E4M3 is better and cheaper
    assert pareto.integer_stays_pareto_optimal(accuracy, macs).verdict == "not reproduced"
