"""Every rule, family by family and in historical order, one paragraph each.

x is the iterate that is reported; a first argument named y is another point, where the gradient is
taken. Before the slash: the point, its gradient g, the memory and how it starts. After it:
hyperparameters, numbers or functions of the iteration k (from 1) and of each other. `tuned` is what
theory sets them to on μ-strongly convex, L-smooth functions.
"""

from typing import Any

from .hyper import recurrence
from .ops import maximum, norm, sqrt, where
from .preconditioners import bfgs, hessian
from .rule import GRADIENT, POINT, rule
from .transforms import decoupled, decoupled_schedule

ROUNDING = 1e-9  # relative, of norms over as many coordinates as there may be


def average(m: Any, g: Any, beta: Any) -> Any:
    """What m becomes when g enters an exponentially weighted average: βm + (1 − β)g."""
    return beta * m + (1 - beta) * g


def contraction(mu: Any, L: Any) -> Any:
    """(√κ − 1)/(√κ + 1), the best rate of a first-order method on quadratics (Polyak 1964)."""
    return (sqrt(L) - sqrt(mu)) / (sqrt(L) + sqrt(mu))


def polyak_lr(mu: Any, L: Any) -> Any:
    """Heavy ball's best step size on quadratics (Polyak 1964)."""
    return 4 / (sqrt(L) + sqrt(mu)) ** 2


def polyak_beta(mu: Any, L: Any) -> Any:
    """Heavy ball's best momentum on quadratics (Polyak 1964)."""
    return contraction(mu, L) ** 2


# ------------------------------------------------------------------ one point, one gradient


@rule(tuned=dict(lr=lambda mu, L: 2 / (L + mu)))
def gradient_descent(x, g, /, lr=1e-3):
    """Cauchy (1847): x⁺ = x − αg."""
    return x - lr * g


# ------------------------------------------------------------------ momentum


@rule(tuned=dict(lr=polyak_lr, beta=polyak_beta))
def heavy_ball(x, g, v=0.0, /, lr=0.01, beta=0.9):
    """Polyak (1964), the step size inside the velocity: v⁺ = βv − αg, x⁺ = x + v⁺."""
    v = beta * v - lr * g
    return x + v, v


@rule(tuned=dict(lr=polyak_lr, beta=polyak_beta))
def sgd(x, g, b=0.0, /, lr=1e-3, beta=0.9, dampening=0.0, gain=lambda k, dampening: where(k > 1, 1 - dampening, 1.0)):
    """The step size outside, as torch.optim.SGD: b⁺ = βb + (1 − τ)g, x⁺ = x − αb⁺; the first buffer is undampened."""
    b = beta * b + gain * g
    return x - lr * b, b


@rule(tuned=dict(lr=lambda mu, L, beta: polyak_lr(mu, L) / (1 - beta), beta=polyak_beta))
def heavy_ball_ema(x, g, m=0.0, /, lr=0.01, beta=0.9, c=1.0):
    """Heavy ball on an average of gradients: m⁺ = βm + (1 − β)g, x⁺ = x − αm⁺/c; c = 1 keeps its zero start."""
    m = average(m, g, beta)
    return x - lr * m / c, m


heavy_ball_ema_corrected = heavy_ball_ema.having(c=lambda k, beta: 1 - beta**k).named(
    "heavy_ball_ema_corrected", "Heavy ball on an average of gradients whose zero start is undone: c = 1 − βᵏ."
)


@rule(tuned=dict(lr=lambda L: 1 / L, beta=contraction))
def nesterov(y, g, x=POINT, /, lr=0.01, beta=0.9):
    """Nesterov (1983): a gradient step from y gives x⁺; y⁺ = x⁺ + β(x⁺ − x) looks ahead."""
    x_next = y - lr * g
    return x_next + beta * (x_next - x), x_next


fista_t = recurrence(1.0, lambda t: (1 + sqrt(1 + 4 * t * t)) / 2)

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
def nesterov_sgd(x, g, b=0.0, /, lr=1e-3, beta=0.9):
    """Nesterov as torch.optim.SGD has it (Bengio et al. 2013): b⁺ = βb + g, x⁺ = x − α(g + βb⁺); x is ahead."""
    b = beta * b + g
    return x - lr * (g + beta * b), b


@rule(tuned=dict(lr=lambda L, beta: 1 / (L * (1 - beta)), beta=contraction, nu=lambda beta: beta))
def qhm(x, g, m=0.0, /, lr=0.01, beta=0.9, nu=0.7):
    """Ma & Yarats (2019), quasi-hyperbolic: m⁺ = βm + (1 − β)g, x⁺ = x − α((1 − ν)g + νm⁺); ν = β is Nesterov."""
    m = average(m, g, beta)
    return x - lr * ((1 - nu) * g + nu * m), m


