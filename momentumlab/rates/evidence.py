"""What theorems are measured on: runs on worst cases and random functions, spectra and certificates.

A measurement takes μ, L, a seed and a number of steps, and returns x and the curves over it, by label.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np

from .. import rules
from ..method import Method
from ..minimize import minimize
from ..problems import Problem
from ..problems import problem as named
from .certify import certified
from .linear import responses, state_space
from .rate import spectral_radius, turn
from .spectra import Spectrum, modes, pid_lr_limit, stable_lr

ROUNDING = 1e-9
"""Errors so far below where they start are left out, for rounding."""

Curves = tuple[np.ndarray, dict[str, np.ndarray]]
Functions = Callable[[float, float, int, int], dict[str, tuple[Problem, Any]]]
Methods = Callable[[float, float], dict[str, Method]]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a theorem states and what is measured beside it, over the same x.

    Attributes
    ----------
    x, stated : ndarray of shape (points,)
    measured : dict of str to ndarray of shape (points,)
        nan where nothing is measured.
    """

    x: np.ndarray
    stated: np.ndarray
    measured: dict[str, np.ndarray]


# ------------------------------------------------------------------ runs


@dataclass(frozen=True, eq=False)
class Observed:
    """A run on a function whose minimiser is known: distances, values and slopes at the iterates."""

    problem: Problem
    x: np.ndarray
    slopes: np.ndarray

    @property
    def distance(self) -> np.ndarray:
        return np.linalg.norm(self.x - self.problem.minimizers[0], axis=1)

    @property
    def gap(self) -> np.ndarray:
        return self._gaps(self.x)

    @property
    def gap_of_mean(self) -> np.ndarray:
        return self._gaps(np.cumsum(self.x, axis=0) / np.arange(1, len(self.x) + 1)[:, None])

    def _gaps(self, points: np.ndarray) -> np.ndarray:
        return np.array([self.problem.fun(x) for x in points]) - self.problem.fstar


def observe(method: Method, p: Problem, x0: Any, steps: int) -> Observed:
    """A run of so many steps, or to where the gradient is exactly zero."""
    with np.errstate(all="ignore"):  # as compiled
        history = minimize(p, x0, method, tol=0, norm=2, maxiter=steps).history
    assert history is not None and (np.diff(history.k) == 1).all()
    return Observed(p, history.x.reshape(len(history), -1), history.gnorm)


Quantity = Callable[[Observed, float, float], np.ndarray]


def runs(functions: Functions, methods: Methods, quantity: Quantity) -> Callable:
    """What measures by running each method on each function."""

    def measure(mu: float, L: float, seed: int, steps: int) -> Curves:
        k, measured = np.arange(steps + 1), {}
        chosen = functions(mu, L, seed, steps)
        for name, method in methods(mu, L).items():
            for on, (p, x0) in chosen.items():
                found = quantity(observe(method, p, x0, steps), mu, L)
                found = np.append(found, np.full(len(k) - len(found), nan))
                found[found < ROUNDING * np.nanmax(found)] = nan
                measured[f"{name} on {on}"] = found
        return k, measured

    return measure


def problem(name: str, **options: Any) -> Problem:
    """One of the library's, not compiled: runs are shorter than compiling would take."""
    return replace(named(name, **options), compile=False)


def _start(p: Problem, seed: int) -> np.ndarray:
    """A random start, near or far."""
    rng = np.random.default_rng([seed, 7])
    return p.minimizers[0] + 10 ** rng.uniform(-1, 1.5) * rng.standard_normal(p.dim)


def strongly_convex(mu: float, L: float, seed: int, steps: int) -> dict[str, tuple[Problem, Any]]:
    """Worst cases, and a random function."""
    random = problem("log_cosh", n=8, mu=mu, L=L, seed=seed)
    return {
        "two curvatures": (problem("quadratic", n=2, mu=mu, L=L, spectrum="two_point"), None),
        "Nesterov's worst": (problem("worst_strongly_convex", n=50, mu=mu, L=L), None),
        "log-cosh": (random, _start(random, seed)),
    }


def quadratics(mu: float, L: float, seed: int, steps: int) -> dict[str, tuple[Problem, Any]]:
    """The ends of the spectrum alone, the canonical one, and a random rotation."""
    random = problem("quadratic", n=16, mu=mu, L=L, spectrum="chebyshev", seed=seed)
    return {
        "curvature μ": (problem("quadratic", n=1, mu=mu, L=mu), None),
        "curvature L": (problem("quadratic", n=1, mu=L, L=L), None),
        "50 curvatures": (problem("quadratic", n=50, mu=mu, L=L), None),
        "a rotated bowl": (random, _start(random, seed)),
    }


def hubers(mu: float, L: float, seed: int, steps: int) -> dict[str, tuple[Problem, Any]]:
    """Huber's functions, each the worst for gradient descent after N steps, and what is bad for any method."""
    made = {f"Huber's, N = {n}": (problem("huber", L=L, tau=1 / (2 * n + 1)), None) for n in (1, 3, 10, 30, 100)}
    return made | {"Nesterov's worst": convex(mu, L, seed, steps)["Nesterov's worst"]}


def convex(mu: float, L: float, seed: int, steps: int) -> dict[str, tuple[Problem, Any]]:
    """Worst cases, of gradient descent over all the steps and of any method over half the dimension; a random one."""
    random = problem("log_cosh", n=8, mu=1e-6 * L, L=L, seed=seed)
    return {
        "Huber's function": (problem("huber", L=L, tau=1 / (2 * steps + 1)), None),
        "Nesterov's worst": (problem("worst_convex", n=61, L=L), None),
        "log-cosh": (random, _start(random, seed)),
    }


