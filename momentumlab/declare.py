"""What a declaration must satisfy, and what a rule says of itself."""

from collections.abc import Callable, Mapping
from enum import Enum
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

from . import trace
from .errors import short
from .hyper import RESERVED, arguments, is_real, number, range_of, shown
from .preconditioner import loading

if TYPE_CHECKING:
    from .rule import Rule


class Start(Enum):
    """How a slot starts, where it is not a number."""

    POINT = "the first point"
    GRADIENT = "the first gradient"


POINT, GRADIENT = Start.POINT, Start.GRADIENT


class OfInstance:
    """What an object says of itself, made when it is asked for; the class says something else."""

    def __init__(self, make: Callable[[Any], Any], of_class: Any = None) -> None:
        self.make, self.of_class = make, of_class

    def __get__(self, instance: Any, kind: type) -> Any:
        return self.of_class if instance is None else self.make(instance)


# ------------------------------------------------------------------ declarations


def read_signature(step: Callable) -> tuple[str, list[Parameter], dict[str, Any]]:
    """The point's name, the other arguments before the slash, and the hyperparameters after it."""
    parameters = list(signature(step).parameters.values())
    fixed = [p for p in parameters if p.kind is Parameter.POSITIONAL_ONLY]
    after = [p for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
    if len(fixed) + len(after) < len(parameters):
        raise TypeError("a star declares nothing; name every argument, the hyperparameters after the slash")
    if len(fixed) < 2 or fixed[1].name != "g" or any(p.default is not Parameter.empty for p in fixed[:2]):
        raise TypeError(
            f"write def {step.__name__}(x, g, <slots>, /, <hyperparameters>): "
            "a point and its gradient g without defaults, and a slash after the slots"
        )
    slots = {p.name for p in fixed[2:] if p.default is not Parameter.empty}
    if "x" not in {fixed[0].name, *slots}:
        raise TypeError("no argument is named x; x is the iterate that is reported, the first argument or a slot")
    for p in fixed[2:]:
        if p.default is Parameter.empty and (p.name[:1] not in ("B", "H") or p.name[1:] not in {"g", *slots}):
            raise TypeError(
                f"{p.name!r} has no default and is not B or H followed by g or a slot; a slot needs a default"
            )
    for p in after:
        if p.default is Parameter.empty:
            raise TypeError(f"hyperparameter {p.name} has no default")
    for p in parameters:
        if p.name in RESERVED:
            instead = "a hyperparameter's function may ask for it" if p.name == "k" else "choose another name"
            raise TypeError(f"{p.name} is {RESERVED[p.name]}, not a hyperparameter or a slot; {instead}")
    return fixed[0].name, fixed[2:], {p.name: p.default for p in after}


def check(r: "Rule") -> "Rule":
    """Walk through a rule once: what cannot be written down is refused here, at its declaration.

    Our own rules are walked through by the tests, not each time the package is imported.
    """
    if loading(r.step):
        return r
    try:
        trace.check_pointwise(r.step, r.bare_rule.vectors, r.args)
        for t in (*r.before, *r.behind):
            trace.check_pointwise(t.step, ("x", t.second), t.args)
        _, results = trace.walk(r)
    except Exception as error:
        raise TypeError(f"rule {r.name} cannot be written down: {error}") from error
    if len(results) != 1 + len(r.slots):
        returns = ", ".join(f"the new {n}" for n in (r.point, *r.slots))
        raise TypeError(f"rule {r.name} returns {len(results)} values; it must return {1 + len(r.slots)}: {returns}")
    return r


def check_tuning(owner: str, tuned: Mapping[str, Any], hyper: Mapping[str, Any]) -> None:
    asked = {a for f in tuned.values() if callable(f) for a in arguments(f)}
    if strange := [n for n in tuned if n not in {*hyper, *asked}]:
        raise TypeError(f"{owner}: the tuning of {strange[0]} is of no hyperparameter; there are {', '.join(hyper)}")
    if strange := [a for a in asked if a not in {"mu", "L", *hyper, *tuned}]:
        raise TypeError(f"{owner}: the tuning asks for {strange[0]!r}; it may ask for mu, L, {', '.join(hyper)}")


def check_start(owner: str, slot: str, start: Any) -> None:
    if not isinstance(start, Start) and not is_real(start):
        raise TypeError(f"{owner}: slot {slot} = {short(start)}; a slot starts as a number, POINT or GRADIENT")


def checked_values(r: "Rule", hyper: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as floats inside their ranges, functions as they are."""
    return {n: v if callable(v) else number(r.name, n, v) for n, v in hyper.items()}


# ------------------------------------------------------------------ what it says of itself


def describe(r: "Rule") -> str:
    """The rule's page: its paragraph, its hyperparameters with defaults and ranges, its memory, its transforms."""
    lines = [r.doc, "", "Hyperparameters", "---------------"]
    search = r.default_search({})
    found = lambda n: f"found by {search}, else " if n == "lr" and search else ""
    lines += [f"{n} : {found(n)}{shown(v)}, {r.kinds[n]}, in {range_of(n)}" for n, v in r.hyper.items()]
    if r.inputs:
        by = r.preconditioner
        default = f"{by}, {r.default_index(by)}, where no other is given" if by else "a preconditioner, to be given"
        lines += ["", "Products", "--------", f"{', '.join(r.inputs)} : by {default}"]
    lines += ["", "Memory", "------"]
    lines += [f"{n} : starts as {s.value if isinstance(s, Start) else s}" for n, s in r.slots.items()] or ["none"]
    for t in (*r.before, *r.behind):
        lines += ["", f"{'Before' if t in r.before else 'After'} it, {t.name}", "-" * 20, t.doc]
    return "\n".join(lines)


def face(r: "Rule") -> Signature:
    more = [*(["search"] if "lr" in r.hyper else []), *(["preconditioner", "index"] if r.inputs else [])]
    takes = {**r.hyper, **dict.fromkeys(more)}
    return Signature([Parameter(n, Parameter.KEYWORD_ONLY, default=v) for n, v in takes.items()])
