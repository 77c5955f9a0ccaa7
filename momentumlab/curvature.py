"""How approximations of the Hessian are kept, applied and updated: plain functions, which Numba compiles too.

Each kind keeps `rows`, as long as x, and `numbers`, and has functions of them: `start` fills them; `apply` and `solve`
write Bv and B⁻¹v into `out`; `update` makes Bs = y. An update follows an `apply` to its s, whose result it is given.
Pairs out of the range of doubles are skipped, so that B stays finite.
"""

from math import inf

import numpy as np

from .ops import blend, combine, dot, gram, products, sqrt, turn, where

BFGS, DFP, SR1 = range(3)
DAMP, KIND = range(2)  # numbers of a dense matrix
HELD, NEWEST, GAMMA, SHARES = range(1, 5)  # numbers of limited memory, after DAMP; then 2m shares and their history


def share(damp, ss, sy, yy, sBs):
    """φ, by which y enters the pair (s, φy + (1 − φ)Bs): 1, or Powell's (1978), or 0 where the pair is to be skipped.

    Powell's keeps sᵀȳ ≥ 0.2 sᵀBs. Without damping pairs are skipped where sᵀy ≤ 10⁻¹⁰‖s‖‖y‖.
    """
    kept = where(sy > 1e-10 * (sqrt(ss) * sqrt(yy)), 1.0, 0.0)
    damped = where(sy >= 0.2 * sBs, 1.0, 0.8 * sBs / (sBs - sy))
    return where((sBs > 0.0) & (sBs < inf) & (abs(sy) < inf), where(damp > 0.0, damped, kept), 0.0)


def curved(phi, sy, sBs):
    """sᵀȳ of that pair."""
    return phi * sy + (1.0 - phi) * sBs


# ------------------------------------------------------------------ a dense matrix: n rows, and two of an update to come


def dense_start(rows, numbers):
    n = rows.shape[1]
    for i in range(n):
        rows[i, i] = 1.0


def dense_apply(rows, numbers, v, out):
    n = v.size
    turn(rows[:n], rows[n], rows[n + 1], v, out)


def dense_solve(rows, numbers, v, out):
    dense_apply(rows, numbers, v, out)
    solve_or_nan(rows[: v.size], v, out)


def dense_update(rows, numbers, s, y, Bs):
    """Every update is B + bbᵀ − aaᵀ; the two vectors wait for the next pass over B.

    BFGS: b = y/√(sᵀy), a = Bs/√(sᵀBs). DFP adds (tb − a)(tb − a)ᵀ to it, where t² = sᵀBs/sᵀy.
    SR1: r = y − Bs over √|sᵀr|, as one or the other.
    """
    b, a = rows[s.size], rows[s.size + 1]
    ss, sy, yy, sBs = gram(s, y, Bs)
    if numbers[KIND] == SR1:
        blend(1.0, y, -1.0, Bs, b)
        sr, rr = dot(s, b), dot(b, b)
        kept = 0.0 < abs(sr) < inf and abs(sr) >= 1e-8 * sqrt(ss) * sqrt(rr)
        size = 1.0 / sqrt(abs(sr)) if kept else 0.0
        blend(0.0 if sr > 0.0 else size, b, 0.0, b, a)
        blend(size if sr > 0.0 else 0.0, b, 0.0, b, b)
    else:
        phi = share(numbers[DAMP], ss, sy, yy, sBs)
        along_y, along_Bs, out = 0.0, 0.0, 0.0
        if phi > 0.0:
            sy = curved(phi, sy, sBs)
            along_y, along_Bs, out = phi / sqrt(sy), (1.0 - phi) / sqrt(sy), 1.0 / sqrt(sBs)
            if numbers[KIND] == DFP:
                t = sqrt(sBs / sy)
                h = sqrt(1.0 + t * t)
                along_y, along_Bs, out = h * along_y, h * along_Bs - t / h * out, t / h * out
        blend(along_y, y, along_Bs, Bs, b)
        blend(0.0, y, out, Bs, a)
    if not dot(a, a) + dot(b, b) < 1e300:
        for i in range(s.size):
            a[i], b[i] = 0.0, 0.0


# ------------------------------------------------------------------ limited memory: m steps, then m changes of gradient


def compact_start(rows, numbers):
    numbers[GAMMA] = 1.0


def compact_apply(rows, numbers, v, out):
    """Byrd, Nocedal & Schnabel (1994): Bv = γv − γSa − Yb, where (γSᵀS + LLᵀ)a = γSᵀv + LYᵀv and b = Lᵀa − Yᵀv.

    The pairs are scaled to sᵢᵀyᵢ = 1; Lᵢⱼ = sᵢᵀyⱼ where i is newer than j. Steps that have become dependent are
    forgotten, oldest first.
    """
    coefficients = np.zeros(rows.shape[0])
    products(rows, v, numbers[SHARES : SHARES + rows.shape[0]])
    while numbers[HELD] > 0.0 and not compact_coefficients(numbers, coefficients):
        numbers[HELD] -= 1.0
        coefficients[:] = 0.0
    combine(numbers[GAMMA], v, coefficients, rows, out)


