"""Certified rates: worst cases over all μ-strongly convex, L-smooth functions, of whatever dimension.

A linear rule is a controller in feedback with the gradient, of which only a quadratic constraint is used: u = ∇f(y) has
⟨Ly − u, u − μy⟩ ≥ 0 at each point (the sector), and more along a run (the off-by-one constraint, weighted by ρ).
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import needs, short, unknown
from ..method import Method
from ..problems.options import curvature, nonnegative, positive, whole
from ..rule import Rule
from .linear import NotLinear, between_gradients, queries, refuse_products, responses
from .rate import Rate, as_rule, as_tuned, between, turn
from .spectra import Spectrum, highest
from .tuning import least

ANGLES, CURVATURES = 2000, 65
SLACK = 1e-9
"""What counts as zero in the frequency test, of the product of its factors."""
LAST = 1 - 1e-6
"""The largest rate that counts as one."""
MULTIPLIERS = ("best", "sector", "off-by-one")


@dataclass(frozen=True, eq=False)
class Loop:
    """A rule in feedback with a gradient, scaled to L = 1: G(z) = above(z)/below(z).

    Attributes
    ----------
    above, below : ndarray
        Coefficients, from the highest power of z; `below` starts with 1.
    mu : float
        μ/L.
    roots : ndarray
        Of the loop on quadratics, over the curvatures from μ to L.
    exact : float
        The rate on the slowest of these quadratics, below which nothing is certified.
    """

    above: np.ndarray
    below: np.ndarray
    mu: float
    roots: np.ndarray
    exact: float

    def gain(self, z: np.ndarray) -> np.ndarray:
        """G(z)."""
        return np.polyval(self.above, z) / np.polyval(self.below, z)


def loop(owner: str, method: Method | Rule | str, mu: float, L: float) -> Loop:
    """The loop of a linear method."""
    mu, L = curvature(owner, mu, L)
    chosen = as_tuned(method, mu, L)
    refuse_products(chosen)
    spectrum = Spectrum(chosen)
    rate, _ = highest(spectrum.radius, mu, L)
    roots = np.linalg.eigvals(spectrum.shown(between(mu, L, CURVATURES))).ravel()
    answering = between_gradients(chosen)
    n, below = len(answering.A), np.poly(answering.A)
    above = np.convolve(below, responses(answering, n)[:, 0])[:n] * L if n else np.zeros(1)
    return Loop(above, below, mu / L, roots, rate)


def _least(holds: Callable[[float], bool], precision: float) -> float | None:
    """The least ρ < 1 that is certified; None where there is none.

    A certificate for ρ is one for every larger rate, since ρᵏ is what it bounds.
    """
    return turn(holds, 0.0, LAST, precision)[1] if holds(LAST) else None


# ------------------------------------------------------------------ by frequencies


class Frequencies:
    """The frequency test: ρ is certified if quadratics converge at ρ, and for one h in [0, ρ²], on |z| = ρ,

    Re[(1 − h/z)·conj(1 − μG(z))·(G(z) − 1)] ≤ 0.
    """

    def __init__(self, loop: Loop, multiplier: str, angles: int = ANGLES) -> None:
        self.loop, self.multiplier = loop, multiplier
        near = np.geomspace(1e-7, 0.1, angles // 4)
        middle = np.linspace(0.1, np.pi - 0.1, angles // 2)
        resonant, width = np.abs(np.angle(loop.roots)), np.abs(1 - np.abs(loop.roots))
        peaks = [np.clip(resonant + c * width, 0, np.pi) for c in (-2, -0.5, 0, 0.5, 2)]
        turns = np.concatenate([[0.0], near, middle, np.pi - near[::-1], [np.pi], *peaks])
        self.circle = np.exp(1j * np.unique(turns))

    def holds(self, rho: float) -> bool:
        """Whether ρ is certified."""
        return self.loop.exact < rho and self.excess(rho) <= SLACK

    def excess(self, rho: float) -> float:
        """By how much the inequality fails where it fails most, of the product of its factors; for the best h."""
        z = rho * self.circle
        G = self.loop.gain(z)
        both = np.conj(1 - self.loop.mu * G) * (G - 1)
        size = np.abs(both)  # at each frequency, or the poles would hide all others
        plain, turned = both.real / size, (both / z).real / size
        weights = {"sector": [0.0], "off-by-one": [1.0]}.get(self.multiplier, np.linspace(1, 0, 33))
        found = np.inf
        for h in rho**2 * np.asarray(weights):
            found = min(found, float(((plain - h * turned) / np.abs(1 - h / z)).max()))
            if found <= SLACK:
                break
        return found


# ------------------------------------------------------------------ by a linear matrix inequality


class Inequality:
    """The linear matrix inequality: P ⪰ 0 and ℓ ≥ 0 such that eᵀPe shrinks by ρ² a step wherever the constraint holds.

    In the state (yₖ, yₖ₋₁, ...) of G's companion form, scaled so that a state of ones is y = 1.
    """

    def __init__(self, loop: Loop, multiplier: str) -> None:
        import cvxpy as cp

        n, mu = len(loop.below) - 1, loop.mu
        scale = loop.above.sum() or 1.0
        A = np.vstack([-loop.below[1:], np.eye(n)[:-1]])
        B, C = scale * np.eye(n)[:, :1], loop.above[None, :] / scale
        filtered = multiplier != "sector"
        if filtered:
            A, B = np.block([[A, np.zeros((n, 1))], [-C, np.zeros((1, 1))]]), np.vstack([B, [[1.0]]])
        size = n + filtered
        zero = np.zeros((1, size - n))
        above, below = np.hstack([C, zero, [[-1.0]]]), np.hstack([-mu * C, zero, [[1.0]]])
        earlier = np.eye(1, size + 1, n) if filtered else np.zeros((1, size + 1))
        paired = lambda row: row.T @ below + below.T @ row

        self.loop, self.square = loop, cp.Parameter(nonneg=True)
        P, self.excess = cp.Variable((size, size), PSD=True), cp.Variable()
        step, old = np.hstack([A, B]), np.eye(size, size + 1)
        constraint = paired(above) + self.square * paired(earlier)
        matrix = step.T @ P @ step - self.square * (old.T @ P @ old) + constraint
        if multiplier == "best":
            matrix = matrix + cp.Variable(nonneg=True) * paired(above)  # the sector beside the filtered constraint
        symmetric = (matrix + matrix.T) / 2
        bounds = [symmetric << self.excess * np.eye(size + 1), self.excess >= -1]
        self.problem = cp.Problem(cp.Minimize(self.excess), bounds)

    def holds(self, rho: float) -> bool:
        """Whether ρ is certified, to the solver's precision."""
        import cvxpy as cp

        if self.loop.exact >= rho:
            return False
        self.square.value = rho**2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of inaccurate solutions, which are judged by their excess
            try:
                self.problem.solve(solver=cp.CLARABEL)
            except cp.error.SolverError:
                return False
        return self.excess.value is not None and float(self.excess.value) <= 1e-8


