"""Certified rates: worst cases over all μ-strongly convex, L-smooth functions, of whatever dimension.

A linear rule is a controller in feedback with the gradient, of which only a quadratic constraint is used: u = ∇f(y) has
⟨Ly − u, u − μy⟩ ≥ 0 at each point (the sector), and more along a run (the off-by-one constraint, weighted by ρ).
"""

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np

from ..errors import unknown
from ..method import Method
from ..rule import Rule
from .linear import NotLinear, StateSpace, part, queries, responses, state_space
from .rate import Rate, as_rule, as_tuned, constants, spectral_radius, whole
from .tuning import least

ANGLES = 2000
SLACK = 1e-9
"""What counts as zero in the frequency test, of the product of its factors."""
LAST = 1 - 1e-6
"""The largest rate that counts as one."""
MULTIPLIERS = ("best", "sector", "off-by-one")


def _scaled(owner: str, method: Method | Rule | str, mu: float, L: float) -> tuple[StateSpace, float]:
    """What a run reaches and shows, for L = 1, and μ/L."""
    mu, L = constants(owner, mu, L)
    chosen = as_tuned(method, mu, L)
    if chosen.rule.inputs:
        by = chosen.preconditioner
        raise NotLinear(
            f"{chosen.name}: what {by} supplies depends on the function beyond its gradient; no certificate"
        )
    space = state_space(chosen)
    found = part(space).of(space)
    return StateSpace(found.A, found.B * L, *(found.C, found.E, found.X, found.G, found.states, found.inputs)), mu / L


def _least(holds: Callable[[float], bool], precision: float) -> float | None:
    """The least ρ < 1 that is certified; None where there is none. What holds for ρ holds for every larger one."""
    if not holds(LAST):
        return None
    low, high = 0.0, LAST
    while high - low > precision:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


# ------------------------------------------------------------------ by frequencies


