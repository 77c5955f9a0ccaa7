"""Loops around a rule's lines, as text: a step, a search, a preconditioner's products, and the solver's whole loop."""

import re
from collections.abc import Iterable
from textwrap import indent

from .searches import gradient_step
from .trace import Tape, Unknown, Unwritable, begun, vector, walk


def _loop(lines: Iterable[str]) -> str:
    return "for i in range(n):\n" + indent("\n".join(lines), "    ")


def _head(rule, tape: Tape, body: Iterable[str]) -> list[str]:
    """What comes before a loop over coordinates: the numbers that it uses."""
    head = tape.head_lines()
    used = set(re.findall(r"\w+", "\n".join([*head, *body])))
    found = [f"h_{n} = table[row, {j}]" for j, n in enumerate(rule.columns) if f"h_{n}" in used]
    head = [*found, *head]
    return ["counts[TRYING] = 2", *head, "counts[TRYING] = 0"] if "slices(" in "\n".join(head) else head


def _written(rule, tape: Tape, targets: Iterable[str], values: list[str], keep=(), watch: str = "") -> str:
    """Values put into arrays, coordinate by coordinate; after what is to be kept, and before what is watched."""
    unchanged = {f"a_{n}[i] = e_{n}" for n in rule.slots}
    puts = [f"{target} = {value}" for target, value in zip(targets, values, strict=True)]
    body = [*tape.lines_for(values), *(put for put in puts if put not in unchanged)]
    return "\n".join([*_head(rule, tape, body), _loop([*keep, *body, *([watch] if watch else [])])])


def _step(rule, keep: Iterable[str] = (), watch: str = "") -> str:
    tape, results = walk(rule)
    targets = [f"a_{n}[i]" for n in (rule.point, *rule.slots)]
    return _written(rule, tape, targets, results, keep, watch.format(results[0]))


def step_lines(rule) -> str:
    """One step in place, as text."""
    return _step(rule)


def _trial(rule) -> str:
    """Where the rule itself would go."""
    tape, (moved, *_) = walk(rule)
    return _written(rule, tape, ["trial[i]"], [moved])


def _gradient_trial() -> str:
    """Where a plain gradient step goes."""
    tape = Tape()
    x, g, step = Unknown(tape, "point[i]", True), Unknown(tape, "a_g[i]", True), Unknown(tape, "h_step", False)
    moved = gradient_step(x, g, step)
    return _loop([*tape.lines_for([moved.name]), f"trial[i] = {moved.name}"])


def _afresh(rule) -> str:
    """The memory that a rule starts with, at the point where it is."""
    tape, (x, g, *rest), row = begun(rule)
    slots = rule.afresh(x, g, rest, row)
    return _written(rule, tape, [f"a_{n}[i]" for n in rule.slots], [slot.name for slot in slots])


def seen_lines(rule) -> str:
    """The gradient as the rule sees it after transforms, as text; empty where there are none."""
    if not rule.before:
        return ""
    tape, (x, g, *_), row = begun(rule)
    return _written(rule, tape, ["seen[i]"], [rule.seen(x, g, row).name])


# ------------------------------------------------------------------ the solver's loop


def kept_of_pairs(rule, stored, index: str) -> list[str]:
    """The vectors that a loop keeps beside a stored preconditioner: the last gradient, and what else it takes."""
    if stored.reads_hessian:
        return ["seen"] if rule.before else []
    step = rule.last_step
    fused = index == "lagged" and rule.inputs == (f"B{step}",)
    return ["last", *([] if fused else ["Bs"]), *([] if step else ["s"]), *(["seen"] if rule.before else [])]


def _supply(rule, stored, index: str) -> str:
    """The products of a stored preconditioner, and its update, before a step.

    Where the rule asks for the product with the last step, the update uses it too; else `update` stands for the kernel
    named `learn`, which takes that product itself.
    """
    lines = [seen_lines(rule)] if rule.before else []
    if stored.reads_hessian:
        return "\n".join([*lines, HESSIAN, _products(rule)])
    kept, step = kept_of_pairs(rule, stored, index), rule.last_step
    s, Bs = f"a_{step}" if step else "s", "Bs" if "Bs" in kept else f"a_B{step}"
    lines += [] if step else [_loop(["s[i] = point[i] - old[0, i]"])]
    update = f"update(rows, numbers, {s}, {_gradient(rule)}, last, {Bs})"
    if "Bs" not in kept:
        return "\n".join([*lines, f"apply(rows, numbers, {s}, {Bs})", update])
    return "\n".join([*lines, *((_products(rule), update) if index == "lagged" else (update, _products(rule)))])