def ripples(mu: float, L: float, seed: int, steps: int) -> dict[str, tuple[Problem, Any]]:
    """Nonconvex, |f″| ≤ 1.002."""
    if L < 1.002:
        raise ValueError(f"L = {L:g}; the functions that are run have curvatures up to 1.002")
    bowls = {f"ripples of {n} variables": problem("cosine_ripples", n=n) for n in (2, 5)}
    return {on: (p, _start(p, seed)) for on, p in bowls.items()}


def distance(run: Observed, mu: float, L: float) -> np.ndarray:
    return run.distance / run.distance[0]


def gap(run: Observed, mu: float, L: float) -> np.ndarray:
    return run.gap / run.gap[0]


def gap_by_distance(run: Observed, mu: float, L: float) -> np.ndarray:
    return run.gap / (L * run.distance[0] ** 2)


def mean_gap_by_distance(run: Observed, mu: float, L: float) -> np.ndarray:
    return run.gap_of_mean / (L * run.distance[0] ** 2)


def gap_by_both(run: Observed, mu: float, L: float) -> np.ndarray:
    return run.gap / (run.gap[0] + mu / 2 * run.distance[0] ** 2)


def least_slope(run: Observed, mu: float, L: float) -> np.ndarray:
    least = np.minimum.accumulate(run.slopes**2) / run.gap[0]
    return np.append(nan, least[:-1])


# ------------------------------------------------------------------ what spectra and certificates give


def limits(mu: float, L: float, seed: int, steps: int) -> Curves:
    """The largest stable step size of PID over k_dL, at β = ½, by its spectrum."""
    gains = np.array([-0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2])
    return gains, {
        "by the spectrum": np.array([stable_lr(rules.pid, mu, L, beta=0.5, kd=gain / L) * L for gain in gains])
    }


def interior(mu: float, L: float, seed: int, steps: int) -> Curves:
    """The rate of each mode over the larger of those at μ and L, for random members of the family."""
    curvatures, rng = np.geomspace(mu, L, 400), np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    while len(found) < 12:
        beta, kd = rng.uniform(0, 1), rng.uniform(-0.5, 1) / L
        method = rules.pid(lr=max(pid_lr_limit(beta, kd, L), 0.1 / L) * rng.uniform(0.05, 1.3), beta=beta, kd=kd)
        rates = Spectrum(method).radius(curvatures)
        found[f"random α, β and k_d on {len(found)}"] = rates / max(rates[0], rates[-1])
    return curvatures, found


def best_of_grid(mu: float, L: float, seed: int, steps: int) -> Curves:
    """The least rate of PID over α and β, for each k_dL over heavy ball's best β: by grids, finer and finer."""
    best = rules.heavy_ball.tuned(mu=mu, L=L).row(1)
    gains, turns, ends = np.linspace(-0.2, 0.2, 9), np.linspace(-1, 1, 25), np.array([mu, L])

    def least(gain: float) -> float:
        lr, beta, width = float(best["lr"]), float(best["beta"]), 0.5
        for _ in range(12):
            lrs, betas = (
                lr * (1 + width * turns)[:, None, None],
                np.clip(beta * (1 + width * turns), 0, 0.9999)[:, None],
            )
            rates = _radius(dict(lr=lrs, beta=betas, kd=gain * best["beta"] / L), ends).max(axis=-1)
            i, j = np.unravel_index(np.argmin(rates), rates.shape)
            lr, beta, width = float(lrs[i, 0, 0]), float(betas[j, 0]), width / 2
        return float(rates.min())

    return gains, {"the best α and β": np.array([least(gain) for gain in gains])}


def _radius(row: Mapping[str, Any], curvatures: np.ndarray) -> np.ndarray:
    """The rates of PID's modes over arrays of hyperparameters."""
    return spectral_radius(modes(rules.pid, row, curvatures)[0])


def certified_beta(mu: float, L: float, seed: int, steps: int) -> Curves:
    """The largest momentum of heavy ball with α = 1/L whose convergence is certified, over κ."""
    kappas = np.array([2.0, 5.0, 10.0, 30.0, 100.0, 300.0, 1000.0])

    def largest(kappa: float) -> float:
        at = lambda beta: rules.heavy_ball(lr=1.0, beta=beta)
        there = lambda beta: certified(at(beta), mu=1 / kappa, L=1.0, multiplier="off-by-one") is not None
        return turn(there, 0.0, 1 - 1e-9, 1e-5)[0]

    return kappas, {"certified": np.array([largest(kappa) for kappa in kappas])}


def impulse(mu: float, L: float, seed: int, steps: int) -> Curves:
    """Where the gradient points of the triple momentum method and of PID go after one gradient of size L."""
    tuned = {"triple momentum": rules.triple_momentum, "PID": rules.pid}
    moved = lambda rule: -L * responses(state_space(rule.tuned(mu=mu, L=L)), steps)[:, 0]
    return np.arange(steps), {name: moved(rule) for name, rule in tuned.items()}


def cycle(mu: float, L: float, seed: int, steps: int) -> Curves:
    """Heavy ball as tuned for quadratics on the function of Lessard, Recht & Packard."""
    if (mu, L) != (1, 25):
        raise ValueError(f"mu = {mu:g}, L = {L:g}; the function that is run has mu = 1 and L = 25")
    run = observe(rules.heavy_ball.tuned(mu=mu, L=L), problem("lessard_recht_packard"), [3.3], steps)
    return np.arange(steps + 1), {"from 3.3": run.distance}
