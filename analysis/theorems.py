"""Every theorem of the register beside what is measured.

    python -m analysis.theorems

writes what each says and how near it is to being contradicted into docs/theorems.md, between its words, and the figures
into docs/results/theorems.
"""

from pathlib import Path

from tqdm import tqdm

from momentumlab.files import filled, replacing, save
from momentumlab.rates import THEOREMS, Theorem

DOCS = Path(__file__).parent.parent / "docs"
VERDICTS = {"≤": "largest measured/stated", "≥": "largest stated/measured", "=": "largest difference, in 10⁻⁶ of it"}


def entry(row: Theorem, ratio: float) -> str:
    """What a row says, as Markdown."""
    where = "" if row.mu == 0 or row.name == "T5" else f" at κ = {row.L / row.mu:g}"
    lines = [
        f"**{row.name}. {row.rule}.** {row.hypotheses}:",
        "",
        f"> {row.statement}",
        "",
        f"{row.source}. {VERDICTS[row.sense].capitalize()}{where}: {ratio:.3f}.",
        "",
        f"![{row.name}](results/theorems/{row.name}.png)",
    ]
    return "\n".join(lines)


def main(docs: Path = DOCS) -> None:
    folder, page, parts = docs / "results" / "theorems", docs / "theorems.md", {}
    folder.mkdir(parents=True, exist_ok=True)
    for name, row in tqdm(THEOREMS.items(), unit="theorem", disable=None, leave=False):
        evidence = row.evidence()
        parts[name] = entry(row, row.ratio(evidence))
        save(row.plot(evidence), folder / f"{name}.png")
    with replacing(page) as temporary:
        temporary.write_text(filled(page.read_text(encoding="utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    main()
