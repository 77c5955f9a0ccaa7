"""How approximations of the Hessian are kept, applied and updated: plain functions, which Numba compiles too.

Each kind keeps `rows`, as long as x, and `numbers`, and has functions of them: `start` fills them; `apply` and `solve`
write Bv and B⁻¹v into `out`; `update` makes Bs = y, where y = g − last, and then last = g (the Hessian, which is
evaluated into `rows`, is modified there). An update follows an `apply` to its s, whose result it is given; `learn` is
both, or as much of them as the update needs. Pairs out of the range of doubles are skipped, so that B stays finite.

Two kinds only `solve`, and take no step before the first pair that is longer than 1. Their I is then scaled by a pair:
a matrix by the first, to sᵀy/sᵀs, the curvature along it; limited memory by the newest, to yᵀy/sᵀy.
"""

from math import inf

import numpy as np

from .ops import blend, combine, dot, keep_pair, products, sqrt, turn, where

BFGS, DFP, SR1 = range(3)
DUAL = {BFGS: DFP, DFP: BFGS, SR1: SR1}  # what an update of B is to its inverse
TINY = 1e-303  # of products, below which doubles lose their digits
EXTREME = 1e100  # of curvatures and their inverses, where limited memory, which multiplies several, lets go of a pair
DAMP, KIND, LEARNT = range(3)  # what the first row of numbers holds for a dense matrix
HELD, NEWEST, GAMMA = range(1, 4)  # and for limited memory, after DAMP
SCALES, AT, SHARES, WEIGHTS, PRODUCTS = range(1, 6)  # further rows for limited memory; see `parts`


def share(damp, ss, sy, yy, sBs):
    """φ, by which y enters the pair (s, φy + (1 − φ)Bs): 1, or Powell's (1978), or 0 where it is to be skipped.

    Powell's keeps sᵀȳ ≥ 0.2 sᵀBs. Without damping pairs are skipped where sᵀy ≤ 10⁻¹⁰‖s‖‖y‖.
    """
    kept = where((sy > 1e-10 * (sqrt(ss) * sqrt(yy))) & (sy > TINY), 1.0, 0.0)
    damped = where(sy >= 0.2 * sBs, 1.0, 0.8 * sBs / (sBs - sy))
    return where((sBs > TINY) & (sBs < inf) & (yy < inf), where(damp > 0.0, damped, kept), 0.0)


def curved(phi, sy, sBs):
    """sᵀȳ of that pair."""
    return phi * sy + (1.0 - phi) * sBs