TRIPLE = dict(
    rho=lambda mu, L: 1 - sqrt(mu / L),
    lr=lambda rho, L: (1 + rho) / L,
    beta=lambda rho: rho * rho / (2 - rho),
)
"""Van Scoy, Freeman & Lynch (2018): the worst case of strongly convex functions contracts by ρ = 1 − 1/√κ.

PID takes the same gradients. On quadratics Nesterov's rule contracts as fast; its worst case is slower.
"""


@rule(tuned=TRIPLE)
def triple_momentum(
    y,
    g,
    x=POINT,
    xi=POINT,
    v=0.0,
    /,
    lr=0.01,
    beta=0.9,
    rho=lambda beta: (sqrt(beta * beta + 8 * beta) - beta) / 2,
    gamma=lambda beta, rho: beta / (1 + rho),
    delta=lambda rho: rho * rho / (1 - rho * rho),
):
    """Van Scoy et al. (2018): v⁺ = βv − αg moves ξ⁺ = ξ + v⁺; g is taken at ξ + γv, and x = ξ + δv is reported."""
    v = beta * v - lr * g
    xi = xi + v
    return xi + gamma * v, xi + delta * v, xi, v


# ------------------------------------------------------------------ differences of gradients


@rule(tuned=TRIPLE | dict(kd=lambda beta, L: beta / L))
def pid(x, g, v=0.0, g_prev=GRADIENT, /, lr=0.01, beta=0.9, kd=lambda lr, beta: lr * beta):
    """An et al. (2018) with raw differences: v⁺ = βv − αg − k_d(g − g₋), x⁺ = x + v⁺; the first difference is zero."""
    v = beta * v - lr * g - kd * (g - g_prev)
    return x + v, v, g


@rule
def pid_ema(x, g, v=0.0, d=0.0, g_prev=GRADIENT, /, lr=0.01, beta=0.9, Kd=lambda lr, beta: lr * beta / (1 - beta)):
    """An et al. (2018): v⁺ = βv − αg, d averages differences of gradients, x⁺ = x + v⁺ − K_d d⁺."""
    v = beta * v - lr * g
    d = average(d, g - g_prev, beta)
    return x + v - Kd * d, v, d, g


@rule
def pid_outside(x, g, v=0.0, g_prev=GRADIENT, /, lr=0.01, beta=0.9, kd=lambda lr, beta: lr * beta):
    """PID whose difference stays out of the momentum: v⁺ = βv − αg, x⁺ = x + v⁺ − k_d(g − g₋)."""
    v = beta * v - lr * g
    return x + v - kd * (g - g_prev), v, g


@rule(tuned=dict(lr=lambda L, beta: 1 / (L * (1 - beta)), beta=contraction))
def rsgdm(x, g, m=0.0, z=0.0, g_prev=GRADIENT, /, lr=0.01, beta=0.9):
    """Yuan & Hu: m averages gradients, z their differences; x⁺ = x − α(m⁺ + βz⁺)."""
    m = average(m, g, beta)
    z = average(z, g - g_prev, beta)
    return x - lr * (m + beta * z), m, z, g


def kd_from_damping(lr: float, zeta: float) -> float:
    """The K_d of `pid_ema` at which the loop it was designed on is damped by ζ: K_d = (1 + r)²/(4rζ²).

    The loop closes r + r/s + K_d s around an integrator, where r is the step size (after An et al. 2018).
    It knows nothing of the function: where L > 1, a K_d of this size makes most runs diverge.

    Parameters
    ----------
    lr : float
        The step size r, larger than 0.
    zeta : float
        The damping ratio; 1 is critical, less overshoots.

    Returns
    -------
    float

    Examples
    --------
    >>> round(kd_from_damping(0.01, 1.0), 4)
    25.5025
    >>> from momentumlab import pid_ema
    >>> pid_ema(lr=1e-4, Kd=kd_from_damping, zeta=1.0)
    pid_ema(lr=0.0001, Kd=f(lr, zeta), zeta=1)
    """
    return (1 + lr) * (1 + lr) / (4 * lr * zeta * zeta)


# ------------------------------------------------------------------ curvature


@rule(preconditioner=hessian())
def newton(x, g, Hg, /, lr=1.0):
    """Newton's method, damped where no lr is given: x⁺ = x − αHg, H = B⁻¹, where B is the Hessian or stands for it."""
    return x - lr * Hg


quasi_newton = newton.named(
    "quasi_newton",
    "Broyden, Fletcher, Goldfarb & Shanno (1970): Newton's step, with B learnt from gradients; α by Wolfe's search.",
    preconditioner=bfgs(),
)