def _gradient(rule) -> str:
    """The array of the gradient as the rule sees it."""
    return "seen" if rule.before else "a_g"


def _products(rule) -> str:
    """What the rule asks of a stored preconditioner."""
    calls = {"B": "apply", "H": "solve"}
    vector = lambda name: _gradient(rule) if name == "g" else f"a_{name}"
    return "\n".join(f"{calls[n[0]]}(rows, numbers, {vector(n[1:])}, a_{n})" for n in rule.inputs)


HESSIAN = """\
counts[HESSIANS] += 1
counts[TRYING] = 3
hessian(point, rows.reshape(-1))
counts[TRYING] = 0
update(rows, numbers, a_g, a_g, a_g, a_g)"""

LOOK_ALONG = """\
begin(settings, hunt, {forgetful})
while True:
    h_step = hunt[STEP]
{trial}
    ahead, beyond, moved, found = 0.0, 0.0, False, inf
    for i in range(n):
        away = trial[i] - point[i]
        ahead += a_g[i] * away
        moved = moved | (away != 0.0)
    if not moved:
        found = f
        for i in range(n):
            scratch[i] = a_g[i]
    elif ahead <= 0.0:
        counts[CALLS] += 1
        counts[TRYING] = 1
        found = objective(trial, scratch)
        counts[TRYING] = 0
{beyond}
    verdict = {judge}(settings, hunt, f, found, ahead, beyond, moved)
    if verdict == ACCEPT:
        break
    if verdict == FAIL:
        return NO_STEP
{restart}"""
BEYOND = """\
for i in range(n):
    beyond += scratch[i] * (trial[i] - point[i])"""
RESTART = """\
if verdict == RESTART:
{afresh}"""


def _look_along(rule, search, stored) -> str:
    """A search's points, until one is accepted."""
    trial = _trial(rule) if search.own else _gradient_trial()
    afresh = "pass"
    if rule.bare_rule.slots:
        afresh = "\n".join([_afresh(rule), *([_products(rule)] if stored else [])])
    return LOOK_ALONG.format(
        trial=indent(trial, " " * 4),
        beyond=indent(BEYOND, " " * 8) if search.slopes else "",
        forgetful=not rule.bare_rule.slots,
        judge=search.judge.__name__,
        restart=indent(RESTART.format(afresh=indent(afresh, " " * 4)), " " * 4) if search.own else "",
    )


def descend(rule, search=None, stored=None, index: str = "") -> str:
    """The solver's loop around a rule, its search and its stored preconditioner, as text.

    Each turn asks the preconditioner, looks for a step size, takes one step, evaluates the objective, writes history,
    and returns to Python where something is to be decided there: PAUSE at iteration `stop`, LOOK when the gradient is
    small, WILD when a number is not sane, FULL when history is, NO_STEP when the search gives up.

    Vectors are flat. `counts` holds, at K, ROWS, STRIDE, CALLS, HESSIANS and TRYING, the iteration, rows of history,
    their stride, evaluations of the objective and of the Hessian, and what is running, should it raise (0 the
    objective, 1 the same at a trial, 2 the rule's slices, 3 the Hessian); from SHAPE on, the shape of x, for those
    slices. `values` holds f, and behind it the evaluations before each row of history. Both are written as the loop
    goes, so that they are right also when something raises.

    The largest |gᵢ| is found among their bits (positive doubles are ordered as their bits are), which compilers
    vectorise and which shows inf and nan as well.
    """
    unpack = [f"a_{n} = slots[{i}]" for i, n in enumerate(rule.slots)]
    unpack += [f"a_{n} = supplied[{i}]" for i, n in enumerate(rule.inputs)]
    unpack += [f"{n} = kept[{i}]" for i, n in enumerate(kept_of_pairs(rule, stored, index) if stored else ())]
    keep = ["old[0, i] = point[i]", *([] if rule.reports == rule.point else ["old[1, i] = reported[i]"])]
    looks = (_look_along(rule, search, stored) + "\nh_step = hunt[STEP]") if search else ""
    evaluate = "counts[CALLS] += 1\nf = objective(point, a_g)"
    taken = "f = found\nfor i in range(n):\n    a_g[i] = scratch[i]"
    within = lambda text, depth=8: indent(text, " " * depth)
    return f"""\
def descend(functions, a_{rule.point}, a_g, slots, table, bounds, record, searching, curvature):
    first, stop, tol, limit, euclidean = bounds
    old, work, log, path, counts, values = record
    {"settings, hunt = searching" if search else ""}
    {"objective, hessian, apply, solve, update = functions" if stored else "(objective,) = functions"}
    {"rows, numbers, supplied, kept = curvature" if stored else ""}
    n = a_g.size
    point = a_{rule.point}
{within(chr(10).join(unpack), 4)}
    reported = a_{rule.reports}
    trial, scratch = work[0], work[1]
    bits = a_g.view(int64)
    word = empty(1, int64)
    real = word.view(float64)
    f, k, filled, stride = values[0], counts[K], counts[ROWS], counts[STRIDE]
    while k < stop:
        row = min(k - first, table.shape[0] - 1)
{within(_supply(rule, stored, index) if stored else "")}
{within(looks)}
        sane = True
{within(_step(rule, keep, "sane = sane & (abs({}) < inf)"))}
        k += 1
        counts[K] = k
{within(taken if search and search.own else evaluate if search else "f = objective(point, a_g)")}
        values[0] = f
        largest = 0
        for i in range(n):
            largest = max(largest, bits[i] & 0x7FFFFFFFFFFFFFFF)
        word[0] = largest
        norm = real[0]
        if not (norm < inf and sane and abs(f) < limit):
            return WILD
        if euclidean:
            norm = 0.0
            for i in range(n):
                norm += a_g[i] * a_g[i]
            norm = sqrt(norm)
        if k & (stride - 1) == 0:
            log[filled, 0], log[filled, 1], log[filled, 2] = k, f, norm
{within("values[1 + filled] = counts[CALLS]" if search else "", 12)}
            for i in range(path.shape[1]):
                path[filled, i] = reported[i]
            filled += 1
            counts[ROWS] = filled
        if norm <= tol:
            return LOOK
        if filled == log.shape[0]:
            return FULL
    return PAUSE
"""


