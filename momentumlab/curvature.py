"""How approximations of the Hessian are kept, applied and updated: plain functions, which Numba compiles too.

Each kind keeps `rows`, as long as x, and `numbers`, and has functions of them: `start` fills them; `apply` and `solve`
write Bv and B⁻¹v into `out`; `update` makes Bs = y, where y = g − last, and then last = g. An update follows an
`apply` to its s, whose result it is given. Pairs out of the range of doubles are skipped, so that B stays finite.
"""

from math import inf

import numpy as np

from .ops import blend, combine, dot, pair, products, sqrt, turn, where

BFGS, DFP, SR1 = range(3)
DAMP, KIND = range(2)  # numbers of a dense matrix
HELD, NEWEST, GAMMA, SCALES = range(1, 5)  # numbers of limited memory, after DAMP; what `parts` gives is behind


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


def dense_update(rows, numbers, s, g, last, Bs):
    """Every update is B + bbᵀ − aaᵀ; the two vectors wait for the next pass over B.

    BFGS: b = y/√(sᵀy), a = Bs/√(sᵀBs). DFP adds (tb − a)(tb − a)ᵀ to it, where t² = sᵀBs/sᵀy.
    SR1: r = y − Bs over √|sᵀr|, as one or the other.
    """
    b, a = rows[s.size], rows[s.size + 1]
    ss, sy, yy, sBs = pair(s, g, last, Bs, b, a)
    if numbers[KIND] == SR1:
        blend(1.0, a, -1.0, Bs, b)
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
        blend(along_y, a, along_Bs, Bs, b)
        blend(0.0, a, out, Bs, a)
    if not dot(a, a) + dot(b, b) < 1e300:
        for i in range(s.size):
            a[i], b[i] = 0.0, 0.0


# ------------------------------------------------------------------ limited memory: steps, then changes of gradient


def compact_start(rows, numbers):
    numbers[GAMMA] = 1.0


def parts(numbers, places):
    """For each place, the scale that makes sᵀy = 1; for each row, its share of v; for both, scaled rows · sᵀ."""
    scales = numbers[SCALES : SCALES + places]
    shares = numbers[SCALES + places : SCALES + 3 * places]
    return scales, shares, numbers[SCALES + 3 * places :].reshape(2 * places, places)


def occupied(numbers, places):
    """The rows in use: steps, oldest first, then their changes of gradient. There is one more place than pairs."""
    held = int(numbers[HELD])
    at = np.empty(2 * held, np.int64)
    for i in range(held):
        at[i] = (int(numbers[NEWEST]) + places + 1 - held + i) % places
        at[held + i] = places + at[i]
    return at


def compact_apply(rows, numbers, v, out):
    """Byrd, Nocedal & Schnabel (1994): Bv = γv − γSa − Yb, where (γSᵀS + LLᵀ)a = γSᵀv + LYᵀv and b = Lᵀa − Yᵀv.

    The pairs are scaled to sᵢᵀyᵢ = 1; Lᵢⱼ = sᵢᵀyⱼ where i is newer than j. Steps that have become dependent are
    forgotten, oldest first.
    """
    places = rows.shape[0] // 2
    scales, shares, G = parts(numbers, places)
    at, weights = occupied(numbers, places), np.zeros(2 * places)
    products(rows, at, v, shares)
    for r in at:
        shares[r] *= scales[r % places]
    while numbers[HELD] > 0.0 and not compact_weights(numbers[GAMMA], at, shares, G, weights):
        numbers[HELD] -= 1.0
        at = occupied(numbers, places)
    for r in at:
        weights[r] *= scales[r % places]
    combine(numbers[GAMMA], v, weights, rows, at, out)


def compact_weights(gamma, at, shares, G, weights):
    """Of the rows, into `weights`; whether there are any."""
    held = at.size // 2
    steps, changes = at[:held], at[held:]
    A, a = np.zeros((held, held)), np.zeros(held)
    for i in range(held):
        newer = steps[i]
        a[i] = gamma * shares[newer]
        for j in range(i):
            a[i] += G[changes[j], newer] * shares[changes[j]]
        for j in range(i + 1):
            A[i, j] = gamma * G[steps[j], newer]
            for k in range(j):
                A[i, j] += G[changes[k], newer] * G[changes[k], steps[j]]
    if not solve_by_cholesky(A, a):
        return False
    for i in range(held):
        weights[steps[i]], weights[changes[i]] = -gamma * a[i], shares[changes[i]]
        for j in range(i):
            weights[changes[j]] -= G[changes[j], steps[i]] * a[i]
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
    places = rows.shape[0] // 2
    scales, _, _ = parts(numbers, places)
    at, shares = occupied(numbers, places), np.zeros(2 * places)
    held = at.size // 2
    combine(1.0, v, shares, rows, at[:0], out)
    for i in range(held - 1, -1, -1):
        step, change = at[i], at[held + i]
        shares[step] = scales[step] * scales[step] * dot(rows[step], out)
        shares[change] = -shares[step]
        combine(1.0, out, shares, rows, at[held + i : held + i + 1], out)
    combine(1.0 / numbers[GAMMA], out, shares, rows, at[:0], out)
    for i in range(held):
        step, change = at[i], at[held + i]
        shares[step] -= scales[step] * scales[step] * dot(rows[change], out)
        combine(1.0, out, shares, rows, at[i : i + 1], out)


def compact_update(rows, numbers, s, g, last, Bs):
    places = rows.shape[0] // 2
    scales, shares, G = parts(numbers, places)
    new = (int(numbers[NEWEST]) + 1) % places
    step, change = rows[new], rows[places + new]
    ss, sy, yy, sBs = pair(s, g, last, Bs, step, change)
    phi = share(numbers[DAMP], ss, sy, yy, sBs)
    if phi < 1.0:
        blend(phi, change, 1.0 - phi, Bs, change)
        sy, yy = curved(phi, sy, sBs), dot(change, change)
    if phi == 0.0 or not (0.0 < ss / sy < 1e300 and yy / sy < 1e300):
        return
    scales[new] = 1.0 / sqrt(sy)
    for r in range(2 * places):
        G[r, new] = scales[new] * shares[r]
    G[new, new] = ss / sy
    numbers[GAMMA], numbers[NEWEST], numbers[HELD] = yy / sy, new, min(numbers[HELD] + 1.0, places - 1.0)


# ------------------------------------------------------------------ the Hessian itself: n rows, evaluated before an update


def hessian_start(rows, numbers):
    pass


def hessian_apply(rows, numbers, v, out):
    products(rows, np.arange(v.size), v, out)


def hessian_solve(rows, numbers, v, out):
    solve_or_nan(rows, v, out)


def hessian_keep(rows, numbers, s, g, last, Bs):
    pass


def hessian_shift(H, numbers, s, g, last, Bs):
    """H + τI, the first of τ = 0, 10⁻³, ... (from past the least diagonal element) that Cholesky factors."""
    least = np.min(np.diag(H))
    tau, last = 0.0 if least > 0.0 else 1e-3 - least, 0.0
    while tau < inf:
        for i in range(H.shape[0]):
            H[i, i] += tau - last
        if is_positive_definite(H):
            break
        tau, last = max(2.0 * tau, 1e-3), tau


def hessian_abs(H, numbers, s, g, last, Bs):
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
