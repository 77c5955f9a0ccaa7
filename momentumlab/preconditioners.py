"""Approximations of the Hessian: what multiplies the velocity in `pmg`, and the gradient, inverted, in `newton`.

A pair is a step s and the change y of the gradient over it. `curvature` says what is done about pairs without positive
curvature, which would make B indefinite: "skip" leaves B as it is where sᵀy ≤ 10⁻¹⁰‖s‖‖y‖; "damp" (Powell 1978) takes
φy + (1 − φ)Bs for y, which keeps a fifth of the curvature that B had.
"""

from math import inf
from numbers import Integral
from typing import Any

from . import curvature as arrays
from .curvature import share
from .errors import short, unknown
from .hyper import is_real
from .ops import dot, maximum, minimum, norm, where
from .preconditioner import Operator, Pointwise, Stored, preconditioner

Bounds = tuple[float, float]
BOUNDS: Bounds = (1e-8, 1e8)
DAMPED = {"skip": 0.0, "damp": 1.0}
MODIFIED = {None: "hessian_keep", "shift": "hessian_shift", "abs": "hessian_abs"}


# ------------------------------------------------------------------ matrices


def bfgs(curvature: str = "skip") -> Stored:
    """Broyden, Fletcher, Goldfarb & Shanno (1970): B⁺ = B − Bs(Bs)ᵀ/sᵀBs + yyᵀ/yᵀs, from B = I.

    It starts again from I where sᵀBs exceeds sᵀy by fourteen digits, which would leave none of B's.

    Parameters
    ----------
    curvature : str
        "skip" or "damp".

    Returns
    -------
    Stored
        For up to 10 000 variables. A product takes one pass over the matrix. For `newton` its inverse is kept, which
        starts as sᵀs/sᵀy I of the first pair; damped it is solved with, in O(n³).

    Raises
    ------
    ValueError
        For another curvature.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), ch. 6 and 18.3.

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.bfgs())).nit
    38
    """
    return _dense("bfgs", arrays.BFGS, curvature)


def dfp(curvature: str = "skip") -> Stored:
    """Davidon, Fletcher & Powell (1963): B⁺ = (I − ysᵀ/yᵀs)B(I − syᵀ/yᵀs) + yyᵀ/yᵀs, from B = I.

    Its B can grow far beyond the curvature of f; `pmg` has a safeguard, eta_max, against that.

    Parameters
    ----------
    curvature : str
        "skip" or "damp".

    Returns
    -------
    Stored
        For up to 10 000 variables.

    Raises
    ------
    ValueError
        For another curvature.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), ch. 6.

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.dfp())).nit
    38
    """
    return _dense("dfp", arrays.DFP, curvature)


def sr1() -> Stored:
    """Symmetric rank one: B⁺ = B + rrᵀ/rᵀs, r = y − Bs, from B = I; B may become indefinite.

    Pairs with |rᵀs| < 10⁻⁸‖r‖‖s‖ are skipped. Where B is indefinite, a step of `newton` may climb; no search accepts
    it then, and the run ends.

    Returns
    -------
    Stored
        For up to 10 000 variables.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), ch. 6.2.

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.sr1())).success
    True
    """
    return _dense("sr1", arrays.SR1, "skip")


def lbfgs(memory: int = 5, curvature: str = "skip") -> Stored:
    """BFGS from the last few pairs, starting from γI, γ = yᵀy/sᵀy of the newest: O(memory · n) work and storage.

    Where steps have become dependent, to rounding, the oldest pairs are let go.

    Parameters
    ----------
    memory : int
        How many pairs.
    curvature : str
        "skip" or "damp".

    Returns
    -------
    Stored

    Raises
    ------
    ValueError
        For another curvature, and a memory that is no whole number of 1 or more.

    References
    ----------
    Byrd, Nocedal & Schnabel, Math. Program. 63 (1994) 129: the compact form.

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.lbfgs(memory=3))).success
    True
    """
    if not isinstance(memory, Integral) or isinstance(memory, bool) or memory < 1:
        raise ValueError(f"lbfgs: memory = {short(memory)}; it must be a whole number, 1 or larger")
    damped = _damped("lbfgs", curvature)
    return Stored(
        "lbfgs",
        "compact",
        "compact_update",
        (damped,),
        int(memory),
        f"memory={memory}" + ", curvature='damp'" * bool(damped),
    )