# ------------------------------------------------------------------ what users call


def certified(
    method: Method | Rule | str, mu: float, L: float, *, multiplier: str = "best", by: str = "frequencies"
) -> Rate | None:
    """A rate that holds for every μ-strongly convex, L-smooth function: ‖ξₖ − ξ*‖ ≤ Cρᵏ‖ξ₀ − ξ*‖.

    Parameters
    ----------
    method : Method, Rule or str
        Linear, once its schedules have settled; a rule is tuned for μ and L, where there is such a tuning.
    mu, L : float
        0 < μ ≤ L.
    multiplier : str
        What is used of the gradient: "sector", "off-by-one" (weighted by ρ), or the "best" between the two.
    by : str
        "frequencies", a test along |z| = ρ without a solver, or "lmi", the matrix inequality, by CVXPY and Clarabel.

    Returns
    -------
    Rate or None
        None where no rate below 1 is certified, which is no proof that the method diverges somewhere.

    Raises
    ------
    NotLinear
        Where the rule is not linear, moves with k, or asks for products.
    ValueError
        Where an argument is out of range.
    ImportError
        Where the matrix inequality is asked for and CVXPY is not installed.

    References
    ----------
    Lessard, Recht & Packard (2016).

    Examples
    --------
    >>> import momentumlab as ml
    >>> ml.rates.certified(ml.nesterov, mu=1, L=100)
    0.927933
    >>> ml.rates.certified(ml.heavy_ball, mu=1, L=100) is None
    True
    """
    if multiplier not in MULTIPLIERS:
        raise ValueError(f"certified: {unknown('multiplier', multiplier, MULTIPLIERS)}")
    if by not in ("frequencies", "lmi"):
        raise ValueError(f"certified: {unknown('test', by, ('frequencies', 'lmi'))}")
    closed = loop("certified", method, mu, L)
    if by == "frequencies":
        found, how = _least(Frequencies(closed, multiplier).holds, 1e-8), "the frequency test"
    else:
        needs("certified by a matrix inequality", "cvxpy", "clarabel")
        found, how = _least(Inequality(closed, multiplier).holds, 1e-5), "the matrix inequality"
    return None if found is None else Rate(found, how)


