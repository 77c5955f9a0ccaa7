"""Rules from files that are not on the import path."""

import os
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from .errors import unknown
from .method import Method
from .rule import Rule


def load(spec: str | os.PathLike) -> Rule | Method:
    """A rule from a file.

    Parameters
    ----------
    spec : str or PathLike
        ``path/to/file.py:name``; the name may be left out where the file holds one rule.

    Returns
    -------
    Rule or Method
        It pickles by the file's text.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where there is no such rule in it.
    """
    spec = os.fspath(spec)
    path, _, name = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path!r}; a rule of your own is given as path/to/file.py:name")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text in UTF-8") from None
    return from_text(text, path, name)


def from_text(text: str, path: str, name: str = "") -> Rule | Method:
    """The rule of that name in a module's text."""
    module = ModuleType(f"rules_of_{Path(path).stem}")
    module.__file__ = path
    exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102 - the user's own file, named by the user
    here = {n: v for n, v in vars(module).items() if isinstance(v, (Rule, Method))}
    own = [n for n, v in here.items() if isinstance(v, Rule) and v.step.__module__ == module.__name__]
    name = name or (own[0] if len(own) == 1 else "")
    if not name and here:
        raise ValueError(f"{path} holds {', '.join(own or here)}; name one, as in {path}:my_rule")
    if name not in here:
        raise ValueError(f"{path}: {unknown('rule', name, own or here)}")

    def mark(rule: Rule, name: str) -> Rule:
        return replace(rule, origin=("file", (text, path, name), None)) if name in own else rule

    found = here[name]
    return mark(found, name) if isinstance(found, Rule) else replace(found, base=mark(found.base, found.name))
