"""Nesterov's rule sees curvature along its last step, and remains a first-order method.

At the points where it takes gradients Nesterov's rule is PID with k_d = αβ: beside momentum it has the difference of
the last two gradients. On a quadratic that difference is Hv, the Hessian times the last step v, exactly; elsewhere Hv
up to terms of second order in v, as measured on a sum of log cosh: halving v quarters the error. In this sense the
claim is right: the rule brakes in proportion to the curvature that it has just met. Heavy ball has no such term.

It is one product, not the Hessian. The claim is wrong if it is read to say that the rule behaves as a second-order
method does. Newton's method takes the same points in other coordinates, and on quadratics its rate does not depend on
κ. Nesterov's rule takes other points, and its rate on quadratics is 1 − 1/√κ, that of first-order methods: the rate at
κ = 10⁴ is not the one at κ = 100.
"""

import numpy as np

import momentumlab as ml

from ..claim import UNDER, Claim, Evidence, Fact
from ..figures import panels, style

LR, BETA, N = 0.05, 0.8, 8
NEWTON = ml.newton(lr=1, preconditioner=ml.hessian(modify=None))


def experiment(rule: ml.Rule = ml.nesterov) -> Evidence:
    rng = np.random.default_rng(0)
    Q, _ = np.linalg.qr(rng.standard_normal((N, N)))
    H = (Q * np.geomspace(0.1, 10, N)) @ Q.T
    H, x0 = (H + H.T) / 2, rng.standard_normal(N)
    pid = ml.pid.starting(g_prev=0.0)(lr=LR, beta=BETA, kd=LR * BETA)
    same = ml.rates.equivalent(rule(lr=LR, beta=BETA), pid)

    def walk(method, S=None, steps=60):
        """The points of a run on ½xᵀHx where gradients are taken, in variables S⁻¹x; and the gradients."""
        S = np.eye(N) if S is None else S
        f = lambda z: (0.5 * (S @ z) @ H @ (S @ z), S.T @ H @ (S @ z))
        hess = dict(hess=lambda z: S.T @ H @ S) if method.takes_hessian else {}
        z, g = [], []
        for step in ml.iterate(f, np.linalg.solve(S, x0), method, jac=True, **hess):
            z.append(S @ step.x)
            g.append(step.jac)
            if step.k == steps:
                return np.array(z), np.array(g)

    points, gradients = walk(rule(lr=LR, beta=BETA))
    Hv, change = np.diff(points, axis=0) @ H, np.diff(gradients, axis=0)
    by_pid = walk(pid)[0]

    bend = lambda v: np.linalg.norm(np.tanh(x0 + v) - np.tanh(x0) - v / np.cosh(x0) ** 2)
    halving = bend(1e-3 * np.ones(N)) / bend(5e-4 * np.ones(N))
    S = np.diag(np.geomspace(1, 2, N))
    moved = lambda method, steps: np.abs(np.subtract(*(walk(method, s, steps)[0] for s in (None, S)))).max()
    rate = lambda rule, kappa: float(ml.rates.exact(rule.tuned(mu=1 / kappa, L=1), mu=1 / kappa, L=1))
    kappas = np.geomspace(2, 1e4, 25)

    facts = [
        Fact("it and PID with k_d = αβ have one transfer function (1: yes)", float(bool(same)), "=", 1.0),
        Fact("distance of its points to PID's, on a quadratic", np.abs(points - by_pid).max(), "≤", 1e-12),
        Fact("largest |gₖ − gₖ₋₁ − Hv| on that quadratic", np.abs(change - Hv).max(), "≤", 1e-12),
    ]
    beyond = [
        Fact(
            "as of a second-order method: change of its points under a linear change of variables",
            moved(rule(lr=LR, beta=BETA), 60),
            "≤",
            1e-9,
        ),
        Fact(
            "as of a second-order method: its rate at κ = 10⁴ is that at κ = 100", rate(rule, 1e4), "=", rate(rule, 100)
        ),
    ]
    found = [
        Fact("the same change for Newton's method", moved(NEWTON, 3), "≤", 1e-9),
        Fact("its rate on quadratics at κ = 100, and 1 − 1/√κ", rate(rule, 100), "=", 0.9, within=1e-6),
        Fact("its rate at κ = 10⁴", rate(rule, 1e4), "=", 0.99, within=1e-6),
        Fact("error of Hv on log cosh / the same for half the step", halving, "=", 4.0, within=0.01),
    ]
    rates = {"gradient descent": ml.gradient_descent, "heavy ball": ml.heavy_ball, "Nesterov": ml.nesterov}
    curves = {"rates": {n: [rate(r, k) for k in kappas] for n, r in rates.items()}, "kappa": kappas}
    return Evidence(facts, beyond, found, curves | {"terms": (LR * BETA * change, LR * BETA * Hv)})


def figure(evidence: Evidence):
    figure, (left, right) = panels(2)
    change, Hv = evidence.curves["terms"]
    left.plot(np.linalg.norm(change, axis=1), label=r"$\alpha\beta\,\|g_k - g_{k-1}\|$", **style(0))
    left.plot(np.linalg.norm(Hv, axis=1), ".", markersize=4, color=style(1)["color"], label=r"$\alpha\beta\,\|Hv_k\|$")
    left.set(yscale="log", xlabel="iteration $k$", ylabel="the rule's difference term")
    left.legend(fontsize=7)
    for j, (label, rates) in enumerate(evidence.curves["rates"].items()):
        right.plot(evidence.curves["kappa"], 1 - np.array(rates), label=label, **style(j))
    right.axhline(1.0, label="Newton", **style(3))
    right.set(xscale="log", yscale="log", xlabel=r"$\kappa$", ylabel="1 − rate on quadratics")
    right.legend(fontsize=7)
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Zhang & Yu, preconditioned momentum gradient methods, and a tutorial on optimisers and initialisation",
    statement="Nesterov's rule uses second-order information.",
    verdict=UNDER,
    because="In one product, the Hessian times the last step; it does not behave as a second-order method.",
    experiment=experiment,
    figure=figure,
    flip={"rule": ml.heavy_ball},
)