# ------------------------------------------------------------------ many runs side by side


def side_by_side(rule) -> str:
    """The loop of many runs of a rule at once, as text: one a lane, coordinate by coordinate, each with its numbers.

    Hyperparameters that are numbers come from `axes`: of each, a row of `layout` says where its values begin, over how
    many runs one holds, and how many there are. What they alone decide is computed where a run begins. A lane whose run
    has ended (its gradient is small, a number is not sane, or its steps are spent) writes it down and takes the next.
    Lanes are looked at after every step, or, where none has ended for a while, after a stretch of steps, which is taken
    back and taken again step by step where one ends in it.

    Raises
    ------
    Unwritable
        Where a step is not each coordinate's own, or moves with k.
    """
    if rule.inputs or rule.scheduled:
        what = f"asks for {', '.join(rule.inputs)}" if rule.inputs else f"{min(rule.scheduled)} moves with k"
        raise Unwritable(f"{rule.name}: {what}")
    names = numbers_of(rule)
    tape, (x, g, *rest), _ = begun(rule)
    row = {n: Unknown(tape, f"h_{n}", False) for n in names}
    results = [vector(result).name for result in rule.advance(x, g, rest, row)]
    starts = [vector(slot).name for slot in rule.start(x, g, row)]
    if any(loop for _, _, loop in tape.head):
        raise Unwritable(f"{rule.name}: it measures whole vectors")
    moves, begins = tape.lines_for(results), tape.lines_for(starts)
    used = set(re.findall(r"\w+", "\n".join([*moves, *results])))
    literal = {n: text for n, text, _ in tape.head if NUMERAL.fullmatch(text)}
    held = [n for n in (*(f"h_{n}" for n in names), *(n for n, _, _ in tape.head)) if n in used and n not in literal]
    taken = "\n".join([f"h_{n} = {AXIS.format(i)}" for i, n in enumerate(names)] + tape.head_lines())
    kept = "\n".join(f"held[{i}, j] = {n}" for i, n in enumerate(held)) or "pass"
    at = lambda lines: "\n".join(lines).replace("[i]", "[i, j]")
    arrays = [*(f"a_{n}" for n in (rule.point, "g", *rule.slots))]
    put = [f"a_{n}[i] = {value}" for n, value in zip((rule.point, *rule.slots), results, strict=True)]
    begun_at = [f"a_{n}[i] = {value}" for n, value in zip(rule.slots, starts, strict=True)]
    numbers = [f"{n} = held[{i}, j]" for i, n in enumerate(held)]
    numbers += [f"{n} = {number}" for n, number in literal.items() if n in used]
    return SIDE_BY_SIDE.format(
        point=f"a_{rule.point}",
        state=len(arrays),
        views="; ".join(f"{a} = rows[{r} * N : {r + 1} * N]" for r, a in enumerate(arrays)),
        taken=indent(taken, " " * 20),
        kept=indent(kept, " " * 20),
        begins=indent(at([*begins, *begun_at]) or "pass", " " * 24),
        moves=indent(at([*numbers, *moves, *put]), " " * 24),
        held=len(held),
    )