def worst_case(
    method: Method | Rule | str, mu: float, L: float, steps: int, *, start: str = "distance", end: str = "distance"
) -> float:
    """The largest error after some steps over all μ-strongly convex, L-smooth functions, from an error of 1.

    ‖y_N − x*‖² or f(y_N) − f*, where y_N is the point at which the gradient is taken after N steps. Exact up to the
    solver's precision: by performance estimation (PEPit), on the very points that the rule makes.

    Parameters
    ----------
    method : Method, Rule or str
        Linear; its schedules may move.
    mu, L : float
        0 ≤ μ < L; 0 is convex.
    steps : int
        N, at least 1; twenty take some seconds, and the time grows fast.
    start, end : {"distance", "gap"}
        Which error is 1 at first, ‖x₀ − x*‖² or f(x₀) − f*, and which is largest at last.

    Returns
    -------
    float

    Raises
    ------
    NotLinear
        Where the rule is not linear, or moves where there is no gradient.
    ValueError
        Where an argument is out of range.
    ImportError
        Where PEPit is not installed.

    References
    ----------
    Drori & Teboulle (2014); Taylor, Hendrickx & Glineur (2017).

    Examples
    --------
    >>> import momentumlab as ml
    >>> round(ml.rates.worst_case(ml.gradient_descent(lr=1.0), mu=0.1, L=1, steps=1), 4)  # doctest: +SKIP
    0.81
    """
    steps = whole("worst_case", "steps", steps)
    mu, L = nonnegative("worst_case", "mu", mu), positive("worst_case", "L", L)
    if mu >= L:
        raise ValueError(f"worst_case: mu = {mu:g}, L = {L:g}; mu must be smaller than L")
    chosen = as_tuned(method, mu, L)
    for name, kind in (("start", start), ("end", end)):
        if kind not in ("distance", "gap"):
            raise ValueError(f"worst_case: {name} = {short(kind)}; it must be 'distance' or 'gap'")
    needs("worst_case", "PEPit", "cvxpy", "clarabel")
    from PEPit import PEP
    from PEPit.functions import SmoothStronglyConvexFunction

    problem = PEP()
    f = problem.declare_function(SmoothStronglyConvexFunction, mu=mu, L=L)
    best, x0 = f.stationary_point(), problem.set_initial_point()
    error = lambda x, kind: (x - best) ** 2 if kind == "distance" else f(x) - f(best)
    problem.set_initial_condition(error(x0, start) <= 1)
    vectors = {"x0": x0}
    for k, form in enumerate(queries(chosen, steps + 1)):
        if abs(form.of("x0") - 1) > 1e-9:
            raise NotLinear(f"{chosen.name} moves without a gradient, so it does not rest at minimisers")
        point = sum((c * vectors[n] for n, c in form.parts.items()), 0 * x0)
        if k < steps:
            vectors[f"g{k}"] = f.gradient(point)
    problem.set_performance_metric(error(point, end))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of inaccurate solutions
        return float(problem.solve(verbose=0, wrapper="cvxpy", solver="CLARABEL"))


def optimise(rule: Rule | str, mu: float, L: float, free: Sequence[str] | None = None) -> Method:
    """The hyperparameters whose certified rate is least, by the frequency test.

    Parameters
    ----------
    rule : Rule or str
        Linear.
    mu, L : float
        0 < μ ≤ L.
    free : sequence of str, optional
        Which to search over: by default those that are numbers. Others stay functions of these.

    Returns
    -------
    Method
        The best of searches from several places.

    Raises
    ------
    NotLinear
        Where the rule is not linear, or asks for products.
    ValueError
        Where μ or L is out of range, or what is to be free is no hyperparameter.

    Examples
    --------
    >>> import momentumlab as ml
    >>> m = ml.rates.optimise(ml.gradient_descent, mu=1, L=3)
    >>> ml.rates.certified(m, mu=1, L=3)
    0.5
    """
    mu, L = curvature("optimise", mu, L)
    chosen = as_rule("optimise", rule)

    def rate(method: Method) -> float:
        closed = loop("optimise", method, mu, L)
        test = Frequencies(closed, "off-by-one", ANGLES // 4)
        found = _least(test.holds, 1e-8)
        if found is None:  # how far it is from having a certificate
            return 1 + test.excess(LAST) if closed.exact < LAST else 2 + closed.exact
        return found

    return least(chosen, mu, L, rate, free)
