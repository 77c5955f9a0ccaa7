"""How the frameworks' heavy ball, Nesterov and Adam relate.

    python -m analysis.conventions

writes the table into docs/conventions.md, between its words.
"""

from pathlib import Path

import momentumlab as ml
from momentumlab.files import filled, replacing

PAGE = Path(__file__).parent.parent / "docs" / "conventions.md"


def main(page: Path = PAGE) -> None:
    table = ml.rates.conventions_table()
    with replacing(page) as temporary:
        temporary.write_text(filled(page.read_text(encoding="utf-8"), {"conventions": table}), encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
