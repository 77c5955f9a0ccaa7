"""Rules of any shape by multi-tensor operators, which write results over what is no longer needed."""

import linecache
import random

import pytest

import momentumlab as ml
from momentumlab import ops
from momentumlab.rule import GRADIENT, POINT

torch = pytest.importorskip("torch")
from momentumlab.torch import Optimizer  # noqa: E402

SHAPES = [(3, 4), (), (0,), (7,), (2, 0, 3), (2, 3, 2)]
LISTS, SINGLY = dict(foreach=True), dict(foreach=False)


def trail(rule, steps=3, **way):
    """Parameters and memory after each step; gradients must stay as they are."""
    draw = torch.Generator().manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(s, generator=draw, dtype=torch.float64)) for s in SHAPES]
    optimizer, found = Optimizer(params, rule, **way), []
    for _ in range(steps):
        gradients = [torch.randn(s, generator=draw, dtype=torch.float64) for s in SHAPES]
        for p, g in zip(params, gradients, strict=True):
            p.grad = g.clone()
        optimizer.step()
        assert all(torch.equal(p.grad, g) for p, g in zip(params, gradients, strict=True)), "gradients have changed"
        found += [t.clone() for p in params for t in (p.detach(), *(optimizer.state[p][n] for n in rule.slots))]
    return found


def agree(a, b):
    for s, t in zip(a, b, strict=True):
        torch.testing.assert_close(s, t, rtol=1e-9, atol=1e-9, equal_nan=True)


def made(name, slots, results, lines=()):
    """A rule from its text."""
    head = f"def {name}({', '.join(['x', 'g', *slots])}, /, lr=0.1, h=0.7, hk=lambda k: 1 / k, size=measured):"
    text = "\n".join([head, *(f"    {line}" for line in lines), f"    return {results}"])
    scope = dict(vars(ops), POINT=POINT, GRADIENT=GRADIENT, measured=lambda g, x: ops.norm(g) / (1 + ops.norm(x)))
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    exec(compile(text, name, "exec"), scope)  # noqa: S102 - the text above
    return ml.rule(scope[name])


STRESSING = {
    "swaps": (["s=1.0", "r=2.0"], "x - lr * (s + r) * g, r, s"),
    "keeps_the_past": (["before=POINT", "last=0.0"], "x - lr * (g - last) + 0.5 * (x - before), x, g"),
    "says_it_twice": (["s=0.0", "r=0.0"], "x - lr * (0.5 * s + g), 0.5 * s + g, 0.5 * s + g"),
    "forgets": (["s=3.0"], "x - lr * s, 0 * g + lr"),
    "compares": (["s=0.0"], "x - lr * where((g > s) | (s >= x), g, -s), where(x != g, maximum(g, x), minimum(s, lr))"),
    "clips": (["s=0.0"], "x - lr * minimum(size, maximum(g, -1 * size)), maximum(s, sqrt(abs(g - x)))"),
    "picks_the_gradient": (["s=0.0"], "x - lr * (where(lr < h, g, 0.5) - h), g"),
    "picks_a_slot": (["s=0.0", "r=1.0"], "x - lr * (s + r), where(lr < h, r, s), where(lr < h, s, r) + g"),
    "picks_the_point": (["s=0.0"], "0.5 * where(lr < h, x, h) + g, 0.5 * x + s"),
    "picks_a_number": ([], "x - lr * where(hk > 0.4, 1.0, g)"),
    "picks_a_number_for_a_slot": (["s=0.0"], "x - lr * g, where(lr < h, lr, s)"),
    "picks_what_is_measured": (["s=0.0"], "x - lr * g * s, 0.5 * where(lr < h, size, s) + g"),
}


@pytest.mark.parametrize("name", STRESSING)
def test_lists_write_over_nothing_that_is_read(name):
    rule = made(name, *STRESSING[name])
    agree(trail(rule, steps=20, **LISTS), trail(rule, steps=20, **SINGLY))


# ------------------------------------------------------------------ rules that nobody thought of


def expression(r, names, depth):
    if not depth or r.random() < 0.12:
        return r.choice(names) if r.random() < 0.85 else r.choice(["0.5", "-0.25", "1.0", "0.0"])
    a, b, c, d = (expression(r, names, depth - 1) for _ in range(4))
    forms = [f"({a} {sign} {b})" for sign in "++--**"] + [f"{n}({a}, {b})" for n in ("maximum", "minimum")]
    forms += [f"({a} / (abs({b}) + 1.0))", f"sqrt(abs({a}))", f"abs({a})", f"(-{a})"]
    return r.choice([*forms, *(f"where({c} {sign} {d}, {a}, {b})" for sign in (">", "<=", "!="))])


def drawn(seed):
    """The slots, results and lines of a random rule."""
    r = random.Random(seed)
    slots = [f"s{i}" for i in range(r.randint(0, 4))]
    vectors, names, lines = ["x", "g", *slots], ["x", "g", *slots, "lr", "h", "hk"], []
    for i in range(r.randint(0, 5)):
        lines.append(f"t{i} = {expression(r, names, r.randint(1, 3))}")
        names.append(f"t{i}")
    results = [f"0.9 * {r.choice(vectors)} - lr * {expression(r, names, 2)}"]
    for _ in slots:
        mixed = f"0.1 * {r.choice(vectors)} + {expression(r, names, 3)}"
        results.append(r.choice([r.choice(vectors), r.choice(results), mixed]))
    return [f"{n}={r.choice(['0.0', '0.5', 'POINT', 'GRADIENT'])}" for n in slots], ", ".join(results), lines


@pytest.mark.parametrize("seed", [*range(60), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 200))])
def test_random_rules_are_stepped_alike(seed):
    rule = made(f"drawn_{seed}", *drawn(seed))
    agree(trail(rule, **LISTS), trail(rule, **SINGLY))
