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
HELD, NEWEST, GAMMA, PARTS = range(1, 5)  # numbers of limited memory, after DAMP, and where its `parts` begin


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
    turn(rows, v, out)


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


def size(places):
    """How many numbers there are."""
    return PARTS + 8 * places + 3 * places * places


def parts(numbers, places):
    """Of each place the scale that makes sᵀy = 1; the rows in use; of each row its share of v, and its weight in Bv; the
    system that gives the weights; and the products of rows and steps, scaled.

    The rows in use are steps, oldest first, then their changes of gradient. There is one more place than pairs.
    """
    p, q = places, PARTS + 8 * places
    return (
        numbers[PARTS : PARTS + p],
        numbers[PARTS + p : PARTS + 3 * p],
        numbers[PARTS + 3 * p : PARTS + 5 * p],
        numbers[PARTS + 5 * p : PARTS + 7 * p],
        numbers[PARTS + 7 * p : q],
        numbers[q : q + p * p].reshape(p, p),
        numbers[q + p * p :].reshape(2 * p, p),
    )


def hold(numbers, at, places, held, newest):
    """Write down which rows are in use."""
    numbers[HELD], numbers[NEWEST] = held, newest
    for i in range(held):
        at[i] = (newest + places + 1 - held + i) % places
        at[held + i] = places + at[i]


def compact_apply(rows, numbers, v, out):
    """Byrd, Nocedal & Schnabel (1994): Bv = γv − γSa − Yb, where (γSᵀS + LLᵀ)a = γSᵀv + LYᵀv and b = Lᵀa − Yᵀv.

    The pairs are scaled to sᵢᵀyᵢ = 1; Lᵢⱼ = sᵢᵀyⱼ where i is newer than j. Steps that have become dependent are
    forgotten, oldest first.
    """
    places, held = rows.shape[0] // 2, int(numbers[HELD])
    scales, at, shares, weights, a, A, G = parts(numbers, places)
    products(rows, at[: 2 * held], v, shares)
    for i in range(2 * held):
        shares[int(at[i])] *= scales[int(at[i]) % places]
    while held > 0 and not compact_weights(numbers[GAMMA], held, at, shares, weights, a, A, G):
        held -= 1
        hold(numbers, at, places, held, int(numbers[NEWEST]))
    for i in range(2 * held):
        weights[int(at[i])] *= scales[int(at[i]) % places]
    combine(numbers[GAMMA], v, weights, rows, at[: 2 * held], out)


def compact_weights(gamma, held, at, shares, weights, a, A, G):
    """Of the rows, into `weights`; whether there are any."""
    for i in range(held):
        here = int(at[i])
        a[i] = gamma * shares[here]
        for j in range(i):
            a[i] += G[int(at[held + j]), here] * shares[int(at[held + j])]
        for j in range(i + 1):
            A[i, j] = gamma * G[int(at[j]), here]
            for k in range(j):
                A[i, j] += G[int(at[held + k]), here] * G[int(at[held + k]), int(at[j])]
    if not solve_by_cholesky(A, a, held):
        return False
    for i in range(held):
        weights[int(at[i])], weights[int(at[held + i])] = -gamma * a[i], shares[int(at[held + i])]
        for j in range(i):
            weights[int(at[held + j])] -= G[int(at[held + j]), int(at[i])] * a[i]
    return True


def solve_by_cholesky(A, x, n):
    """x ← A⁻¹x, for the first n rows of A, a handful; whether they are positive definite beyond rounding."""
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
    places, held = rows.shape[0] // 2, int(numbers[HELD])
    scales, at, _, weights, _, _, _ = parts(numbers, places)
    combine(1.0, v, weights, rows, at[:0], out)
    for i in range(held - 1, -1, -1):
        step, change = int(at[i]), int(at[held + i])
        weights[step] = scales[step] * scales[step] * dot(rows[step], out)
        weights[change] = -weights[step]
        combine(1.0, out, weights, rows, at[held + i : held + i + 1], out)
    combine(1.0 / numbers[GAMMA], out, weights, rows, at[:0], out)
    for i in range(held):
        step, change = int(at[i]), int(at[held + i])
        weights[step] -= scales[step] * scales[step] * dot(rows[change], out)
        combine(1.0, out, weights, rows, at[i : i + 1], out)


def compact_update(rows, numbers, s, g, last, Bs):
    places = rows.shape[0] // 2
    scales, at, shares, _, _, _, G = parts(numbers, places)
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
    numbers[GAMMA] = yy / sy
    hold(numbers, at, places, min(int(numbers[HELD]) + 1, places - 1), new)


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
