"""Performance and data profiles: which fraction of the problems each method solves, and at what cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import short
from .hyper import is_real

if TYPE_CHECKING:
    from .problems import Problem
    from .result import History


@dataclass(frozen=True, eq=False)
class Profile:
    """The fraction of the problems that a method solved at no more than some cost: a step function.

    Attributes
    ----------
    steps : ndarray of shape (problems,)
        The cost at which each problem was solved, in increasing order; inf where it never was.

    Examples
    --------
    >>> p = Profile([3, 1, float("inf"), 3])
    >>> p(1), p([2.9, 3])
    (0.25, array([0.25, 0.75]))
    """

    steps: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", np.sort(np.asarray(self.steps, dtype=float)))

    def __call__(self, cost: Any) -> Any:
        """The fraction at a cost, or at each of many."""
        solved = self.steps[np.isfinite(self.steps)]
        fraction = np.searchsorted(solved, cost, side="right") / self.steps.size
        return fraction if np.ndim(cost) else float(fraction)


def performance_profile(costs: Mapping[str, Any]) -> dict[str, Profile]:
    """By method, the fraction ρ(τ) of the problems that it solved at no more than τ times the least cost of any method.

    ρ(1) is how often a method is the best, its value at large τ how often it succeeds. τ is Dolan & Moré's letter, a
    ratio of costs; in `data_profile` it is a tolerance.

    Parameters
    ----------
    costs : mapping of str to array_like of shape (problems,)
        By method: a positive cost for each problem, inf where the method failed.

    Returns
    -------
    dict of str to Profile
        By method; a problem that no method solves counts as one that each failed on.

    Raises
    ------
    ValueError
        Where a cost is not positive, or the methods have not one cost each for every problem.
    TypeError
        Where `costs` is not a mapping.

    References
    ----------
    Dolan & Moré, "Benchmarking optimization software with performance profiles", Math. Program. 91 (2002) 201.

    Examples
    --------
    >>> rho = performance_profile({"quick": [10, 30, float("inf")], "safe": [20, 15, 40]})
    >>> rho["quick"].steps, rho["safe"].steps
    (array([ 1.,  2., inf]), array([1., 1., 2.]))
    >>> [round(float(rho["quick"](tau)), 2) for tau in (1, 2, 100)]
    [0.33, 0.67, 0.67]
    """
    _check_rows("costs", costs)
    table = {method: np.asarray(row, dtype=float) for method, row in costs.items()}
    for method, row in table.items():
        if not np.all(row > 0):
            wrong = row[~(row > 0)][0]
            raise ValueError(f"costs[{method!r}] holds {wrong}; a cost must be positive, inf where the method failed")
    least = np.min([*table.values()], axis=0)
    least[np.isinf(least)] = 1.0
    return {method: Profile(row / least) for method, row in table.items()}


def data_profile(
    runs: Mapping[str, Sequence[tuple[Any, Any]]], dims: Sequence[int], tau: float = 1e-3
) -> dict[str, Profile]:
    """By method, the fraction d(α) of the problems that it solved within α(n + 1) evaluations, n the variables.

    Solved means that a run reached a value f(x) with f(x₀) − f(x) ≥ (1 − τ)(f(x₀) − f_L), where f_L is the least
    value that any method found on the problem; α is the number of simplex gradients the evaluations would pay for.
    τ is Moré & Wild's letter, a tolerance; in `performance_profile` it is a ratio of costs.

    Parameters
    ----------
    runs : mapping of str to sequence of (nfev, fun)
        By method: for each problem the evaluations spent, in increasing order, and the values of f then found, of
        which the first is f(x₀).
    dims : sequence of int
        Each problem's number of variables.
    tau : float, optional
        In (0, 1).

    Returns
    -------
    dict of str to Profile
        By method.

    Raises
    ------
    ValueError
        Where tau is outside its range, or the methods have not one run each for every problem.
    TypeError
        Where `runs` is not a mapping.

    References
    ----------
    Moré & Wild, "Benchmarking derivative-free optimization algorithms", SIAM J. Optim. 20 (2009) 172.

    Examples
    --------
    Two methods on a problem of one variable, from f(x₀) = 100; the least value found is 0:

    >>> runs = {"quick": [([1, 2, 3], [100, 8, 8])], "safe": [([1, 4, 8], [100, 50, 0])]}
    >>> d = data_profile(runs, dims=[1], tau=0.1)
    >>> d["quick"].steps, d["safe"].steps
    (array([1.]), array([4.]))
    >>> data_profile(runs, dims=[1], tau=0.01)["quick"].steps
    array([inf])
    """
    if not (is_real(tau) and 0 < tau < 1):
        raise ValueError(f"tau = {short(tau)}; it must be a number between 0 and 1")
    _check_rows("runs", runs, dims=dims)
    lowest = [min(np.nanmin(fun) for _, fun in found) for found in zip(*runs.values(), strict=True)]
    return {
        method: Profile([_spent(*run, low, tau) / (n + 1) for run, low, n in zip(row, lowest, dims, strict=True)])
        for method, row in runs.items()
    }


def values_along(problem: "Problem", history: "History") -> np.ndarray:
    """f along a run; of a run that saw samples the exact f, at the iterates that its history has to have kept."""
    if problem.sampler is None:
        return history.fun
    if not history.x.size:
        raise ValueError(f"{problem.name} has {problem.dim} variables, too many to keep the iterates and find f there")
    with np.errstate(all="ignore"):
        return np.array([problem.fun(x) for x in history.x])


def _spent(nfev: Any, fun: Any, low: float, tau: float) -> float:
    """The evaluations spent when f(x₀) − f(x) first met the test; inf where it never did."""
    nfev, fun = np.asarray(nfev), np.asarray(fun, dtype=float)
    if nfev.shape != fun.shape:
        raise ValueError(f"nfev has shape {nfev.shape} and fun {fun.shape}; each value of f belongs to a count")
    solved = fun[0] - fun >= (1 - tau) * (fun[0] - low)
    return float(nfev[np.argmax(solved)]) if solved.any() else np.inf


def _check_rows(name: str, rows: Any, **others: Any) -> None:
    if not hasattr(rows, "items"):
        raise TypeError(f"{name} = {short(rows)}; give a mapping from each method to its {name}")
    lengths = {label: len(row) for label, row in (*rows.items(), *others.items())}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        found = ", ".join(f"{length} of {label}" for label, length in lengths.items()) or "none"
        raise ValueError(f"{name}: every method needs one entry for each problem; there are {found}")


__all__ = ["Profile", "data_profile", "performance_profile"]
