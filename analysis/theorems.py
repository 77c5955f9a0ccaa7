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
VERDICTS = {
    "≤": "measured/stated is at most {ratio:.3f}",
    "≥": "stated/measured is at most {ratio:.3f}",
    "=": "stated and measured agree to 10⁻⁶",
}


def entry(row: Theorem, ratio: float) -> str:
    """What a row says, as Markdown."""
    where = f" at κ = {row.L / row.mu:g}" if row.axis == "k" and row.mu else ""
    lines = [
        f"**{row.name}.** {row.hypotheses}:",
        "",
        f"> {row.statement}",
        "",
        f"{row.source.replace('docs/theorems.md', 'below')}.",
        "",
        f"Shown with {row.rule}{where}: {VERDICTS[row.sense].format(ratio=ratio)}.",
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