# ------------------------------------------------------------------ a dense matrix: n rows, and two still to be added


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
    SR1: r = y − Bs over √|sᵀr|, as one or the other. BFGS starts afresh where sᵀBs exceeds sᵀy so far that the
    difference would leave no digit of B.
    """
    b, a = rows[s.size], rows[s.size + 1]
    ss, sy, yy = keep_pair(s, g, last, b, a)
    revise(rows, numbers, ss, sy, yy, s, Bs, b, a)


def revise(rows, numbers, ss, sy, yy, s, Bs, b, a):
    """Of the pair s and y, which stands in a."""
    if numbers[0, KIND] == SR1:
        blend(1.0, a, -1.0, Bs, b)
        sr, rr = dot(s, b), dot(b, b)
        kept = 0.0 < abs(sr) < inf and abs(sr) >= 1e-8 * sqrt(ss) * sqrt(rr)
        size = 1.0 / sqrt(abs(sr)) if kept else 0.0
        blend(0.0 if sr > 0.0 else size, b, 0.0, b, a)
        blend(size if sr > 0.0 else 0.0, b, 0.0, b, b)
    else:
        sBs = dot(s, Bs)
        phi = share(numbers[0, DAMP], ss, sy, yy, sBs)
        along_y, along_Bs, out = 0.0, 0.0, 0.0
        sy = curved(phi, sy, sBs)
        if phi > 0.0 and sy < 1e-14 * sBs and numbers[0, KIND] == BFGS:
            for i in range(s.size):
                for j in range(s.size):
                    rows[i, j] = 1.0 if i == j else 0.0
        elif phi > 0.0:
            along_y, along_Bs, out = phi / sqrt(sy), (1.0 - phi) / sqrt(sy), 1.0 / sqrt(sBs)
            if numbers[0, KIND] == DFP:
                t = sqrt(sBs / sy)
                h = sqrt(1.0 + t * t)
                along_y, along_Bs, out = h * along_y, h * along_Bs - t / h * out, t / h * out
        blend(along_y, a, along_Bs, Bs, b)
        blend(0.0, a, out, Bs, a)
    if not dot(a, a) + dot(b, b) < 1e300:
        for i in range(s.size):
            a[i], b[i] = 0.0, 0.0


def dense_learn(rows, numbers, s, g, last, Bs):
    dense_apply(rows, numbers, s, Bs)
    dense_update(rows, numbers, s, g, last, Bs)


# ------------------------------------------------------------------ its inverse H, kept in its place


def at_first(v, out):
    """v/max(1, ‖v‖)."""
    blend(1.0 / max(1.0, sqrt(dot(v, v))), v, 0.0, v, out)


def inverse_start(rows, numbers):
    pass


def inverse_solve(rows, numbers, v, out):
    if numbers[0, LEARNT] > 0.0:
        turn(rows, v, out)
    else:
        at_first(v, out)


def inverse_learn(rows, numbers, s, g, last, Hy):
    """An update of B is one of H with s and y in each other's place: BFGS's is DFP's, DFP's BFGS's, SR1's its own."""
    n, y, b, a = s.size, last, rows[s.size], rows[s.size + 1]
    blend(1.0, g, -1.0, last, y)
    ss, sy, yy = dot(s, s), dot(s, y), dot(y, y)
    if share(0.0, ss, sy, yy, ss) > 0.0 and numbers[0, LEARNT] == 0.0:
        numbers[0, LEARNT] = 1.0
        for i in range(n):
            rows[i, i] = ss / sy
    turn(rows, y, Hy)
    blend(1.0, s, 0.0, s, a)
    revise(rows, numbers, yy, sy, ss, y, Hy, b, a)
    blend(1.0, g, 0.0, g, last)


# ------------------------------------------------------------------ limited memory: steps, then changes of gradient


def compact_start(rows, numbers):
    numbers[0, GAMMA] = 1.0


def parts(numbers, rows):
    """What is known of the pairs held, oldest first, and of v.

    The scale that makes sᵢᵀyᵢ = 1; the rows of all steps, then of all changes; their products with v; their weights in
    Bv; and, scaled, SᵀS, the products Lᵢⱼ = sᵢᵀyⱼ where i is newer than j, and Cholesky's factor of γSᵀS + LLᵀ. There
    is room for one pair more than is held, into which the next is written before it is judged.
    """
    m, p = rows.shape[0] // 2 - 1, PRODUCTS
    SS, L, factor = numbers[p : p + m], numbers[p + m : p + 2 * m], numbers[p + 2 * m :]
    return numbers[SCALES], numbers[AT], numbers[SHARES], numbers[WEIGHTS], SS, L, factor


def compact_apply(rows, numbers, v, out):
    """Byrd, Nocedal & Schnabel (1994): Bv = γv − γSa − Yb, where (γSᵀS + LLᵀ)a = γSᵀv + LYᵀv and b = Lᵀa − Yᵀv."""
    held, gamma = int(numbers[0, HELD]), numbers[0, GAMMA]
    scales, at, shares, weights, _, L, factor = parts(numbers, rows)
    products(rows, at[: 2 * held], v, shares)
    along_S, along_Y, a, b = shares[:held], shares[held:], weights[:held], weights[held:]
    for i in range(held):
        b[i] = along_Y[i] * scales[i]
        total = gamma * (along_S[i] * scales[i])
        for j in range(i):
            total += L[i, j] * b[j]
        a[i] = total
    solve_factored(factor, a)
    for j in range(held):
        total = b[j]
        for i in range(j + 1, held):
            total -= L[i, j] * a[i]
        b[j] = scales[j] * total
    for i in range(held):
        a[i] *= -gamma * scales[i]
    combine(gamma, v, weights, rows, at[: 2 * held], out)


def compact_solve(rows, numbers, v, out):
    """The two-loop recursion (Nocedal 1980)."""
    held = int(numbers[0, HELD])
    scales, at, _, weights, _, _, _ = parts(numbers, rows)
    combine(1.0, v, weights, rows, at[:0], out)
    for i in range(held - 1, -1, -1):
        weights[i] = -scales[i] * scales[i] * dot(rows[int(at[i])], out)
        combine(1.0, out, weights[i:], rows, at[held + i : held + i + 1], out)
    combine(1.0 / numbers[0, GAMMA], out, weights, rows, at[:0], out)
    for i in range(held):
        weights[i] = -weights[i] - scales[i] * scales[i] * dot(rows[int(at[held + i])], out)
        combine(1.0, out, weights[i:], rows, at[i : i + 1], out)


def append(rows, numbers, s, g, last, Bs):
    """Write the newest pair over the oldest; False where it is to be skipped."""
    scales, at, shares, _, SS, L, _ = parts(numbers, rows)
    places = rows.shape[0] // 2
    new = (int(numbers[0, NEWEST]) + 1) % places
    step, change = rows[new], rows[places + new]
    ss, sy, yy = keep_pair(s, g, last, step, change)
    sBs = dot(s, Bs) if numbers[0, DAMP] > 0.0 else ss  # which damping alone asks for
    phi = share(numbers[0, DAMP], ss, sy, yy, sBs)
    if phi < 1.0:
        blend(phi, change, 1.0 - phi, Bs, change)
        sy, yy = curved(phi, sy, sBs), dot(change, change)
    if phi == 0.0 or not (ss / sy < EXTREME and yy / sy < EXTREME):
        return False
    numbers[0, NEWEST], numbers[0, GAMMA] = new, yy / sy
    if numbers[0, HELD] == places - 1:
        forget_oldest(numbers, scales, at, shares, SS, L)
    held = int(numbers[0, HELD])
    scales[held] = 1.0 / sqrt(sy)
    SS[held, held] = ss / sy
    at[held] = new
    numbers[0, HELD] = held + 1.0
    return True


def compact_update(rows, numbers, s, g, last, Bs):
    """Append a pair; steps that have become dependent are forgotten, oldest first."""
    if not append(rows, numbers, s, g, last, Bs):
        return
    scales, at, shares, _, SS, L, factor = parts(numbers, rows)
    newest = int(numbers[0, HELD]) - 1
    for i in range(newest):
        scale = scales[newest] * scales[i]
        SS[newest, i], L[newest, i] = scale * shares[i], scale * shares[newest + i]
    while numbers[0, HELD] > 0.0 and not compact_factor(numbers, SS, L, factor):
        forget_oldest(numbers, scales, at, shares, SS, L)
    point_at_changes(rows, numbers, at)


def point_at_changes(rows, numbers, at):
    held = int(numbers[0, HELD])
    for i in range(held):
        at[held + i] = rows.shape[0] // 2 + at[i]


def compact_learn(rows, numbers, s, g, last, Bs):
    """Without damping, of Bs the products with s are enough."""
    if numbers[0, DAMP] > 0.0:
        compact_apply(rows, numbers, s, Bs)
    else:
        _, at, shares, _, _, _, _ = parts(numbers, rows)
        products(rows, at[: 2 * int(numbers[0, HELD])], s, shares)
    compact_update(rows, numbers, s, g, last, Bs)


def recursive_start(rows, numbers):
    compact_start(rows, numbers)


def recursive_solve(rows, numbers, v, out):
    if numbers[0, HELD] > 0.0:
        compact_solve(rows, numbers, v, out)
    else:
        at_first(v, out)


def recursive_learn(rows, numbers, s, g, last, Bs):
    """The recursion needs nothing but the pairs."""
    if append(rows, numbers, s, g, last, Bs):
        point_at_changes(rows, numbers, parts(numbers, rows)[1])


def forget_oldest(numbers, scales, at, shares, SS, L):
    held = int(numbers[0, HELD]) - 1
    numbers[0, HELD] = held
    for i in range(held):
        scales[i], at[i], shares[i] = scales[i + 1], at[i + 1], shares[i + 1]
        for j in range(i + 1):
            SS[i, j], L[i, j] = SS[i + 1, j + 1], L[i + 1, j + 1]
    for i in range(held):
        shares[held + i] = shares[held + i + 2]


def compact_factor(numbers, SS, L, factor):
    """Cholesky's factor of γSᵀS + LLᵀ, for the pairs held; whether it is positive definite beyond rounding.

    The diagonal of the factor is kept inverted.
    """
    for i in range(int(numbers[0, HELD])):
        for j in range(i + 1):
            entry, less = numbers[0, GAMMA] * SS[i, j], 0.0
            for k in range(j):
                entry += L[i, k] * L[j, k]
                less += factor[i, k] * factor[j, k]
            pivot = entry - less
            if i > j:
                factor[i, j] = pivot * factor[j, j]
            elif 1e-14 * entry < pivot < inf:
                factor[i, i] = 1.0 / sqrt(pivot)
            else:
                return False
    return True


def solve_factored(factor, x):
    """x ← (FFᵀ)⁻¹x, where F is the first rows of the factor."""
    for i in range(x.size):
        total = x[i]
        for k in range(i):
            total -= factor[i, k] * x[k]
        x[i] = total * factor[i, i]
    for i in range(x.size - 1, -1, -1):
        x[i] *= factor[i, i]
        for k in range(i):
            x[k] -= factor[i, k] * x[i]


# ------------------------------------------------------------------ the Hessian: n rows, evaluated before an update


def hessian_start(rows, numbers):
    pass


def hessian_apply(rows, numbers, v, out):
    products(rows, np.arange(v.size), v, out)


def hessian_solve(rows, numbers, v, out):
    solve_or_nan(rows, v, out)


def hessian_keep(rows, numbers, s, g, last, Bs):
    pass


def hessian_shift(H, numbers, s, g, last, Bs):
    """H + τI, where τ is 0, or 10⁻³ − min hᵢᵢ, and doubles, to at least 10⁻³, until Cholesky factors it."""
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