def hessian(modify: str | None = "shift") -> Stored:
    """The Hessian itself, made positive definite.

    It is evaluated at every iteration, at the current point, so that `index` has no other value than "current".

    Parameters
    ----------
    modify : str or None
        "shift" adds τI, where τ is 0, or 10⁻³ − min hᵢᵢ if a diagonal element is not positive, and then doubles, to at
        least 10⁻³, until Cholesky's factorisation succeeds; "abs" (saddle-free) takes eigenvalues by their absolute
        values, and at least 10⁻⁸ max(1, |λ|ₘₐₓ); None leaves it.

    Returns
    -------
    Stored
        For up to 10 000 variables.

    Raises
    ------
    ValueError
        For another modification.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithm 3.3; Dauphin et al., NeurIPS 27 (2014).

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("beale")
    >>> ml.minimize(p.f, p.x0, ml.newton(preconditioner=ml.hessian(modify="abs")), hess=p.hess).nit
    7
    """
    if modify not in tuple(MODIFIED):
        raise ValueError(f"hessian: modify = {short(modify)}; it must be 'shift', 'abs' or None")
    return Stored("hessian", "hessian", MODIFIED[modify], shown="" if modify == "shift" else f"modify={modify!r}")


def _dense(name: str, kind: int, curvature: str) -> Stored:
    damped = _damped(name, curvature)
    return Stored(name, "dense", "dense_update", (damped, float(kind)), shown="curvature='damp'" if damped else "")


def _damped(name: str, curvature: str) -> float:
    if curvature not in tuple(DAMPED):
        raise ValueError(f"{name}: curvature = {short(curvature)}; it must be 'skip' or 'damp'")
    return DAMPED[curvature]


# ------------------------------------------------------------------ diagonals


def diagonal(bounds: Bounds = BOUNDS) -> Pointwise:
    """Componentwise: Bᵢ = yᵢ/sᵢ where that lies within the bounds, else what it was; from B = 1.

    Parameters
    ----------
    bounds : (float, float)

    Returns
    -------
    Pointwise

    Raises
    ------
    ValueError
        Where the bounds are not two numbers with 0 < least ≤ largest.

    References
    ----------
    Zhang & Yu, preconditioned momentum gradient methods.

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.diagonal())).success
    True
    """
    return _bounded(_diagonal, "diagonal", bounds)


def quasi_cauchy(bounds: Bounds = BOUNDS, curvature: str = "skip") -> Pointwise:
    """The diagonal nearest to B with sᵀB⁺s = sᵀy: B⁺ = B + (sᵀy − sᵀBs)/Σsᵢ⁴ · s², clipped to the bounds; from B = 1.

    Where it is clipped it gives up sᵀB⁺s = sᵀy.

    Parameters
    ----------
    bounds : (float, float)
    curvature : str
        "skip" or "damp".

    Returns
    -------
    Pointwise

    Raises
    ------
    ValueError
        For another curvature, or where the bounds are not two numbers with 0 < least ≤ largest.

    References
    ----------
    Zhu, Nazareth & Wolkowicz, SIAM J. Optim. 9 (1999) 1192.

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.quasi_cauchy())).nit
    31
    """
    return _bounded(_quasi_cauchy, "quasi_cauchy", bounds, curvature)


def bb1(bounds: Bounds = BOUNDS, curvature: str = "skip") -> Pointwise:
    """Barzilai & Borwein's first: B = σI, σ = sᵀy/sᵀs, clipped to the bounds; from σ = 1.

    Parameters
    ----------
    bounds : (float, float)
    curvature : str
        "skip" or "damp".

    Returns
    -------
    Pointwise

    Raises
    ------
    ValueError
        For another curvature, or where the bounds are not two numbers with 0 < least ≤ largest.

    References
    ----------
    Barzilai & Borwein, IMA J. Numer. Anal. 8 (1988) 141.

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.bb1())).nit
    19
    """
    return _bounded(_bb1, "bb1", bounds, curvature)


def bb2(bounds: Bounds = BOUNDS, curvature: str = "skip") -> Pointwise:
    """Barzilai & Borwein's second: B = σI, σ = yᵀy/sᵀy, clipped to the bounds; from σ = 1.

    Parameters
    ----------
    bounds : (float, float)
    curvature : str
        "skip" or "damp".

    Returns
    -------
    Pointwise

    Raises
    ------
    ValueError
        For another curvature, or where the bounds are not two numbers with 0 < least ≤ largest.

    References
    ----------
    Barzilai & Borwein, IMA J. Numer. Anal. 8 (1988) 141.

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.bb2())).success
    True
    """
    return _bounded(_bb2, "bb2", bounds, curvature)


