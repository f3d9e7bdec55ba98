"""The mean squared error of rounding, without sampling: from partial moments of the data.

With values q_i and the thresholds halfway between them, the error of rounding X to the nearest value is

    E[(X - q(X))^2] = sum over i of  M2_i - 2 q_i M1_i + q_i^2 M0_i,     Mk_i = E[X^k; X between the thresholds of q_i]

so whoever knows ``E[X^k; X < x]`` for k = 0, 1, 2 knows the error of every format at every scale, saturation included.
:class:`Law` knows them in closed form for distributions, :class:`Sample` by running sums for measured data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from repro.formats import Format

Moments = Callable[[np.ndarray], np.ndarray]
"""x (any shape, float64, infinities too) -> array (3, *x.shape): E[X^k; X < x] for k = 0, 1, 2."""


def squared_error(moments: Moments, values: np.ndarray) -> np.ndarray:
    """E[(X - nearest value)^2]; `values` (..., V) ascending along the last axis -> shape (...). A tie costs the same
    either way, so no rule for ties is needed.
    """
    infinity = np.full((*values.shape[:-1], 1), np.inf)
    thresholds = np.concatenate([-infinity, (values[..., 1:] + values[..., :-1]) / 2, infinity], axis=-1)
    m0, m1, m2 = np.diff(moments(thresholds), axis=-1)
    return (m2 - 2 * values * m1 + values**2 * m0).sum(axis=-1)


def decibels(error_over_power: float) -> float:
    """An SQNR in dB; infinite without error."""
    return -10 * float(np.log10(error_over_power)) if error_over_power > 0 else float("inf")


def largest(fmt: Format) -> float:
    """The format's largest magnitude (2**(b-1) for INTb), which a scale puts the clip on, as in Brevitas."""
    return max(fmt.max, -fmt.min)


@dataclass(frozen=True, eq=False)
class Law:
    """A symmetric distribution, scaled to a standard deviation of 1."""

    name: str
    label: str
    kurtosis: float
    """E[X^4] of the scaled law; infinite where the tails are that heavy."""
    deviation: float
    """Standard deviation of the law in its textbook form, in which the functions below are written."""
    tail: Callable[[np.ndarray], tuple]
    """a >= 0 -> E[X^k; X < -a] for k = 0, 1, 2."""
    lower: Callable[[float], float]
    """p <= 1/2 -> the x with P(X < x) = p."""
    draw: Callable[[np.random.Generator, int], np.ndarray]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The partial moments (see `Moments`)."""
        x = np.clip(x, -1e100, 1e100) * self.deviation  # finite, so that x * density is 0 and not NaN far out
        m0, m1, m2 = self.tail(np.abs(x))
        right = x > 0
        return np.array([np.where(right, 1 - m0, m0), m1 / self.deviation,
                         np.where(right, 1 - m2 / self.deviation**2, m2 / self.deviation**2)])

    def largest_of(self, n: int) -> float:
        """The magnitude that one of n values is expected to exceed, ``P(|X| > x) = 1/n``, in standard deviations."""
        return -float(self.lower(0.5 / n)) / self.deviation

    def within(self, clip: float) -> Moments:
        """The partial moments of the part with ``|X| <= clip``: what an abs-max scale sees, because nothing lies beyond it."""
        below, above = self(np.array([-clip, clip])).T
        mass = above[0] - below[0]
        return lambda x: (self(np.clip(x, -clip, clip)) - np.expand_dims(below, tuple(range(1, 1 + np.ndim(x))))) / mass

    def sample(self, n: int, seed: int) -> np.ndarray:
        """n independent draws, float64."""
        return self.draw(np.random.default_rng(seed), n) / self.deviation


def _uniform(a):
    a = np.minimum(a, 1.0)
    return (1 - a) / 2, (a**2 - 1) / 4, (1 - a**3) / 6


def _gaussian(a):
    density = np.exp(-np.minimum(a, 1e3) ** 2 / 2) / np.sqrt(2 * np.pi)
    return special.ndtr(-a), -density, special.ndtr(-a) + a * density


def _laplace(a):
    half = np.exp(-np.minimum(a, 1e3)) / 2
    return half, -(a + 1) * half, (a**2 + 2 * a + 2) * half


def _student_tail(freedom: int):
    constant = np.exp(special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2)) / np.sqrt(freedom * np.pi)

    def tail(a):
        # By parts: (v + x^2) f(x) has the derivative -(v - 1) x f(x); as v grows these become the Gaussian's.
        m0 = special.stdtr(freedom, -a)
        m1 = -freedom * constant / (freedom - 1) * (1 + a**2 / freedom) ** ((1 - freedom) / 2)
        return m0, m1, (freedom * m0 - (freedom - 1) * a * m1) / (freedom - 2)

    return tail


def student(freedom: int) -> Law:
    """Student's t with so many degrees of freedom (at least 3, or there is no variance)."""
    kurtosis = 3 + 6 / (freedom - 4) if freedom > 4 else np.inf
    deviation = np.sqrt(freedom / (freedom - 2))
    return Law(f"student-{freedom}", f"Student t, {freedom} d.f.", kurtosis, deviation, _student_tail(freedom),
               lambda p: special.stdtrit(freedom, p), lambda rng, n: rng.standard_t(freedom, n))


LAWS: dict[str, Law] = {law.name: law for law in (
    Law("uniform", "uniform", 1.8, np.sqrt(1 / 3), _uniform, lambda p: 2 * p - 1, lambda rng, n: rng.uniform(-1, 1, n)),
    Law("gaussian", "Gaussian", 3.0, 1.0, _gaussian, special.ndtri, lambda rng, n: rng.standard_normal(n)),
    student(10),
    Law("laplace", "Laplace", 6.0, np.sqrt(2), _laplace, lambda p: np.log(2 * p), lambda rng, n: rng.laplace(size=n)),
    student(5),
    student(3),
)}
"""Lightest tails first."""


class Sample:
    """Measured values as a distribution.

    `values`: float64 (n,); `weights`: (n,), how much each counts (all alike unless given). Calling it gives the partial
    moments (see `Moments`).
    """

    def __init__(self, values: np.ndarray, weights: np.ndarray | None = None):
        order = np.argsort(values)
        self._values = values[order]
        weights = np.full(len(values), 1 / len(values)) if weights is None else weights[order] / weights.sum()
        terms = weights * self._values ** np.arange(3)[:, None]
        self._sums = np.concatenate([np.zeros((3, 1)), np.cumsum(terms, axis=1)], axis=1)
        self.size = len(values)
        """How many values there are."""
        self.power = float(self._sums[2, -1])
        """E[X^2]."""
        self.kurtosis = float((weights * self._values**4).sum() / self.power**2)
        """E[X^4] / E[X^2]^2: about zero, where quantizers have their centre, not about the mean."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self._sums[:, np.searchsorted(self._values, x)]
