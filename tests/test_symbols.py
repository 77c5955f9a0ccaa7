"""SymPy walks through the rules: state space and transfer function come off the source that runs."""

import doctest

import pytest

sp = pytest.importorskip("sympy")

import momentumlab as ml  # noqa: E402
from momentumlab import rule  # noqa: E402
from momentumlab.ops import norm, where  # noqa: E402
from momentumlab.rates import NotLinear, poles, state_space, zeros  # noqa: E402
from momentumlab.rates import transfer_function as transfer  # noqa: E402

z, lam = sp.symbols("z lambda")
lr, beta, kd = sp.symbols("lr beta kd", positive=True)


def same(a, b):
    """Whether two rational functions are equal."""
    return sp.cancel(sp.together(a - b)) == 0


FAMILY = -((lr + kd) * z - kd) / ((z - 1) * (z - beta))


@pytest.mark.parametrize("name", ["transfer_function", "poles", "zeros", "equivalent", "conventions", "worst_case"])
def test_examples_that_need_more_than_the_core_run(name):
    """Those that the doctests skip."""
    pytest.importorskip("PEPit")
    function = getattr(ml.rates, name)
    text = function.__doc__.replace("  # doctest: +SKIP", "")
    assert text != function.__doc__
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert doctest.DocTestRunner().run(example).failed == 0


def test_transfer_functions_are_those_of_theory():
    assert same(transfer(ml.gradient_descent), -lr / (z - 1))
    assert same(transfer(ml.pid), FAMILY)
    assert same(transfer(ml.heavy_ball), FAMILY.subs(kd, 0))
    assert same(transfer(ml.nesterov), FAMILY.subs(kd, lr * beta))
    assert same(transfer(ml.nesterov_sgd), FAMILY.subs(kd, lr * beta))


def test_rsgdm_is_nesterov_sgd_at_a_smaller_step():
    assert same(transfer(ml.rsgdm), transfer(ml.nesterov_sgd, lr=lr * (1 - beta)))
    assert not same(transfer(ml.rsgdm), transfer(ml.nesterov_sgd))


def test_the_family_of_pid():
    """Each is PID with the step size, the momentum and the gain of its row."""
    nu, gamma, gain = sp.symbols("nu gamma K_d", positive=True)
    smaller = lr * (1 - beta)
    assert same(transfer(ml.heavy_ball_ema, c=1), FAMILY.subs({kd: 0, lr: smaller}, simultaneous=True))
    assert same(transfer(ml.pid_ema, Kd=gain), FAMILY.subs(kd, (1 - beta) * gain))
    assert same(transfer(ml.rsgdm), FAMILY.subs({kd: beta * smaller, lr: smaller}, simultaneous=True))
    assert same(transfer(ml.qhm), FAMILY.subs({kd: lr * beta * (1 - nu), lr: smaller}, simultaneous=True))
    assert same(transfer(ml.triple_momentum), FAMILY.subs(kd, lr * gamma))


def test_a_difference_outside_the_momentum_is_of_third_order():
    """z(z − 1)(z − β) + αλz² + k_dλ(z − 1)(z − β)."""
    expected = -(lr * z**2 + kd * (z - 1) * (z - beta)) / (z * (z - 1) * (z - beta))
    assert same(transfer(ml.pid_outside), expected)
    r = state_space(ml.pid_outside)
    polynomial = z * (z - 1) * (z - beta) + lr * lam * z**2 + kd * lam * (z - 1) * (z - beta)
    assert same((r.A + lam * r.B * r.C).charpoly(z).as_expr(), polynomial)


def test_the_sign_as_printed_is_more_momentum():
    """z(z − β)[z² − (1 + q − αλ)z + q] with q = β + (1 − β)K_dλ, where K_d enters with the other sign."""
    gain = sp.Symbol("K_d", positive=True)
    r = state_space(ml.pid_ema, Kd=-gain)
    q = beta + (1 - beta) * gain * lam
    assert same((r.A + lam * r.B * r.C).charpoly(z).as_expr(), z * (z - beta) * (z**2 - (1 + q - lr * lam) * z + q))


