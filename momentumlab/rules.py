"""Every rule, in historical order, one paragraph each.

x is the iterate that is reported; a first argument named y is another point, where the gradient is
taken. Before the slash: the point, its gradient g, the memory and how it starts. After it:
hyperparameters, numbers or functions of the iteration k (from 1) and of each other. `tuned` is what
theory sets them to on μ-strongly convex, L-smooth functions.
"""

from .hyper import recurrence
from .ops import sqrt, where
from .rule import GRADIENT, POINT, Rule, rule

fista_t = recurrence(1.0, lambda t: (1 + sqrt(1 + 4 * t * t)) / 2)


def contraction(mu, L):
    """(√κ − 1)/(√κ + 1), the best rate of a first-order method on quadratics (Polyak 1964)."""
    return (sqrt(L) - sqrt(mu)) / (sqrt(L) + sqrt(mu))


def polyak_lr(mu, L):
    return 4 / (sqrt(L) + sqrt(mu)) ** 2


def polyak_beta(mu, L):
    return contraction(mu, L) ** 2


# ------------------------------------------------------------------ one point, one gradient


@rule(tuned=dict(lr=lambda mu, L: 2 / (L + mu)))
def gradient_descent(x, g, /, lr=0.01):
    """Cauchy (1847): x⁺ = x − αg."""
    return x - lr * g


# ------------------------------------------------------------------ momentum


@rule(tuned=dict(lr=polyak_lr, beta=polyak_beta))
def heavy_ball(x, g, v=0.0, /, lr=0.01, beta=0.9):
    """Polyak (1964), the step size inside the velocity: v⁺ = βv − αg, x⁺ = x + v⁺."""
    v = beta * v - lr * g
    return x + v, v


@rule(tuned=dict(lr=polyak_lr, beta=polyak_beta))
def sgd(x, g, b=0.0, /, lr=0.01, beta=0.9, dampening=0.0, gain=lambda k, dampening: where(k == 1, 1.0, 1 - dampening)):
    """The step size outside, as torch.optim.SGD: b⁺ = βb + (1 − τ)g, x⁺ = x − αb⁺; the first buffer is undampened."""
    b = beta * b + gain * g
    return x - lr * b, b


@rule(tuned=dict(lr=lambda L: 1 / L, beta=contraction))
def nesterov(y, g, x=POINT, /, lr=0.01, beta=0.9):
    """Nesterov (1983): a gradient step from y gives x⁺; y⁺ = x⁺ + β(x⁺ − x) looks ahead."""
    x_next = y - lr * g
    return x_next + beta * (x_next - x), x_next


nesterov_convex = nesterov.having(beta=lambda k: (k - 1) / (k + 2)).named(
    "nesterov_convex",
    "Nesterov's rule for convex functions, β = (k − 1)/(k + 2).",
    tuned=dict(lr=lambda L: 1 / L),
)
nesterov_fista = nesterov.having(beta=lambda k: (fista_t(k) - 1) / fista_t(k + 1)).named(
    "nesterov_fista",
    "Beck & Teboulle (2009): β = (tₖ − 1)/tₖ₊₁ with t₁ = 1, tₖ₊₁ = (1 + √(1 + 4tₖ²))/2.",
    tuned=dict(lr=lambda L: 1 / L),
)


@rule(tuned=dict(lr=lambda L: 1 / L, beta=contraction))
def nesterov_sgd(x, g, b=0.0, /, lr=0.01, beta=0.9):
    """Nesterov as torch.optim.SGD has it (Bengio et al. 2013): b⁺ = βb + g, x⁺ = x − α(g + βb⁺); x is ahead."""
    b = beta * b + g
    return x - lr * (g + beta * b), b


# ------------------------------------------------------------------ differences of gradients


@rule(
    tuned=dict(
        lr=lambda rho, L: (1 + rho) / L,
        beta=lambda rho: rho * rho / (2 - rho),
        kd=lambda beta, L: beta / L,
        rho=lambda mu, L: 1 - sqrt(mu / L),
    )
)
def pid(x, g, v=0.0, g_prev=GRADIENT, /, lr=0.01, beta=0.9, kd=lambda lr, beta: lr * beta):
    """An et al. (2018) with raw differences: v⁺ = βv − αg − k_d(g − g₋), x⁺ = x + v⁺; the first difference is zero."""
    v = beta * v - lr * g - kd * (g - g_prev)
    return x + v, v, g


@rule(tuned=dict(lr=lambda L, beta: 1 / (L * (1 - beta)), beta=contraction))
def rsgdm(x, g, m=0.0, z=0.0, g_prev=GRADIENT, /, lr=0.01, beta=0.9):
    """Yuan & Hu: m averages gradients, z their differences; x⁺ = x − α(m⁺ + βz⁺)."""
    m = beta * m + (1 - beta) * g
    z = beta * z + (1 - beta) * (g - g_prev)
    return x - lr * (m + beta * z), m, z, g


# ------------------------------------------------------------------ one step size per coordinate


@rule
def adam(
    x,
    g,
    m=0.0,
    s=0.0,
    /,
    lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    c1=lambda k, beta1: 1 - beta1**k,
    c2=lambda k, beta2: 1 - beta2**k,
):
    """Kingma & Ba (2015): m, s average g, g²; x⁺ = x − α(m⁺/c₁)/(√(s⁺/c₂) + ε), where c₁, c₂ undo their zero start."""
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g * g
    return x - lr * (m / c1) / (sqrt(s / c2) + eps), m, s


__all__ = [name for name, value in list(globals().items()) if isinstance(value, Rule)]
