"""The table of docs/torch.md: `python -m experiments.torch_classes` writes it into the page."""

from itertools import product
from pathlib import Path

import torch

import momentumlab.torch as ours
from momentumlab.files import filled, replacing
from momentumlab.torch.optimizer import CALLING, OPTIONS, SHAPING

PAGE = Path(__file__).parent.parent / "docs" / "torch.md"
COMMON = {"params": None, "weight_decay": 0.0, **SHAPING, **OPTIONS, **CALLING}
"""What is not said of each class: arguments that all have, where their default is the same."""


def rules(cls: type) -> list[str]:
    """The names of the rules that the groups of a class may follow."""
    parameters = cls.__signature__.parameters
    choices = {n: (False, True) for n, v in cls.flags.items() if isinstance(v, bool)}
    if parameters.get("momentum") and not parameters["momentum"].default:
        choices["momentum"] = (0.0, 0.5)
    supplied = dict(preconditioner="identity") if "preconditioner" in parameters else {}
    optimizer = cls([torch.zeros(1)], **supplied)
    found = {}
    for values in product(*choices.values()):
        try:
            rule = optimizer.choose({**optimizer.param_groups[0], **dict(zip(choices, values, strict=True))})
        except ValueError:  # they do not go together
            continue
        found[rule.name] = None
    return list(found)


def arguments(cls: type) -> str:
    """A class's own arguments with their defaults."""
    parameters = cls.__signature__.parameters.values()
    own = [p for p in parameters if p.name not in COMMON or p.default not in (COMMON[p.name], p.empty)]
    return ", ".join(f"{p.name}={p.default!r}" for p in own)


def table() -> str:
    """Every class of momentumlab.torch, its rules and its arguments."""
    lines = ["| class | rule | arguments |", "|---|---|---|"]
    for name in ours.__all__:
        cls = getattr(ours, name)
        if cls is not ours.Optimizer:
            lines.append(f"| `{name}` | {', '.join(f'`{rule}`' for rule in rules(cls))} | `{arguments(cls)}` |")
    return "\n".join(lines)


def main() -> None:
    page = filled(PAGE.read_text(), {"classes": table()})
    with replacing(PAGE) as temporary:
        temporary.write_text(page)


if __name__ == "__main__":
    main()