def identity() -> Pointwise:
    """B = I: `pmg` is then heavy ball of momentum β − k_d, for k_d from 0 to 2β, beyond which its safeguard acts.

    Returns
    -------
    Pointwise

    Examples
    --------
    >>> import momentumlab as ml
    >>> p = ml.problem("mccormick")
    >>> ml.minimize(p.f, p.x0, ml.pmg(preconditioner=ml.identity())).success
    True
    """
    return _identity.having("identity", "")


def _bounded(kind: Pointwise, name: str, bounds: Bounds, curvature: str = "skip") -> Pointwise:
    try:
        low, high = bounds
        right = is_real(low) and is_real(high) and 0 < low <= high
    except (TypeError, ValueError):
        right = False
    if not right:
        raise ValueError(f"{name}: bounds = {short(bounds)}; they must be two numbers, 0 < least <= largest")
    damp = _damped(name, curvature)
    options = [f"bounds=({low:g}, {high:g})"] if (low, high) != BOUNDS else []
    options += ["curvature='damp'"] if damp else []
    return kind.having(name, ", ".join(options), low=float(low), high=float(high), damp=damp)


def phi(s, y, B, damp):
    """By how much y enters the pair."""
    return share(damp, dot(s, s), dot(s, y), dot(y, y), dot(s, B * s))


def _blend(s, y, B, phi):
    return phi * y + (1 - phi) * (B * s)


def _clip(value, low, high):
    return minimum(maximum(value, low), high)


def norm_of_step(s):
    """‖s‖."""
    return norm(s)


def weak_secant(s, y, B, phi, size):
    """What makes sᵀB⁺s = sᵀȳ, when multiplied with (s/‖s‖)²."""
    u = s / size
    lacking = dot(u, _blend(s, y, B, phi) / size) - dot(u, B * u)
    return lacking / dot(u * u, u * u)


@preconditioner
def _quasi_cauchy(s, y, B=1.0, /, low=0.0, high=0.0, damp=0.0, phi=phi, size=norm_of_step, gain=weak_secant):
    raised = B + gain * (s / size * (s / size))
    return where((phi > 0.0) & (raised > -inf), _clip(raised, low, high), B)  # where it is a number


def _sigma(s, y, B, phi, low, high, first):
    along, square = _blend(s, y, B, phi), norm(s)
    curvature = dot(s / square, along / square)
    sigma = where(first > 0.0, curvature, dot(along / square, along / square) / curvature)
    return where(phi > 0.0, _clip(sigma, low, high), 0.0)


def _spectral(sigma, B):
    return where(sigma > 0.0, sigma, B)


@preconditioner
def _bb1(s, y, B=1.0, /, low=0.0, high=0.0, damp=0.0, first=1.0, phi=phi, sigma=_sigma):
    return _spectral(sigma, B)


@preconditioner
def _bb2(s, y, B=1.0, /, low=0.0, high=0.0, damp=0.0, first=0.0, phi=phi, sigma=_sigma):
    return _spectral(sigma, B)


@preconditioner
def _diagonal(s, y, B=1.0, /, low=0.0, high=0.0):
    return where((y / s >= low) & (y / s <= high), y / s, B)


@preconditioner
def _identity(s, y, B=1.0, /):
    return B


NAMES = ("bfgs", "dfp", "sr1", "lbfgs", "hessian", "diagonal", "quasi_cauchy", "bb1", "bb2", "identity")


def as_preconditioner(owner: str, given: Any) -> Any:
    """Something with `start`, from one of ours, its name or its function, an object of the protocol, or an operator."""
    if isinstance(given, str):
        if given not in NAMES:
            raise ValueError(f"{owner}: {unknown('preconditioner', given, NAMES)}")
        return globals()[given]()
    if any(given is globals()[name] for name in NAMES):
        return given()
    if callable(getattr(given, "start", None)) and not isinstance(given, type):
        return given
    if callable(getattr(given, "matvec", None)) and hasattr(given, "shape"):
        return Operator(given)
    raise TypeError(
        f"{owner}: preconditioner = {short(given)}; give bfgs(), lbfgs() or another of ours ({', '.join(NAMES)}), "
        "a LinearOperator, or an object with start(problem, x), apply(v), solve(v) and update(x, s, y)"
    )


__all__ = list(NAMES)
