"""A door that proves the grammar: any linear rule read by SymPy."""

import pytest

sp = pytest.importorskip("sympy")

z, lam = sp.symbols("z lambda")


def state_space(rule, **given):
    """(A, B, C, C of the reported iterate), walked out of the rule; None where it is not linear.

    The state is (point, *slots), the inputs are (g, *inputs).
    """
    names = [rule.point, *rule.slots]
    state = [sp.Symbol(f"{n}_") for n in names]
    inputs = [sp.Symbol(f"{n}_") for n in ("g", *rule.inputs)]
    hyper = {n: sp.Symbol(n, positive=True) for n in rule.hyper} | given
    new = rule.advance(state[0], inputs[0], [*inputs[1:], *state[1:]], hyper)
    jacobian = sp.Matrix([sp.expand(value) for value in new]).jacobian(state + inputs)
    if jacobian.has(*state, *inputs):
        return None
    n = len(state)
    return jacobian[:, :n], jacobian[:, n:], sp.eye(n)[0, :], sp.eye(n)[names.index(rule.reports), :]


def transfer(rule, **given):
    """G(z) = C(zI − A)⁻¹B from the gradient to the point where it is taken."""
    a, b, c, _ = state_space(rule, **given)
    m = z * sp.eye(a.rows) - a
    return sp.factor(sp.cancel((c * m.adjugate() * b[:, 0])[0] / m.det(method="berkowitz")))


def same(a, b):
    """Whether two rational functions are equal."""
    return sp.cancel(sp.together(a - b)) == 0
