"""Sentences that say what was wrong and what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module

ALIASES = {
    "learning_rate": "lr",
    "step_size": "lr",
    "momentum": "beta",
    "betas": "beta1",
    "b1": "beta1",
    "b2": "beta2",
    "rho": "beta2",
    "alpha": "beta2",
    "epsilon": "eps",
}
"""What other libraries call our names."""
MANY = 20  # choices, which are not listed where one is near


def unknown(kind: str, name: object, choices: Iterable[str]) -> str:
    """Say that a name is unknown, which names are near it, and which there are.

    >>> unknown("rule", "heavyball", ["heavy_ball", "pid"])
    "there is no rule 'heavyball'; did you mean 'heavy_ball'? There are heavy_ball, pid"
    """
    choices = list(choices)
    near = [alias for alias in [ALIASES.get(str(name))] if alias in choices]
    near = near or get_close_matches(str(name), choices, n=2, cutoff=0.6)
    guess = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    listed = "" if near and len(choices) > MANY else f" There are {', '.join(choices) or 'none'}"
    return f"there is no {kind} {short(name)}{guess}{listed}"


def needs(what: str, *modules: str) -> None:
    """Raise ImportError, with what to install, where a module of the `analysis` extra is missing.

    >>> needs("arithmetic", "math")
    """
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise ImportError(f"{what} needs {module}: pip install 'momentumlab[analysis]'") from error


def short(value: object) -> str:
    """A value's repr, on one line and cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) < 80 else f"{text[:77]}..."