class Frequencies:
    """The frequency test of a loop, for L = 1.

    For one h in [0, ρ²], Re[(1 − h/z)·conj(1 − μG(z))·(G(z) − 1)] ≤ 0 on |z| = ρ, and one quadratic converges at ρ.
    """

    def __init__(self, space: StateSpace, mu: float, angles: int = ANGLES) -> None:
        self.mu = mu
        self.one = min(float(spectral_radius(space.A + c * space.B @ space.C)) for c in (mu, (1 + mu) / 2, 1.0))
        self.below = np.poly(space.A)
        self.above = np.convolve(self.below, responses(space, len(space.A))[:, 0])[: len(space.A)]
        near = np.geomspace(1e-7, 0.1, angles // 4)
        turns = np.concatenate([[0.0], near, np.linspace(0.1, np.pi - 0.1, angles // 2), np.pi - near[::-1], [np.pi]])
        self.circle = np.exp(1j * turns)

    def gain(self, z: np.ndarray) -> np.ndarray:
        """G(z)."""
        return np.polyval(self.above, z) / np.polyval(self.below, z)

    def holds(self, rho: float, multiplier: str) -> bool:
        """Whether ρ is certified."""
        if self.one >= rho:
            return False
        z = rho * self.circle
        G = self.gain(z)
        b, c = np.conj(1 - self.mu * G), G - 1
        size = np.abs(b) * np.abs(c)
        plain, turned = (b * c).real / size, (b * c / z).real / size
        if multiplier == "sector":
            return bool((plain <= SLACK).all())
        # (1 − h/z)·b·c ≤ slack·|1 − h/z|·|b·c|, tried from the largest h, which was the best in every case
        weights = rho**2 * (np.array([1.0]) if multiplier == "off-by-one" else np.linspace(1, 0, 33))
        return any(bool((plain - h * turned <= SLACK * np.abs(1 - h / z)).all()) for h in weights)


# ------------------------------------------------------------------ by a linear matrix inequality


class Inequality:
    """The linear matrix inequality of Lessard, Recht & Packard for a loop, for L = 1.

    P ≻ 0 and ℓ ≥ 0 such that eᵀPe shrinks by ρ² a step wherever the constraint holds.
    """

    def __init__(self, space: StateSpace, mu: float, multiplier: str) -> None:
        import cvxpy as cp

        A, B, C = space.A, space.B[:, :1], space.C
        n = len(A)
        filtered = multiplier != "sector"
        if filtered:
            A, B = np.block([[A, np.zeros((n, 1))], [-C, np.zeros((1, 1))]]), np.vstack([B, [[1.0]]])
        size = n + filtered
        zero = np.zeros((1, size - n))
        above, below = np.hstack([C, zero, [[-1.0]]]), np.hstack([-mu * C, zero, [[1.0]]])
        earlier = np.eye(1, size + 1, n) if filtered else np.zeros((1, size + 1))
        paired = lambda row: row.T @ below + below.T @ row

        self.square = cp.Parameter(nonneg=True)
        self.P, self.excess = cp.Variable((size, size), PSD=True), cp.Variable()
        step, old = np.hstack([A, B]), np.eye(size, size + 1)
        constraint = paired(above) + self.square * paired(earlier)
        matrix = step.T @ self.P @ step - self.square * (old.T @ self.P @ old) + constraint
        if multiplier == "best":
            weight = cp.Variable(nonneg=True)  # of the sector beside the filtered constraint
            matrix = matrix + weight * paired(above)
        symmetric = (matrix + matrix.T) / 2
        self.problem = cp.Problem(
            cp.Minimize(self.excess), [symmetric << self.excess * np.eye(size + 1), self.excess >= -1]
        )

    def holds(self, rho: float) -> bool:
        """Whether ρ is certified, to the solver's precision."""
        import cvxpy as cp

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
    space, ratio = _scaled("certified", method, mu, L)
    if by == "frequencies":
        test = Frequencies(space, ratio)
        found, how = _least(lambda rho: test.holds(rho, multiplier), 1e-8), "the frequency test"
    else:
        needs_solver("certified by a matrix inequality")
        found, how = _least(Inequality(space, ratio, multiplier).holds, 1e-5), "the matrix inequality"
    what = "either constraint" if multiplier == "best" else f"the {multiplier} constraint"
    return None if found is None else Rate(found, f"{how} with {what}", multiplier=multiplier)


def needs_solver(what: str, solver: str = "cvxpy") -> None:
    if find_spec(solver) is None:
        raise ImportError(f"{what} needs {solver}: pip install 'momentumlab[analysis]'")


def worst_case(method: Method | Rule | str, mu: float, L: float, steps: int) -> float:
    """The largest ‖y_N − x*‖² over all μ-strongly convex, L-smooth functions and starts with ‖x₀ − x*‖ ≤ 1.

    y_N is the point where the gradient is taken after N steps. Exact up to the solver's precision: by performance
    estimation (PEPit), whose points are those that the rule itself makes.

    Parameters
    ----------
    method : Method, Rule or str
        Linear; its schedules may move.
    mu, L : float
        0 < μ ≤ L.
    steps : int
        N, at least 1; the time grows like N⁶, 20 take half a minute.

    Returns
    -------
    float

    Raises
    ------
    NotLinear, ValueError, ImportError

    References
    ----------
    Drori & Teboulle (2014); Taylor, Hendrickx & Glineur (2017).

    Examples
    --------
    >>> import momentumlab as ml
    >>> round(ml.rates.worst_case(ml.gradient_descent(lr=1.0), mu=0.1, L=1, steps=1), 4)
    0.81
    """
    mu, L = constants("worst_case", mu, L)
    steps = whole("worst_case", "steps", steps)
    needs_solver("worst_case", "PEPit")
    from PEPit import PEP
    from PEPit.functions import SmoothStronglyConvexFunction

    problem = PEP()
    f = problem.declare_function(SmoothStronglyConvexFunction, mu=mu, L=L)
    best, start = f.stationary_point(), problem.set_initial_point()
    problem.set_initial_condition((start - best) ** 2 <= 1)
    vectors = {"x0": start}
    for k, form in enumerate(queries(as_tuned(method, mu, L), steps + 1)):
        point = sum((c * vectors[n] for n, c in form.parts.items()), 0 * start)
        if k < steps:
            vectors[f"g{k}"] = f.gradient(point)
    problem.set_performance_metric((point - best) ** 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
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
    NotLinear, ValueError

    Examples
    --------
    >>> import momentumlab as ml
    >>> m = ml.rates.optimise(ml.gradient_descent, mu=1, L=3)
    >>> ml.rates.certified(m, mu=1, L=3)
    0.5
    """
    mu, L = constants("optimise", mu, L)
    chosen = as_rule("optimise", rule)

    def rate(method: Method) -> float:
        space, ratio = _scaled("optimise", method, mu, L)
        test = Frequencies(space, ratio, ANGLES // 4)
        found = _least(lambda rho: test.holds(rho, "off-by-one"), 1e-8)
        return float(spectral_radius(space.A + space.B @ space.C)) + 1 if found is None else found

    return least(chosen, mu, L, rate, free)
