"""The table of docs/torch.md, and the types of the classes: `python -m experiments.torch_classes` writes both."""

from itertools import product
from pathlib import Path

import torch

import momentumlab.torch as ours
from momentumlab.files import filled, replacing
from momentumlab.torch.optimizer import CALLING, OPTIONS, SHAPING

PAGE = Path(__file__).parent.parent / "docs" / "torch.md"
STUB = Path(ours.__file__).parent / "classes.pyi"
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


TYPES = dict(
    betas="tuple[Number, Number]", preconditioner="Any", index="str | None", state_dtype="torch.dtype | None",
    centralize="bool | str", foreach="bool | None", fused="bool | None",
)  # fmt: skip


def types() -> str:
    """The signatures of the classes, for type checkers, which cannot read them off the rules."""
    lines = [
        "from collections.abc import Callable",
        "from typing import Any",
        "",
        "import torch",
        "from torch.optim.optimizer import ParamsT",
        "",
        "from .optimizer import Optimizer",
        "",
        "Number = float | torch.Tensor | Callable[..., Any]",
    ]
    for name in ours.__all__[1:]:
        lines += ["", f"class {name}(Optimizer):", "    def __init__(", "        self,", "        params: ParamsT,"]
        named = False
        for p in list(getattr(ours, name).__signature__.parameters.values())[1:]:
            if p.kind is p.KEYWORD_ONLY and not named:
                lines.append("        *,")
                named = True
            kind = TYPES.get(p.name) or {bool: "bool", str: "str"}.get(type(p.default), "Number")
            lines.append(f"        {p.name}: {kind}{' | None' * (p.default is None and kind == 'Number')} = ...,")
        lines.append("    ) -> None: ...")
    return "\n".join([*lines, "", "__all__ = [", *(f'    "{name}",' for name in ours.__all__[1:]), "]", ""])


def main() -> None:
    with replacing(STUB) as temporary:
        temporary.write_text(types())
    page = filled(PAGE.read_text(), {"classes": table()})
    with replacing(PAGE) as temporary:
        temporary.write_text(page)


if __name__ == "__main__":
    main()
