"""Regression on data: logistic and least squares, whole or in batches."""

import dataclasses
from collections.abc import Callable
from math import exp, log1p
from typing import Any

import numpy as np

from ..errors import short
from .finite_sums import in_batches
from .options import nonnegative, whole
from .problem import Problem


def logistic(
    A: Any,
    b: Any,
    ridge: float = 0.0,
    *,
    solve: bool = False,
    batch: int | None = None,
    rng: Any = None,
    replace: bool = False,
) -> Problem:
    """(1/N) Σ log(1 + exp(−bᵢaᵢᵀx)) + ½λ‖x‖²: logistic regression.

    Parameters
    ----------
    A : array_like or SciPy sparse of shape (N, d)
        A sample aᵢ a row; sparse data stay sparse.
    b : array_like of shape (N,)
        Labels, −1 and 1.
    ridge : float
        λ, which is also μ; L is λ + λmax(AᵀA)/4N. It is part of f: a rule that decays weights decays them besides.
    solve : bool
        Whether to find the minimiser and `fstar`, which takes some Hessians; λ must be larger than 0.
    batch, rng, replace
        As in `finite_sum`.

    Returns
    -------
    Problem

    Raises
    ------
    TypeError, ValueError
        Where the data are not finite numbers of these shapes, or the labels are others.

    Examples
    --------
    >>> import numpy as np
    >>> from momentumlab import minimize, nesterov
    >>> A = np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 1.0], [-2.0, 0.0]])
    >>> p = logistic(A, [1, 1, -1, -1], ridge=0.1)
    >>> minimize(p, method=nesterov.tuned(mu=p.mu, L=p.L)).x.round(4)
    array([1.3231, 0.5438])
    """
    lam, A = nonnegative("logistic", "ridge", ridge), _samples("logistic", A)
    A = _scaled(_labels("logistic", A, b), A)
    N, d = A.shape
    mean = _logistic_mean(A, lam)
    p = Problem(
        "logistic",
        _logistic_csr(A.data, A.indices, A.indptr, lam) if _is_sparse(A) else _logistic_dense(A, lam),
        np.zeros(d),
        hess=_logistic_hess(A, lam),
        mu=lam or None,
        L=lam + _largest_eigenvalue(A) / (4 * N),
        compile=True,
        sampler=in_batches("logistic", mean, N, batch, rng, replace),
    )
    return _solved(p, lambda x: mean(x, np.arange(N))) if solve else p


def synthetic_logistic(N: int = 200, d: int = 20, ridge: float = 0.01, seed: int = 0) -> Problem:
    """(1/N) Σ log(1 + exp(−bᵢaᵢᵀx)) + ½λ‖x‖²: Gaussian data, labels by a hyperplane with noise.

    Parameters
    ----------
    N, d : int
        Numbers of samples and of variables.
    ridge : float
        λ, larger than 0.
    seed : int
        Of the data: A and a direction θ, then the labels sign(Aθ + ½ξ), all normal.
    """
    N, d, seed = (whole("synthetic_logistic", *given) for given in (("N", N), ("d", d), ("seed", seed, 0)))
    rng = np.random.default_rng(seed)
    A, direction, noise = rng.standard_normal((N, d)), rng.standard_normal(d), rng.standard_normal(N)
    b = np.where(A @ direction + 0.5 * noise > 0, 1.0, -1.0)
    return dataclasses.replace(logistic(A, b, ridge, solve=True), name="synthetic_logistic")