def numbers_of(rule) -> list[str]:
    """The hyperparameters that are numbers, which a table of runs gives."""
    return [n for n, value in rule.hyper.items() if not callable(value)]


NUMERAL = re.compile(r"-?[\d.]+(?:e[-+]?\d+)?|-?inf|nan")
AXIS = "axes[layout[{0}, 0] + taken // layout[{0}, 1] % layout[{0}, 2]]"
SIDE_BY_SIDE = """\
def side_by_side(first, last, starts, axes, layout, steps, tol, points, values, counts, outcomes):
    rows = zeros(({state} * N + 1 + {held} + 5, LANES))
    {views}
    f = rows[{state} * N]
    held, others = rows[{state} * N + 1 : -5], rows[-5:]
    limits, alive, ended, size, least = others[0], others[1], others[2], others[3], others[4]
    saved, apart = zeros(({state} * N + 1, LANES)), empty((2, N))
    cell, deadline = full(LANES, -1), full(LANES, 0)
    alive[:], ended[:] = 1.0, 1.0
    taken, t, working, quiet = first, 0, LANES, 0
    while True:
        soonest = t + steps + 1
        for j in range(LANES):
            while alive[j] != 0.0 and (ended[j] != 0.0 or t >= deadline[j]):
                c = cell[j]
                if c >= 0:
                    finite, largest = abs(f[j]) < inf, 0.0
                    for i in range(N):
                        finite = finite & (abs({point}[i, j]) < inf) & (abs(a_g[i, j]) < inf)
                        largest = max(largest, abs(a_g[i, j]))
                    outcome = LIMIT
                    if not finite:
                        outcome = NONFINITE
                    elif largest <= tol:
                        outcome = CONVERGED
                    elif not abs(f[j]) < limits[j]:
                        outcome = DIVERGED
                    elif t < deadline[j]:
                        ended[j] = 0.0
                        break
                    count = steps - (deadline[j] - t)
                    if outcome == NONFINITE:
                        count = max(count - 1, 0)
                        for i in range(N):
                            {point}[i, j] = saved[i, j]
                        f[j] = evaluate({point}[:, j], a_g[:, j], apart)
                    for i in range(N):
                        points[c, i] = {point}[i, j]
                    values[c], counts[c], outcomes[c] = f[j], count, outcome
                if taken == last:
                    alive[j] = 0.0
                    working -= 1
                else:
                    for i in range(N):
                        saved[i, j] = {point}[i, j] = starts[taken % starts.shape[0], i]
                    f[j] = evaluate({point}[:, j], a_g[:, j], apart)
{taken}
{kept}
                    for i in range(N):
{begins}
                    cell[j], deadline[j], ended[j] = taken, t + steps, 1.0
                    limits[j] = limit(f[j])
                    taken += 1
            if alive[j] != 0.0:
                soonest = min(soonest, deadline[j])
        if working == 0:
            return
        stop = 0
        while stop == 0 and t < soonest:
            stretch = min(STRETCH, soonest - t) if quiet >= STRETCH else 1
            for i in range({state} * N + 1 if stretch > 1 else N):
                for j in range(LANES):
                    saved[i, j] = rows[i, j]
            size[:], least[:] = 0.0, inf
            for _ in range(stretch):
                for i in range(N):
                    for j in range(LANES):
{moves}
                for j in range(LANES):
                    value = objective({point}[:, j], a_g[:, j], apart)
                    f[j] = value
                    wild = 0.0
                    for i in range(N):
                        wild += a_g[i, j] + {point}[i, j]
                    size[j] += abs(value) + 0.0 * wild
                if tol >= 0.0:
                    for j in range(LANES):
                        largest = 0.0
                        for i in range(N):
                            largest = max(largest, abs(a_g[i, j]))
                        least[j] = min(least[j], largest)
            for j in range(LANES):
                ended[j] = 0.0 if (size[j] < limits[j]) & (least[j] > tol) else alive[j]
                stop |= ended[j] != 0.0
            t += stretch
            quiet = 0 if stop else quiet + 1
            if stop and stretch > 1:
                stop = 0
                t -= stretch
                for i in range({state} * N + 1):
                    for j in range(LANES):
                        rows[i, j] = saved[i, j]
"""
