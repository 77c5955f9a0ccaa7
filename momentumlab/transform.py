"""Pointwise transforms: functions of the same kind as rules, which compose with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, cleandoc, signature
from types import FunctionType
from typing import Any

from .errors import short
from .hyper import RESERVED, number, resolve, shown


@dataclass(frozen=True, eq=False, repr=False)
class Transform:
    """A pointwise function of the gradient (x, g), or of where a rule went (x, x_next); made by `transform`."""

    step: Callable
    name: str
    doc: str
    second: str
    args: tuple[str, ...]
    hyper: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "__module__", self.step.__module__)
        object.__setattr__(self, "__doc__", self.doc)

    def __call__(self, x: Any, value: Any, hyper: Mapping[str, Any], row: Mapping[str, Any]) -> Any:
        """The transform of `value` at x, with hyperparameters from `row`, or measured on what it is given."""
        return self.step(x, value, *resolve(hyper, self.args, {**row, "x": x, self.second: value}))

    def __reduce__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<transform {self.name}({', '.join(f'{n}={shown(v)}' for n, v in self.hyper.items())})>"


def transform(step: Callable) -> Transform:
    """Declare a pointwise transform, to be composed with a rule.

    Parameters
    ----------
    step : callable
        ``(x, g, ...)`` gives another gradient, for `Rule.after`; ``(x, x_next, ...)`` gives another new point,
        for `Rule.then`. What follows are hyperparameters, as in a rule; one without a default is the rule's own.

    Returns
    -------
    Transform

    Raises
    ------
    TypeError
        Where the first two arguments are neither.

    Examples
    --------
    >>> from momentumlab import heavy_ball
    >>> @transform
    ... def halved(x, g):
    ...     return 0.5 * g
    >>> heavy_ball.after(halved)(lr=0.1)
    heavy_ball_halved(lr=0.1)
    """
    if not isinstance(step, FunctionType):
        raise TypeError(f"transform takes a function of (x, g, ...) or (x, x_next, ...), not {short(step)}")
    parameters = list(signature(step).parameters.values())
    names = [p.name for p in parameters[:2]]
    if names not in (["x", "g"], ["x", "x_next"]):
        takes = f"transform {step.__name__}: its first arguments are {', '.join(names)}"
        raise TypeError(f"{takes}; they must be x, g or x, x_next")
    plain = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    for p in parameters[2:]:
        if p.kind not in plain or p.name in {"g", *RESERVED}:
            raise TypeError(f"transform {step.__name__}: {p} is not a hyperparameter that it may have")
    defaults = {p.name: p.default for p in parameters[2:] if p.default is not Parameter.empty}
    hyper = {n: v if callable(v) else number(f"transform {step.__name__}", n, v) for n, v in defaults.items()}
    args = tuple(p.name for p in parameters[2:])
    return Transform(step, step.__name__, cleandoc(step.__doc__ or ""), names[1], args, hyper)