def least_squares(
    A: Any,
    b: Any,
    ridge: float = 0.0,
    *,
    batch: int | None = None,
    rng: Any = None,
    replace: bool = False,
) -> Problem:
    """‖Ax − b‖²/2N + ½λ‖x‖²: linear least squares.

    Parameters
    ----------
    A : array_like of shape (N, d)
    b : array_like of shape (N,)
    ridge : float
        λ, part of f.
    batch, rng, replace
        As in `finite_sum`.

    Returns
    -------
    Problem
        With its minimiser, that of least norm, and μ and L, the extreme eigenvalues of AᵀA/N + λI.

    Raises
    ------
    TypeError, ValueError
        Where the data are not finite numbers of these shapes.

    Examples
    --------
    >>> p = least_squares([[1.0, 0.0], [0.0, 2.0], [1.0, 2.0]], [1.0, 2.0, 3.0])
    >>> p.minimizers[0].round(6), round(p.mu, 6), round(p.L, 6)
    (array([1., 1.]), 0.464816, 2.868517)
    """
    if _is_sparse(A):
        raise TypeError("least_squares: A is sparse; give A.toarray()")
    lam, A = nonnegative("least_squares", "ridge", ridge), _samples("least_squares", A)
    b = _targets("least_squares", A, b)
    N, d = A.shape
    penalty = np.sqrt(N * lam) * np.eye(d)
    x, _, rank, singular = np.linalg.lstsq(np.vstack([A, penalty]), np.concatenate([b, np.zeros(d)]))
    fg, gram = _squares(A, b, lam), A.T @ A / N + lam * np.eye(d)
    return Problem(
        "least_squares",
        fg,
        np.zeros(d),
        hess=lambda x: gram.copy(),
        minimizers=(x,),
        fstar=float(fg(x, np.empty(d))),
        mu=float(singular[-1] ** 2 / N) if rank == d else None,
        L=float(singular[0] ** 2 / N),
        compile=True,
        sampler=in_batches("least_squares", _squares_mean(A, b, lam), N, batch, rng, replace),
    )


# ------------------------------------------------------------------ the functions; A holds bᵢaᵢ for the logistic ones


def _logistic_dense(A: np.ndarray, ridge: float) -> Callable:
    def fg(x, g):
        weights = A @ x
        f = 0.0
        for i in range(weights.size):
            margin = weights[i]
            e = exp(-abs(margin))
            f += log1p(e) + max(-margin, 0.0)
            weights[i] = (e if margin > 0 else 1.0) / (1.0 + e)
        g[:] = ridge * x - A.T @ weights / weights.size
        return f / weights.size + 0.5 * ridge * (x @ x)

    return fg


def _logistic_csr(data: np.ndarray, columns: np.ndarray, starts: np.ndarray, ridge: float) -> Callable:
    N = starts.size - 1

    def fg(x, g):
        f, penalty = 0.0, 0.0
        for j in range(x.size):
            g[j] = ridge * x[j]
            penalty += 0.5 * x[j] * g[j]
        for i in range(N):
            margin = 0.0
            for k in range(starts[i], starts[i + 1]):
                margin += data[k] * x[columns[k]]
            e = exp(-abs(margin))
            f += log1p(e) + max(-margin, 0.0)
            weight = (e if margin > 0 else 1.0) / (1.0 + e) / N
            for k in range(starts[i], starts[i + 1]):
                g[columns[k]] -= weight * data[k]
        return f / N + penalty

    return fg


def _logistic_mean(A: Any, ridge: float) -> Callable:
    def mean(x, indices):
        rows = A[indices]
        margins = rows @ x
        weights = np.exp(-np.logaddexp(0.0, margins))
        f = np.mean(np.logaddexp(0.0, -margins)) + 0.5 * ridge * (x @ x)
        return f, ridge * x - rows.T @ weights / indices.size

    return mean


def _logistic_hess(A: Any, ridge: float) -> Callable:
    def dense(x):
        margins = A @ x
        curvatures = np.exp(-np.logaddexp(0.0, margins) - np.logaddexp(0.0, -margins)) / margins.size
        rows = np.sqrt(curvatures).reshape(-1, 1) * A
        return rows.T @ rows + ridge * np.eye(x.size)

    def sparse(x):
        margins = A @ x
        curvatures = np.exp(-np.logaddexp(0.0, margins) - np.logaddexp(0.0, -margins)) / margins.size
        rows = _scaled(np.sqrt(curvatures), A)
        return (rows.T @ rows).toarray() + ridge * np.eye(x.size)

    return sparse if _is_sparse(A) else dense