def shrinkage(v, Bv, beta, kd, eta_max):
    """What keeps ‖βv − k_d Bv‖ ≤ η‖v‖; 1 where that holds up to 10⁻⁹, which rounding may take."""
    size, most = norm(beta * v - kd * Bv), eta_max * norm(v)
    return where(size > most * (1 + ROUNDING), most / size, 1.0)


@rule(preconditioner=bfgs())
def pmg(
    x, g, Bv, v=0.0, /, lr=0.01, beta=0.9, kd=lambda lr, beta: lr * beta, eta_max=lambda beta: beta, shrink=shrinkage
):
    """Zhang & Yu, preconditioned momentum: v⁺ = c(βv − k_d Bv) − αg, x⁺ = x + v⁺; c keeps ‖βv − k_d Bv‖ ≤ η‖v‖."""
    v = shrink * (beta * v - kd * Bv) - lr * g
    return x + v, v


@rule(preconditioner=bfgs())
def pmg_outside(x, g, Bs, w=0.0, s=0.0, /, lr=0.01, beta=0.9, kd=lambda lr, beta: lr * beta):
    """PMG whose curvature stays out of the momentum, unsafeguarded: w⁺ = βw − αg, x⁺ = x + s⁺, s⁺ = w⁺ − k_d Bs."""
    w = beta * w - lr * g
    s = w - kd * Bs
    return x + s, w, s


# ------------------------------------------------------------------ one step size per coordinate


@rule
def adagrad(
    x, g, s=0.0, /, lr=0.01, lr_decay=0.0, eps=1e-10, rate=lambda k, lr, lr_decay: lr / (1 + (k - 1) * lr_decay)
):
    """Duchi et al. (2011): s⁺ = s + g², x⁺ = x − αg/(√s⁺ + ε); lr_decay divides α by 1 + (k − 1)·lr_decay."""
    s = s + g * g
    return x - rate * g / (sqrt(s) + eps), s


@rule
def adadelta(x, g, s=0.0, u=0.0, /, lr=1.0, beta2=0.9, eps=1e-6):
    """Zeiler (2012): s averages g², u the squares of steps d = √(u + ε)/√(s⁺ + ε)·g; x⁺ = x − αd."""
    s = average(s, g * g, beta2)
    d = sqrt(u + eps) / sqrt(s + eps) * g
    return x - lr * d, s, average(u, d * d, beta2)


@rule
def rmsprop(x, g, s=0.0, /, lr=0.01, beta2=0.99, eps=1e-8):
    """Tieleman & Hinton (2012): s averages g², x⁺ = x − αg/(√s⁺ + ε)."""
    s = average(s, g * g, beta2)
    return x - lr * g / (sqrt(s) + eps), s


@rule
def rmsprop_momentum(x, g, s=0.0, b=0.0, /, lr=0.01, beta=0.9, beta2=0.99, eps=1e-8):
    """RMSProp under momentum, as torch.optim.RMSprop: b⁺ = βb + g/(√s⁺ + ε), x⁺ = x − αb⁺."""
    s = average(s, g * g, beta2)
    b = beta * b + g / (sqrt(s) + eps)
    return x - lr * b, s, b


def deviation(s: Any, g_mean: Any) -> Any:
    """√(E g² − (E g)²), where rounding must not make it the root of a negative number."""
    return sqrt(maximum(s - g_mean * g_mean, 0.0))


@rule
def rmsprop_centered(x, g, s=0.0, g_mean=0.0, /, lr=0.01, beta2=0.99, eps=1e-8):
    """Graves (2013): RMSProp with g's standard deviation below, x⁺ = x − αg/(√(s⁺ − ḡ⁺²) + ε), where ḡ averages g."""
    s, g_mean = average(s, g * g, beta2), average(g_mean, g, beta2)
    return x - lr * g / (deviation(s, g_mean) + eps), s, g_mean


@rule
def rmsprop_centered_momentum(x, g, s=0.0, g_mean=0.0, b=0.0, /, lr=0.01, beta=0.9, beta2=0.99, eps=1e-8):
    """Graves (2013): centred RMSProp under momentum, b⁺ = βb + g/(√(s⁺ − ḡ⁺²) + ε), x⁺ = x − αb⁺."""
    s, g_mean = average(s, g * g, beta2), average(g_mean, g, beta2)
    b = beta * b + g / (deviation(s, g_mean) + eps)
    return x - lr * b, s, g_mean, b


def unbias1(k: Any, beta1: Any) -> Any:
    """What undoes the zero start of an average of gradients."""
    return 1 - beta1**k