def compact_coefficients(numbers, coefficients):
    """Of the rows, into `coefficients`; whether there are any."""
    m, held, gamma = coefficients.size // 2, int(numbers[HELD]), numbers[GAMMA]
    q, G = numbers[SHARES : SHARES + 2 * m], numbers[SHARES + 2 * m :].reshape(2 * m, m)
    oldest = int(numbers[NEWEST]) + m + 1 - held
    A, a = np.zeros((held, held)), np.zeros(held)
    for i in range(held):
        here = (oldest + i) % m
        a[i] = gamma * q[here]
        for j in range(i):
            at = m + (oldest + j) % m
            a[i] += G[at, here] * q[at]
        for j in range(i + 1):
            there = (oldest + j) % m
            A[i, j] = gamma * G[there, here]
            for k in range(j):
                at = m + (oldest + k) % m
                A[i, j] += G[at, here] * G[at, there]
    if not solve_by_cholesky(A, a):
        return False
    for i in range(held):
        here = (oldest + i) % m
        coefficients[here] = -gamma * a[i]
        coefficients[m + here] += q[m + here]
        for j in range(i):
            at = m + (oldest + j) % m
            coefficients[at] -= G[at, here] * a[i]
    return True


def solve_by_cholesky(A, x):
    """x ← A⁻¹x, for a handful of rows; whether A is positive definite beyond rounding."""
    n = x.size
    for i in range(n):
        for j in range(i + 1):
            pivot, whole = A[i, j], A[i, j]
            for k in range(j):
                pivot -= A[i, k] * A[j, k]
            if i > j:
                A[i, j] = pivot / A[j, j]
            elif 1e-14 * whole < pivot < inf:
                A[i, i] = sqrt(pivot)
            else:
                return False
    for i in range(n):
        for k in range(i):
            x[i] -= A[i, k] * x[k]
        x[i] /= A[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            x[i] -= A[k, i] * x[k]
        x[i] /= A[i, i]
    return True


def compact_solve(rows, numbers, v, out):
    """The two-loop recursion (Nocedal 1980)."""
    m, held, newest = rows.shape[0] // 2, int(numbers[HELD]), int(numbers[NEWEST])
    shares = np.zeros(held)
    out[:] = v
    for i in range(held):
        at = (newest - i) % m
        shares[i] = dot(rows[at], out)
        combine(1.0, out, -shares[i : i + 1], rows[m + at : m + at + 1], out)
    combine(1.0 / numbers[GAMMA], out, shares[:0], rows[:0], out)
    for i in range(held - 1, -1, -1):
        at = (newest - i) % m
        shares[i] -= dot(rows[m + at], out)
        combine(1.0, out, shares[i : i + 1], rows[at : at + 1], out)


def compact_update(rows, numbers, s, y, Bs):
    m = rows.shape[0] // 2
    q, G = numbers[SHARES : SHARES + 2 * m], numbers[SHARES + 2 * m :].reshape(2 * m, m)
    ss, sy, yy, sBs = gram(s, y, Bs)
    phi = share(numbers[DAMP], ss, sy, yy, sBs)
    sy = curved(phi, sy, sBs)
    if phi == 0.0 or not (0.0 < ss / sy < 1e300 and yy / sy < 1e300):
        return
    scale = 1.0 / sqrt(sy)
    at = (int(numbers[NEWEST]) + 1) % m
    blend(scale, s, 0.0, s, rows[at])
    if phi == 1.0:
        blend(scale, y, 0.0, y, rows[m + at])
        numbers[GAMMA] = yy / sy
    else:
        blend(phi * scale, y, (1.0 - phi) * scale, Bs, rows[m + at])
        numbers[GAMMA] = dot(rows[m + at], rows[m + at])
    for r in range(2 * m):
        G[r, at] = scale * q[r]
    G[at, at] = ss / sy
    numbers[NEWEST], numbers[HELD] = at, min(numbers[HELD] + 1.0, m)


# ------------------------------------------------------------------ the Hessian itself: n rows, evaluated before an update


def hessian_start(rows, numbers):
    pass


def hessian_apply(rows, numbers, v, out):
    products(rows, v, out)


def hessian_solve(rows, numbers, v, out):
    solve_or_nan(rows, v, out)


def hessian_keep(rows, numbers, s, y, Bs):
    pass


def hessian_shift(H, numbers, s, y, Bs):
    """H + τI, the first of τ = 0, 10⁻³, ... (from past the least diagonal element) that Cholesky factors."""
    least = np.min(np.diag(H))
    tau, last = 0.0 if least > 0.0 else 1e-3 - least, 0.0
    while tau < inf:
        for i in range(H.shape[0]):
            H[i, i] += tau - last
        if is_positive_definite(H):
            break
        tau, last = max(2.0 * tau, 1e-3), tau


def hessian_abs(H, numbers, s, y, Bs):
    """UΛUᵀ with |Λ| in place of Λ, and at least 10⁻⁸ max(1, |Λ|)."""
    if np.isfinite(H).all():
        values, vectors = np.linalg.eigh(H)
        values = np.abs(values)
        H[:] = (vectors * np.maximum(values, 1e-8 * max(1.0, values.max()))) @ vectors.T.copy()


def is_positive_definite(H):
    try:
        np.linalg.cholesky(H)
    except Exception:
        return False
    return True


def solve_or_nan(A, v, out):
    """out ← A⁻¹v; nan where A is singular."""
    try:
        out[:] = np.linalg.solve(A, v)
    except Exception:
        out[:] = np.nan
