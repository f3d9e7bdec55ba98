"""Partial moments and the SQNR of textbook laws, against quadrature, closed forms and drawn samples."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from repro.experiments import distributions
from repro.experiments.moments import LAWS, Sample, decibels, squared_error
from repro.formats import Integer, catalogue, parse

ORACLES = {"uniform": stats.uniform(-np.sqrt(3), 2 * np.sqrt(3)), "gaussian": stats.norm(),
           "laplace": stats.laplace(scale=np.sqrt(0.5)),
           **{f"student-{v}": stats.t(v, scale=np.sqrt((v - 2) / v)) for v in (3, 5, 10)}}


@pytest.mark.parametrize("name", LAWS)
def test_partial_moments_are_integrals_of_the_density(name):
    oracle = ORACLES[name]
    ends = (-np.sqrt(3), -5.0, -1.3, -0.2, 0.0, 0.7, 1.5) if name == "uniform" else (-5.0, -1.3, -0.2, 0.0, 0.7, 6.0)
    start = -np.sqrt(3) if name == "uniform" else -np.inf
    for x in ends:
        pieces = [(start, min(x, 0)), (min(x, 0), x)] if x > start else []  # cut at 0, where Laplace's density has a kink
        expected = [sum(integrate.quad(lambda t: t**k * oracle.pdf(t), *piece, epsabs=1e-11)[0] for piece in pieces)
                    for k in range(3)]
        np.testing.assert_allclose(LAWS[name](np.array(x)), expected, atol=1e-8)
    np.testing.assert_allclose(LAWS[name](np.array([-np.inf, np.inf])), [[0, 1], [0, 0], [0, 1]], atol=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_largest_of_n_and_kurtosis(name):
    law, oracle = LAWS[name], ORACLES[name]
    for n in (16, 2**20):
        assert law.largest_of(n) == pytest.approx(oracle.isf(0.5 / n), rel=1e-9)
    if np.isfinite(law.kurtosis):
        assert law.kurtosis == pytest.approx(3 + float(oracle.stats("k")), rel=1e-6)


@pytest.mark.parametrize("law, name, clip", [("gaussian", "INT4", 2.5), ("laplace", "E3M2", 3.0), ("student-5", "E2M3", 4.0),
                                             ("uniform", "E4M1", 1.0)])
def test_error_is_the_integral_over_the_rounded_values(law, name, clip):
    """A midpoint sum of (x - round(x))^2 p(x), with the format's own rounding; the tails beyond the sum separately."""
    fmt, oracle, reach = parse(name), ORACLES[law], np.sqrt(3) if law == "uniform" else 16.0
    edges = np.linspace(-reach, reach, 2**21 + 1)
    x = (edges[1:] + edges[:-1]) / 2
    step = clip / max(fmt.max, -fmt.min)
    inside = ((x - fmt.round(x / step) * step) ** 2 * oracle.pdf(x)).sum() * (edges[1] - edges[0])
    beyond = sum(integrate.quad(lambda t: (t - end) ** 2 * oracle.pdf(t), reach, np.inf)[0]
                 for end in (fmt.max * step, -fmt.min * step))
    assert float(distributions.error(LAWS[law], fmt, clip)) == pytest.approx(inside + beyond, rel=1e-6)


@pytest.mark.parametrize("levels, step, error",
                         [(3, 1.224, 0.1902), (4, 0.9957, 0.1188), (8, 0.5860, 0.03744), (16, 0.3352, 0.01154)])
def test_optimal_uniform_quantizers_of_max(levels, step, error):
    """J. Max, "Quantizing for minimum distortion" (1960), Table II: equally spaced levels for the Gaussian."""
    grid = np.arange(levels) - (levels - 1) / 2
    steps = np.linspace(0.9 * step, 1.1 * step, 401)
    errors = squared_error(LAWS["gaussian"], steps[:, None] * grid)
    assert errors.min() == pytest.approx(error, abs=0.00005 if levels < 8 else 0.000005)
    assert steps[errors.argmin()] == pytest.approx(step, abs=0.0006)


@pytest.mark.parametrize("fmt", map(parse, ("INT4N", "INT8N", "E1M2", "E1M6")), ids=str)
def test_even_values_on_the_uniform_law_have_a_closed_form(fmt):
    """N evenly spaced values split the interval into N equal cells: error (2 sqrt 3 / N)^2 / 12 = 1 / N^2."""
    clip = distributions.best_clip(LAWS["uniform"], fmt)
    found = decibels(float(distributions.error(LAWS["uniform"], fmt, clip)))
    assert found == pytest.approx(20 * np.log10(len(fmt.values())), abs=1e-6)