def _squares(A: np.ndarray, b: np.ndarray, ridge: float) -> Callable:
    def fg(x, g):
        residuals = A @ x - b
        g[:] = A.T @ residuals / b.size + ridge * x
        return 0.5 * (residuals @ residuals) / b.size + 0.5 * ridge * (x @ x)

    return fg


def _squares_mean(A: np.ndarray, b: np.ndarray, ridge: float) -> Callable:
    def mean(x, indices):
        g = np.empty(x.size)
        return _squares(A[indices], b[indices], ridge)(x, g), g

    return mean


def _solved(p: Problem, fg: Callable) -> Problem:
    """The problem with its minimiser, a root of the gradient; fg, its (f, ∇f), needs no compiling."""
    if not p.mu:
        raise ValueError(f"{p.name}: solve needs ridge > 0; without it, separable data have no minimiser")
    from scipy.optimize import root

    x = root(lambda x: fg(x)[1], p.x0, jac=p.hess, tol=1e-15).x
    f, g = fg(x)
    left = float(np.linalg.norm(g))
    if not left <= 1e-12 * max(1.0, p.L or 1.0):
        raise ValueError(f"{p.name}: its minimiser was not found; the gradient could be brought to {left:.1e} only")
    return dataclasses.replace(p, minimizers=(x,), fstar=float(f))


# ------------------------------------------------------------------ the data


def _is_sparse(A: Any) -> bool:
    return hasattr(A, "tocsr")


def _samples(owner: str, A: Any) -> Any:
    """A as a matrix of float64, dense or in compressed rows."""
    try:
        if _is_sparse(A):
            from scipy.sparse import csr_array

            matrix = csr_array(A)
        else:
            matrix = np.array(A, order="C")
        if matrix.dtype.kind not in "fiub":
            raise TypeError
        A = matrix.astype(float)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: A = {short(A)} is not a matrix of real numbers") from None
    if A.ndim != 2 or 0 in A.shape:
        raise ValueError(f"{owner}: A has shape {A.shape}; it must be a matrix, a sample a row")
    largest = np.abs(A.data if _is_sparse(A) else A).max(initial=0.0)
    if not largest < 1e150:
        raise ValueError(f"{owner}: A holds {largest:g}; every entry must be finite, and its square too")
    return A


def _targets(owner: str, A: Any, b: Any) -> np.ndarray:
    """b as a vector of float64, a number for each row of A."""
    b, N = np.asarray(b), A.shape[0]
    if b.shape != (N,):
        raise ValueError(f"{owner}: b has shape {b.shape}; A has {N} rows, so it must be ({N},)")
    if b.dtype.kind not in "fiub" or not np.isfinite(b).all():
        raise ValueError(f"{owner}: b = {short(b)}; it must be finite numbers")
    return b.astype(float)


def _labels(owner: str, A: Any, b: Any) -> np.ndarray:
    b = _targets(owner, A, b)
    found = set(b.tolist())
    if not found <= {-1, 1}:
        listed, hint = ", ".join(f"{v:g}" for v in sorted(found)[:8]), ": give 2 * b - 1" * (found <= {0, 1})
        raise ValueError(f"{owner}: b has the labels {listed}; they must be -1 and 1{hint}")
    return b


def _scaled(b: np.ndarray, A: Any) -> Any:
    """diag(b)A."""
    if not _is_sparse(A):
        return b[:, None] * A
    from scipy.sparse import diags_array

    return (diags_array(b) @ A).tocsr()


def _largest_eigenvalue(A: Any) -> float:
    """λmax(AᵀA), by the Lanczos method where A is sparse."""
    if not _is_sparse(A):
        return float(np.linalg.eigvalsh(A.T @ A if A.shape[0] >= A.shape[1] else A @ A.T)[-1])
    squares = float(A.data @ A.data)
    if min(A.shape) == 1 or squares == 0:
        return squares
    from scipy.sparse.linalg import svds

    first = np.random.default_rng(0).standard_normal(min(A.shape))
    return float(svds(A, k=1, v0=first, return_singular_vectors=False)[0] ** 2)


__all__ = ["synthetic_logistic"]