def unbias2(k: Any, beta2: Any) -> Any:
    """What undoes the zero start of an average of their squares."""
    return 1 - beta2**k


@rule
def adam(x, g, m=0.0, s=0.0, /, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, eps_root=0.0, c1=unbias1, c2=unbias2):
    """Kingma & Ba (2015): m, s average g, g²; x⁺ = x − α(m⁺/c₁)/(√(s⁺/c₂) + ε), where c₁, c₂ undo their zero start."""
    m, s = average(m, g, beta1), average(s, g * g, beta2)
    return x - lr * (m / c1) / (sqrt(s / c2 + eps_root) + eps), m, s


adam_eps_inside = adam.having(eps=0.0, eps_root=1e-8).named("adam_eps_inside", "Adam with ε inside the root.")


@rule
def amsgrad(x, g, m=0.0, s=0.0, s_max=0.0, /, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, c1=unbias1, c2=unbias2):
    """Reddi et al. (2018) as torch has it: Adam over the largest s so far, x⁺ = x − α(m⁺/c₁)/(√(max s/c₂) + ε)."""
    m, s = average(m, g, beta1), average(s, g * g, beta2)
    s_max = maximum(s_max, s)
    return x - lr * (m / c1) / (sqrt(s_max / c2) + eps), m, s, s_max


amsgrad_paper = amsgrad.having(c1=1.0, c2=1.0).named(
    "amsgrad_paper", "Reddi et al. (2018) as printed: AMSGrad whose averages keep the bias of their zero start."
)


def rectification(k: Any, beta2: Any, threshold: Any) -> Any:
    """√(1 − β₂ᵏ) rₖ of Liu et al. (2020) once the step's variance is tractable, ρₖ > threshold; 0 before."""
    last, left = 2 / (1 - beta2) - 1, beta2**k
    rho = last - 2 * k * left / (1 - left)
    growth = (rho - 4) * (rho - 2) * last / maximum((last - 4) * (last - 2) * rho, 1e-300)
    return where(rho > threshold, sqrt(maximum(growth, 0.0) * (1 - left)), 0.0)


@rule
def radam(
    x, g, m=0.0, s=0.0, /, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, threshold=5.0, c1=unbias1, rect=rectification
):
    """Liu et al. (2020): x⁺ = x − α(m⁺/c₁)·r/(√s⁺ + ε) where Adam's step is rectified, x − αm⁺/c₁ before (r = 0)."""
    m, s = average(m, g, beta1), average(s, g * g, beta2)
    return x - lr * (m / c1) * where(rect > 0, rect / (sqrt(s) + eps), 1.0), m, s


# ------------------------------------------------------------------ decay beside the step


def scheduled(alpha: Any, eta: Any) -> Any:
    """A step size as Loshchilov & Hutter write it: α times the multiplier η of a schedule."""
    return alpha * eta


sgdw = sgd.then(decoupled).named("sgdw", "Loshchilov & Hutter (2019) scaled as torch scales AdamW: sgd, then − αλx.")
sgdw_paper = (
    heavy_ball.then(decoupled_schedule)
    .having(alpha=0.01, eta=1.0, lr=scheduled)
    .named(
        "sgdw_paper",
        "Loshchilov & Hutter (2019) as printed: heavy ball of step size αη, then − ηλx; give alpha and eta, not lr.",
    )
)
adamw = adam.then(decoupled).named("adamw", "Loshchilov & Hutter (2019) as torch has it: Adam, then − αλx.")
adamw_paper = (
    adam.then(decoupled_schedule)
    .having(alpha=1e-3, eta=1.0, lr=scheduled)
    .named(
        "adamw_paper",
        "Loshchilov & Hutter (2019) as printed: Adam of step size αη, then − ηλx; give alpha and eta, not lr.",
    )
)

__all__ = [
    "gradient_descent",
    "heavy_ball",
    "sgd",
    "heavy_ball_ema",
    "heavy_ball_ema_corrected",
    "nesterov",
    "nesterov_convex",
    "nesterov_fista",
    "nesterov_sgd",
    "qhm",
    "triple_momentum",
    "pid",
    "pid_ema",
    "pid_outside",
    "rsgdm",
    "newton",
    "quasi_newton",
    "pmg",
    "pmg_outside",
    "adagrad",
    "adadelta",
    "rmsprop",
    "rmsprop_momentum",
    "rmsprop_centered",
    "rmsprop_centered_momentum",
    "adam",
    "adam_eps_inside",
    "amsgrad",
    "amsgrad_paper",
    "radam",
    "sgdw",
    "sgdw_paper",
    "adamw",
    "adamw_paper",
]
