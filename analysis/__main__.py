"""The literature's claims, checked: every page that the analysis makes.

python -m analysis          # all of them: docs/claims, docs/theorems.md, docs/conventions.md
python -m analysis NAME     # one claim, or theorems, or conventions
"""

import argparse

from . import conventions, pages, theorems
from .claims import NAMES

OTHERS = {"theorems": theorems.main, "conventions": conventions.main}


def main() -> None:
    parser = argparse.ArgumentParser("python -m analysis", description="The literature's claims, checked.")
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help=f"of {', '.join([*NAMES, *OTHERS])}; all of them by default"
    )
    names = parser.parse_args().name or [*NAMES, *OTHERS]
    if strange := [name for name in names if name not in [*NAMES, *OTHERS]]:
        parser.error(f"there is no {strange[0]!r}; there are {', '.join([*NAMES, *OTHERS])}")
    pages.main([name for name in names if name in NAMES])
    for name in names:
        if name in OTHERS:
            OTHERS[name]()


main()