def test_state_spaces_are_the_literal_realisations():
    r = state_space(ml.pid)
    assert r.A == sp.Matrix([[1, beta, kd], [0, beta, kd], [0, 0, 0]])
    assert sp.simplify(r.B - sp.Matrix([-lr - kd, -lr - kd, 1])) == sp.zeros(3, 1)
    assert r.C == sp.Matrix([[1, 0, 0]]) == r.E
    assert (r.X, r.G) == (sp.Matrix([1, 0, 0]), sp.Matrix([0, 0, 1]))
    assert (r.states, r.inputs) == (("x", "v", "g_prev"), ("g",))
    gain = sp.Symbol("K_d", positive=True)
    r = state_space(ml.pid_ema, Kd=gain)
    a, b = r.A, r.B
    expected = sp.Matrix(
        [[1, beta, -gain * beta, gain * (1 - beta)], [0, beta, 0, 0], [0, 0, beta, beta - 1], [0, 0, 0, 0]]
    )
    assert sp.simplify(a - expected) == sp.zeros(4, 4)
    assert sp.simplify(b - sp.Matrix([-lr - gain * (1 - beta), -lr, 1 - beta, 1])) == sp.zeros(4, 1)
    r = state_space(ml.rsgdm)
    a, b = r.A, r.B
    expected = sp.Matrix(
        [[1, -lr * beta, -lr * beta**2, lr * beta * (1 - beta)], [0, beta, 0, 0], [0, 0, beta, beta - 1], [0, 0, 0, 0]]
    )
    assert sp.simplify(a - expected) == sp.zeros(4, 4)
    assert sp.simplify(b - sp.Matrix([-lr * (1 - beta) * (1 + beta), 1 - beta, 1 - beta, 1])) == sp.zeros(4, 1)


def test_nesterov_reports_its_own_iterate():
    r = state_space(ml.nesterov)
    assert (r.C, r.E) == (sp.Matrix([[1, 0]]), sp.Matrix([[0, 1]]))


LINEAR = [
    *("gradient_descent", "heavy_ball", "sgd", "heavy_ball_ema", "heavy_ball_ema_corrected", "nesterov"),
    *("nesterov_convex", "nesterov_fista", "nesterov_sgd", "qhm", "triple_momentum", "pid", "pid_ema", "pid_outside"),
    *("rsgdm", "newton", "quasi_newton", "pmg_outside", "sgdw", "sgdw_paper"),
]


@pytest.mark.parametrize("name", ml.rules.__all__)
def test_linearity_is_found_by_walking(name):
    """The rules that are linear for given products; the others say where they are not."""
    if name in LINEAR:
        assert state_space(getattr(ml, name)).A.rows == 1 + len(getattr(ml, name).slots)
    else:
        with pytest.raises(NotLinear, match=f"{name} is not linear: it (multiplies vectors|measures whole vectors)"):
            state_space(getattr(ml, name))


def test_transforms_are_walked_through():
    assert state_space(ml.heavy_ball.after(ml.l2)).A.rows == 2
    for clipped in (ml.rsgdm.after(ml.clip_value), ml.rsgdm.after(ml.clip_norm), ml.heavy_ball.after(ml.centralize)):
        with pytest.raises(NotLinear, match=r"is not linear: it (takes the larger|measures whole|couples coordinates)"):
            state_space(clipped)


def test_poles_and_zeros_are_those_of_a_controller():
    """Integral action at 1, a leak at β, derivative action at k_d/(α + k_d)."""
    assert poles(ml.pid) == [1, beta]
    assert zeros(ml.pid) == [kd / (kd + lr)]
    assert poles(ml.pid_outside) == [0, 1, beta]
    assert zeros(ml.heavy_ball) == [0]


def test_l2_closes_a_loop_through_the_rule():
    decay = sp.Symbol("weight_decay", positive=True)
    open_loop = transfer(ml.heavy_ball)
    assert same(transfer(ml.heavy_ball.after(ml.l2)), open_loop / (1 - decay * open_loop))


def half(v, Bv, beta, kd):
    return where(norm(beta * v - kd * Bv) > norm(v), 0.5, 1.0)


@rule
def preconditioned(x, g, Bv, v=0.0, /, lr=0.01, beta=0.9, kd=lambda lr, beta: lr * beta, shrink=half):
    """A rule with a product that a preconditioner supplies, and a number measured on whole vectors."""
    v = shrink * (beta * v - kd * Bv) - lr * g
    return x + v, v


def test_products_of_a_preconditioner_are_inputs():
    """With the exact Hessian, on the mode λ, the preconditioned rule has PID's characteristic polynomial."""
    assert preconditioned.inputs == ("Bv",)
    assert preconditioned.kinds["shrink"] == "measured"
    r = state_space(preconditioned, shrink=1)
    assert r.inputs == ("g", "Bv")
    closed = r.A + r.B * sp.Matrix([[lam, 0], [0, lam]])
    r = state_space(ml.pid)
    pid = (r.A + lam * r.B * r.C).charpoly(z).as_expr()
    assert same(closed.charpoly(z).as_expr() * z, pid)


def test_a_rule_without_a_preconditioner_says_so():
    with pytest.raises(TypeError, match="asks for Bv, which a preconditioner supplies: give one"):
        ml.minimize("rosenbrock", method=preconditioned(lr=0.1))