@pytest.mark.parametrize("law, name", [("uniform", "INT8"), ("gaussian", "E5M2"), ("student-3", "E4M3"), ("laplace", "E2M1")])
def test_no_clip_is_better_than_the_best(law, name):
    fmt = parse(name)
    best = float(distributions.error(LAWS[law], fmt, distributions.best_clip(LAWS[law], fmt)))
    assert best <= 1.0002 * distributions.error(LAWS[law], fmt, 2.0 ** np.linspace(-2, 20, 4001)).min()


@pytest.mark.parametrize("law", ["gaussian", "laplace", "student-5"])
def test_an_integer_loses_a_decibel_for_each_decibel_of_crest(law):
    """Error step^2 / 12 with step = 2 max / 2^b, where no value saturates; 6.02 b + 4.77 - crest in decibels."""
    fmt = Integer(8)
    clip = LAWS[law].largest_of(2**10)
    cut = LAWS[law].within(clip)
    power = float(cut(np.array(np.inf))[2])
    found = decibels(float(distributions.error(cut, fmt, clip)) / power)
    assert found == pytest.approx(10 * np.log10(12 * 4**8 / 4 * power / clip**2), abs=0.05)


def test_a_cut_law_is_the_law_given_that_it_stays_within():
    clip = 1.7
    cut = LAWS["laplace"].within(clip)
    oracle = ORACLES["laplace"]
    mass = oracle.cdf(clip) - oracle.cdf(-clip)
    for x in (-3.0, -1.0, 0.4, 9.0):
        end = np.clip(x, -clip, clip)
        expected = [integrate.quad(lambda t: t**k * oracle.pdf(t), -clip, end, points=[0.0])[0] / mass for k in range(3)]
        np.testing.assert_allclose(cut(np.array(x)), expected, atol=1e-8)


def test_drawn_samples_agree_within_their_own_standard_error():
    points = [{"distribution": law, "format": name}
              for law in ("uniform", "gaussian", "laplace") for name in ("INT3", "E2M1", "INT5", "E3M4")]
    rows = pd.DataFrame(distributions.EXPERIMENT.compute(points, "smoke"))
    z = (rows["empirical_db"] - rows["analytic_db"]) / rows["sampling_db"]
    assert len(rows) == len(points) * len(distributions.RULES)
    assert z.abs().max() < 4 and z.abs().max() > 0
    assert (rows["n"] <= distributions.SAMPLES["smoke"]).all()


def test_measured_values_as_a_distribution():
    values = np.array([3.0, -1.0, 0.5, -1.0, 2.0])
    weights = np.array([1.0, 2.0, 1.0, 2.0, 4.0])
    sample = Sample(values, weights)
    for grid in (parse("E2M1").values() * 0.3, np.array([-1.0, 0.0, 1.0])):
        nearest = np.abs(values[:, None] - grid).min(axis=1)
        assert float(squared_error(sample, grid)) == pytest.approx((weights * nearest**2).sum() / 10, rel=1e-12)
    assert sample.power == pytest.approx((weights * values**2).sum() / 10)
    assert sample.kurtosis == pytest.approx((weights * values**4).sum() / 10 / sample.power**2)
    assert float(sample(np.array(0.0))[0]) == pytest.approx(0.4)


def test_winners_name_the_best_the_runner_up_and_the_lead():
    rows = pd.DataFrame({"law": "x", "format": ["INT4", "E1M2", "E2M1", "INT8", "E4M3"], "db": [19.0, 18.0, 19.5, 40.0, 31.0]})
    found = distributions.winners(rows, ["law"], "db").set_index("bits")
    assert found.loc[4, ["format", "exponent", "runner_up", "lead"]].tolist() == ["E2M1", 2, "INT4", 0.5]
    assert found.loc[8, ["format", "exponent", "runner_up", "lead"]].tolist() == ["INT8", 0, "E4M3", 9.0]
    losses = distributions.ranked(rows, ["law"], "db").set_index("format")["loss"]
    assert losses.to_dict() == {"INT4": 0.5, "E1M2": 1.5, "E2M1": 0.0, "INT8": 0.0, "E4M3": 9.0}


def test_the_grid_is_every_format_on_every_law():
    grid = distributions.EXPERIMENT.grid("laptop")
    assert {(p["distribution"], p["format"]) for p in grid} == {(law, fmt.name) for law in LAWS for fmt in catalogue()}
    assert len(grid) == 27 * 6
