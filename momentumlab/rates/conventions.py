"""How the frameworks' heavy ball, Nesterov and Adam relate: a table derived from the rules themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import rules
from ..compare import markdown
from ..method import Method
from ..rule import Rule
from ..transforms import l2
from .equivalence import Equivalence, equivalent


@dataclass(frozen=True)
class Convention:
    """One way of writing a rule, and how it relates to the way that is taken as reference.

    Attributes
    ----------
    family, spelling : str
        What it is, and who writes it so.
    verdict : Equivalence
        What the reference's hyperparameters are in terms of this one's, and how the first steps differ.
    """

    family: str
    spelling: str
    verdict: Equivalence


Way = tuple[str, Rule | Method, Rule | Method]


def heavy_ball() -> tuple[Way, ...]:
    """Each spelling, with the reference that it is compared to."""
    moving: dict[str, Any] = {"lr": lambda k: 0.01 / k**0.5}
    return (
        ("Keras SGD(momentum): v ← βv − αg", rules.heavy_ball, rules.heavy_ball),
        (
            "torch, optax SGD(momentum): b ← βb + g, x ← x − αb",
            rules.sgd.having(dampening=lambda: 0.0),
            rules.heavy_ball,
        ),
        ("torch SGD(momentum, dampening τ): b ← βb + (1 − τ)g, b₁ = g₀", rules.sgd, rules.heavy_ball),
        ("an average: m ← βm + (1 − β)g, x ← x − αm", rules.heavy_ball_ema.having(c=lambda: 1.0), rules.heavy_ball),
        (
            "an average, corrected by 1 − βᵏ, at α = 0.1, β = 0.9",
            rules.heavy_ball_ema_corrected(lr=0.1),
            rules.heavy_ball_ema.having(c=lambda: 1.0)(lr=0.1),
        ),
        ("torch SGD(momentum) under a schedule α/√k", rules.sgd(**moving), rules.heavy_ball(**moving)),
    )


def nesterov() -> tuple[Way, ...]:
    """The same of Nesterov's rule."""
    return (
        ("torch, optax, Keras SGD(nesterov): x ← x − α(g + βb)", rules.nesterov_sgd, rules.nesterov),
        ("quasi-hyperbolic, ν = β", rules.qhm.having(nu=lambda beta: beta), rules.nesterov),
        ("PID, k_d = αβ", rules.pid.having(kd=lambda lr, beta: lr * beta), rules.nesterov),
        ("RSGDM", rules.rsgdm, rules.nesterov),
        ("triple momentum, γ = β", rules.triple_momentum.having(gamma=lambda beta: beta), rules.nesterov),
    )


def adam() -> tuple[Way, ...]:
    """The same of Adam and what is made of it."""
    small: dict[str, Any] = {"eps": lambda c2, eps_hat: eps_hat / c2**0.5, "eps_hat": 1e-3}
    decayed = rules.adamw(lr=1e-3, weight_decay=1e-2)
    return (
        ("Keras: ε̂ beside the uncorrected √s, ε̂ = ε = 10⁻³", rules.adam(**small), rules.adam(eps=1e-3)),
        ("ε inside the root, 10⁻⁶ (optax eps_root)", rules.adam_eps_inside(eps_root=1e-6), rules.adam(eps=1e-3)),
        ("without correction, c₁ = c₂ = 1", rules.adam(c1=1, c2=1), rules.adam()),
        ("AMSGrad as printed, without correction, beside torch's", rules.amsgrad_paper(), rules.amsgrad()),
        (
            "AdamW as printed, λ = 10⁻⁵, beside torch's at α = 10⁻³, λ = 10⁻²",
            rules.adamw_paper(alpha=1e-3, weight_decay=1e-5),
            decayed,
        ),
        ("L2 decay in the gradient beside AdamW, λ = 10⁻²", rules.adam.after(l2)(weight_decay=1e-2), decayed),
    )


FAMILIES = {"heavy ball": heavy_ball, "Nesterov": nesterov, "Adam, as torch has it": adam}


def conventions() -> list[Convention]:
    """Each framework's spelling of heavy ball, Nesterov's rule and Adam against one reference, by `equivalent`.

    Returns
    -------
    list of Convention
        `conventions_table` prints it.

    Raises
    ------
    ImportError
        Where SymPy is not installed.

    Examples
    --------
    >>> import momentumlab as ml
    >>> rows = ml.rates.conventions()  # doctest: +SKIP
    >>> [row.verdict.mapping for row in rows if row.spelling == "RSGDM"]  # doctest: +SKIP
    [{'lr': lr*(1 - beta)}]
    """
    return [
        Convention(family, spelling, equivalent(method, reference))
        for family, ways in FAMILIES.items()
        for spelling, method, reference in ways()
    ]


def _is(verdict: Equivalence) -> str:
    if not verdict:
        return "another rule"
    return "the same in the end" if verdict.start else "the same"


def conventions_table(rows: Sequence[Convention] | None = None) -> str:
    """The conventions as a Markdown table."""
    rows = conventions() if rows is None else rows
    cells = [
        [
            row.family,
            row.spelling,
            _is(row.verdict),
            ", ".join(f"{n} = {v}" for n, v in row.verdict.mapping.items()),
            str(row.verdict.start or ""),
        ]
        for row in rows
    ]
    return markdown(["reference", "written as", "is", "the reference's", "at first"], cells, numbers=set())
