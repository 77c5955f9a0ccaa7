"""Exact rates on quadratics: what a linear rule does on a mode of curvature λ, and over all λ in [μ, L].

On the mode the gradient is λ times the point, and a Hessian's products are exact; forms whose coefficients are arrays
over λ, or over grids of hyperparameters, walk through the rule.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np

from ..errors import short
from ..hyper import inside, resolve
from ..method import Method
from ..problems.options import positive, whole
from ..rule import Rule
from .linear import NotLinear, Part, part, responses, settled, state_space, unit, walked
from .rate import Rate, as_rule, as_tuned, between, curvature, spectral_radius, turn
from .tuning import least

MODES = 257
"""Curvatures at which a rule is looked at, before the worst is refined."""
LONGEST = 20_000
"""Iterations over which a peak is looked for."""
TOGETHER = 1024
"""Cells of a grid that are looked at together."""
TIE = 1e-7
"""Rates this near are equal: a double root is found to half the digits."""


# ------------------------------------------------------------------ one mode


def modes(rule: Rule, row: Mapping[str, Any], curvatures: Any) -> tuple[np.ndarray, np.ndarray]:
    """The step ξ⁺ = Mξ of a rule on quadratics of these curvatures, and its start ξ₀, from x₀ = 1.

    Hyperparameters may be arrays that broadcast with the curvatures; the matrix is in the last two dimensions.
    """
    point = unit(rule.point)
    seen = rule.seen(point, point * curvatures, row)
    vectors = {"g": seen, rule.point: point, **{n: unit(n) for n in rule.slots}}
    products = [vectors[n[1:]] * curvatures if n[0] == "B" else vectors[n[1:]] / curvatures for n in rule.inputs]
    given = [point, point * curvatures, *products, *(unit(n) for n in rule.slots)]
    new, first = walked(rule, row, given, unit("x0"), unit("x0") * curvatures)
    states = (rule.point, *rule.slots)
    values = [form.of(name) for form in new for name in states] + [form.of("x0") for form in first]
    shape = np.broadcast_shapes(np.shape(curvatures), *map(np.shape, values))
    whole = [np.broadcast_to(np.asarray(value, dtype=float), shape) for value in values]
    n = len(states)
    return np.stack(whole[: n * n], axis=-1).reshape(*shape, n, n), np.stack(whole[n * n :], axis=-1)


class Spectrum:
    """A linear method on the modes of quadratics: its step, cut down to what a run reaches and shows."""

    def __init__(self, method: Method) -> None:
        if method.rule.inputs and not method.takes_hessian:
            by = method.preconditioner
            why = f"what {by} supplies moves with the run; only hessian() is exact on quadratics"
            raise NotLinear(f"{method.name}: {why}")
        self.rule, self.row = method.rule, settled(method)
        self.part: Part = part(state_space(method), all_states=bool(method.rule.scheduled))
        self.reported = (self.rule.point, *self.rule.slots).index(self.rule.reports)

    def steps(self, curvatures: Any) -> tuple[np.ndarray, np.ndarray]:
        """The matrices and starts of modes."""
        return modes(self.rule, self.row, np.asarray(curvatures, dtype=float))

    def shown(self, curvatures: Any) -> np.ndarray:
        """The matrices of modes, on what a run reaches and shows."""
        return self.part.L @ self.steps(curvatures)[0] @ self.part.R

    def radius(self, curvatures: Any) -> np.ndarray:
        """The rate of each mode."""
        return spectral_radius(self.shown(curvatures))

    @property
    def whole(self) -> bool:
        """Whether what a run does not reach or show adds nothing to a mode but roots that are zero."""
        one = np.array([1.0])
        shown, full = np.poly(self.shown(one)[0]), np.poly(self.steps(one)[0][0])
        return np.allclose(full, np.pad(shown, (0, len(full) - len(shown))), atol=TIE)

    def walk(self, curvatures: Any) -> Iterator[np.ndarray]:
        """eₖ/e₀ on each mode, k = 0, 1, ..., with the hyperparameters as they are at each k."""
        curvatures = np.asarray(curvatures, dtype=float)
        M, state = modes(self.rule, self.rule.row(1), curvatures)
        for k in count(1):
            yield state[..., self.reported]
            if self.rule.scheduled and k > 1:
                M, _ = modes(self.rule, self.rule.row(k), curvatures)
            state = (M @ state[..., None])[..., 0]


def highest(values: Callable[[np.ndarray], np.ndarray], mu: float, L: float) -> tuple[float, float]:
    """The largest value over [μ, L] and where: at many points, then more closely around the largest of them."""
    grid = between(mu, L, MODES)
    found = values(grid)
    for _ in range(6):
        i = int(np.argmax(found))
        low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
        closer = np.append(np.linspace(low, high, 33), grid[i])
        more = values(closer)
        if low == high or more.max() <= found[i]:
            break
        grid, found = closer[:-1], more[:-1]
    return float(found.max()), float(grid[int(np.argmax(found))])


def exact(method: Method | Rule | str, mu: float, L: float) -> Rate:
    """The exact asymptotic rate on quadratics with eigenvalues in [μ, L].

    max over λ in [μ, L] of the spectral radius of A + λBC, where (A, B, C) is the part of the rule that a run reaches.

    Parameters
    ----------
    method : Method, Rule or str
        Linear, once its schedules have settled; a rule is tuned for μ and L, where there is such a tuning.
    mu, L : float
        0 < μ ≤ L.

    Returns
    -------
    Rate
        Less than 1 where the method converges. `worst` is the λ that decides it.

    Raises
    ------
    NotLinear
        Where the rule is not linear, or moves with k.
    ValueError
        Where μ or L is out of range.

    References
    ----------
    Polyak (1964); Lessard, Recht & Packard (2016).

    Examples
    --------
    >>> import momentumlab as ml
    >>> ml.rates.exact(ml.heavy_ball, mu=1, L=100)
    0.818182
    >>> ml.rates.exact(ml.gradient_descent(lr=0.03), mu=1, L=100).worst
    100.0
    """
    mu, L = curvature("exact", mu, L)
    radius = Spectrum(as_tuned(method, mu, L)).radius
    rate, worst = highest(radius, mu, L)
    ends = radius(np.array([L, mu]))
    if ends.max() >= rate - TIE:
        worst = (L, mu)[int(np.argmax(ends))]
    return Rate(rate, f"the spectrum on quadratics; worst at λ = {worst:.6g}", worst=worst)


def amplitudes(method: Method | Rule | str, curvatures: Any, steps: int) -> np.ndarray:
    """eₖ/e₀ at the iterates of a linear method on ½λx², for each λ and k = 0, ..., steps.

    Parameters
    ----------
    method : Method, Rule or str
        Linear; a rule is tuned for the least and the largest curvature.
    curvatures : array_like of shape (modes,)
    steps : int
        0 or more.

    Returns
    -------
    ndarray of shape (steps + 1, modes)
        With the schedules as they are at each k.

    Raises
    ------
    NotLinear
        Where the rule is not linear.
    ValueError
        Where an argument is out of range.

    Examples
    --------
    >>> import momentumlab as ml
    >>> amplitudes(ml.gradient_descent(lr=0.5), [1.0, 2.0], 2).tolist()
    [[1.0, 1.0], [0.5, 0.0], [0.25, 0.0]]
    """
    curvatures, steps = np.atleast_1d(np.asarray(curvatures, dtype=float)), whole("amplitudes", "steps", steps, 0)
    if curvatures.ndim != 1 or not curvatures.size or not np.isfinite(curvatures).all():
        raise ValueError(f"amplitudes: curvatures = {short(curvatures)}; they must be finite numbers in a row")
    chosen = as_tuned(method, float(curvatures.min()), float(curvatures.max()))
    with np.errstate(all="ignore"):
        return np.array(list(islice(Spectrum(chosen).walk(curvatures), steps + 1)))


@dataclass(frozen=True)
class Growth:
    """How far errors grow before they shrink: `peak` is the largest |eₖ|/|e₀|, at `k`, on the mode `worst`."""

    peak: float
    k: int
    worst: float


def growth(method: Method | Rule | str, mu: float, L: float) -> Growth:
    """The transient growth on quadratics with eigenvalues in [μ, L]: the largest |eₖ|/|e₀| over modes and iterations.

    Parameters
    ----------
    method, mu, L
        As `exact` takes them.

    Returns
    -------
    Growth
        The peak is inf where the method diverges, at k = 0 on the mode that diverges fastest.

    Raises
    ------
    NotLinear, ValueError
        As `exact`.

    Examples
    --------
    >>> import momentumlab as ml
    >>> found = ml.rates.growth(ml.heavy_ball, mu=1, L=100)
    >>> round(found.peak, 6), found.k, found.worst
    (3.707217, 4, 100.0)
    """
    mu, L = curvature("growth", mu, L)
    spectrum = Spectrum(as_tuned(method, mu, L))
    rate, worst = highest(spectrum.radius, mu, L)
    if rate >= 1:
        return Growth(np.inf, 0, worst)
    best, at = 0.0, 0
    enough = 40 / (1 - rate)  # beyond which ρᵏ leaves nothing of any power of k
    for k, e in enumerate(islice(spectrum.walk(between(mu, L, MODES)), min(int(enough), LONGEST) + 1)):
        if (most := np.abs(e).max()) > best:
            best, at = float(most), k
    peak, where = highest(lambda curvatures: np.abs(next(islice(spectrum.walk(curvatures), at, None))), mu, L)
    return Growth(peak, at, where)


# ------------------------------------------------------------------ stability


def pid_lr_limit(beta: float, kd: float, L: float) -> float:
    """The step size below which the family of PID is stable on quadratics with eigenvalues in (0, L].

    Stable if and only if (α + 2k_d)L < 2(1 + β), for k_d ≥ 0; for k_d < 0 also β + |k_d|L < 1. Heavy ball is k_d = 0.

    Parameters
    ----------
    beta, kd : float
        0 ≤ β < 1.
    L : float

    Returns
    -------
    float
        0 or less where no step size is stable.

    Raises
    ------
    ValueError
        Where β or L is out of range.

    References
    ----------
    Jury's criterion on z² − (1 + q − αλ)z + q, q = β − k_dλ.

    Examples
    --------
    >>> pid_lr_limit(beta=0.5, kd=0.0, L=1.0)
    3.0
    """
    L = positive("pid_lr_limit", "L", L)
    if not 0 <= beta < 1:
        raise ValueError(f"pid_lr_limit: beta = {beta}; it must lie in [0, 1)")
    if kd < 0 and beta - kd * L >= 1:
        return 0.0
    return 2 * (1 + beta) / L - 2 * kd


def stable_lr(rule: Rule | str, mu: float, L: float, **hyper: Any) -> float:
    """The step size up to which a rule is stable on quadratics with eigenvalues in [μ, L], found by its spectrum.

    Parameters
    ----------
    rule : Rule or str
        Linear, with an lr.
    mu, L : float
    **hyper
        Its other hyperparameters; those that depend on lr move with it.

    Returns
    -------
    float
        The least lr > 0 at which the rate reaches 1; 0 where it is 1 for small lr, inf where it never is.

    Raises
    ------
    NotLinear, ValueError
        As `exact`.
    TypeError
        Where lr is given.

    Examples
    --------
    >>> import momentumlab as ml
    >>> round(ml.rates.stable_lr(ml.nesterov, mu=1, L=100, beta=0.5), 9)
    0.015
    """
    mu, L = curvature("stable_lr", mu, L)
    if "lr" in hyper:
        raise TypeError("stable_lr finds lr; give the others")
    chosen = as_rule("stable_lr", rule)
    rate = lambda lr: float(exact(chosen(lr=lr, **hyper), mu, L))
    space = state_space(chosen(lr=1.0, **hyper))
    moved = L * (float(np.abs(responses(space, 2 * len(space.A))).max()) or 1.0)  # so far, by a gradient at lr = 1
    low, high = 0.0, 1e-2 / moved
    while high < 1e8 / moved and rate(high) < 1:
        low, high = high, high * 1.25
    if high >= 1e8 / moved:
        return np.inf
    return turn(lambda lr: rate(lr) < 1, low, high, 1e-12)[0] if low else 0.0


def region(rule: Rule | str, mu: float, L: float, **hyper: Any) -> np.ndarray:
    """The exact rate over a grid of hyperparameters; the method is stable where it is less than 1.

    Parameters
    ----------
    rule : Rule or str
    mu, L : float
    **hyper : float or ndarray
        Arrays broadcast against each other, as np.ix_ and np.meshgrid make them.

    Returns
    -------
    ndarray
        Of their common shape; inf where a value is out of its range.

    Raises
    ------
    NotLinear, ValueError
        As `exact`.
    TypeError
        Where no grid is given.

    Examples
    --------
    >>> import momentumlab as ml
    >>> ml.rates.region(ml.gradient_descent, mu=1, L=10, lr=np.array([0.1, 0.3])).round(6).tolist()
    [0.9, 2.0]
    """
    mu, L = curvature("region", mu, L)
    chosen = as_rule("region", rule)
    if not hyper:
        raise TypeError(f"region: give arrays of hyperparameters of {chosen.name}, such as lr=np.linspace(...)")
    names, grids = list(hyper), np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in hyper.values()))
    cells = np.array([grid.ravel() for grid in grids])
    allowed = np.all([inside(name, row) for name, row in zip(names, cells, strict=True)], axis=0)
    found = np.full(cells.shape[1], np.inf)
    _, kinds = np.unique((cells == 0) + 2 * (cells == 1), axis=1, return_inverse=True)  # where modes may come apart
    for kind in np.unique(kinds[allowed]):
        these = allowed & (kinds == kind)
        found[these] = _rates(chosen, names, cells[:, these], mu, L)
    return found.reshape(grids[0].shape)


def _rates(rule: Rule, names: list[str], cells: np.ndarray, mu: float, L: float) -> np.ndarray:
    """The exact rate of each column of hyperparameters: many at once where the whole state counts, else one by one."""
    from tqdm import tqdm

    bound = lambda cell: rule(**dict[str, Any](zip(names, map(float, cell), strict=True)))
    count = cells.shape[1]
    some = [Spectrum(bound(cells[:, i])) for i in sorted({count // 3, 2 * count // 3}) if i < count]
    together = not rule.scheduled and not rule.inputs and all(spectrum.whole for spectrum in some)
    together = together and _take_arrays(rule, names, cells[:, :2])
    size = TOGETHER if together else 1
    found = []
    for first in tqdm(range(0, count, size), desc=f"{rule.name} on a grid", delay=2, leave=False, disable=None):
        here = cells[:, first : first + size]
        found.append(_at_once(rule, names, here, mu, L) if together else [float(exact(bound(here[:, 0]), mu, L))])
    return np.concatenate([*found, np.empty(0)])


def _take_arrays(rule: Rule, names: list[str], cells: np.ndarray) -> bool:
    """Whether functions of hyperparameters take arrays of them."""
    try:
        resolve(rule.hyper, rule.columns, {**dict(zip(names, cells, strict=True)), "k": 1})
    except (TypeError, ValueError):
        return False
    return True


def _at_once(rule: Rule, names: list[str], cells: np.ndarray, mu: float, L: float) -> np.ndarray:
    """The largest radius over [μ, L] of each column: at some curvatures, then more closely around the largest."""
    known = {**dict(zip(names, cells, strict=True)), "k": 1}
    row = {
        n: np.asarray(v)[..., None] for n, v in zip(rule.columns, resolve(rule.hyper, rule.columns, known), strict=True)
    }
    few = between(mu, L, MODES // 8)
    grid, best = np.broadcast_to(few, (cells.shape[1], len(few))), np.zeros(cells.shape[1])
    for _ in range(5):
        radius = spectral_radius(modes(rule, row, grid)[0])
        before, best = best, np.maximum(best, radius.max(axis=1))
        if mu == L or not (best - before > TIE / 100 * best).any():
            break
        beside = np.clip(radius.argmax(axis=1)[:, None] + [-1, 1], 0, grid.shape[1] - 1)
        low, high = np.take_along_axis(grid, beside, axis=1).T
        grid = np.linspace(low, high, 9, axis=1)
    return best


def tune(rule: Rule | str, mu: float, L: float, free: Sequence[str] | None = None) -> Method:
    """The hyperparameters whose exact rate on quadratics with eigenvalues in [μ, L] is least.

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
        As `exact`; and ValueError where what is to be free is no hyperparameter.

    Examples
    --------
    >>> import momentumlab as ml
    >>> m = ml.rates.tune(ml.gradient_descent, mu=1, L=3)
    >>> ml.rates.exact(m, mu=1, L=3)
    0.5
    """
    mu, L = curvature("tune", mu, L)
    some = between(mu, L, MODES // 8)
    return least(as_rule("tune", rule), mu, L, lambda method: float(Spectrum(method).radius(some).max()), free)
