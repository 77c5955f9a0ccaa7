"""The pages of the claims, docs/claims: one each, with its figure, and an index."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib import pyplot as plt
from tqdm import tqdm

from momentumlab.compare import markdown
from momentumlab.files import replacing
from momentumlab.plots import RC

from .claim import FALSE, HOLDS, UNDER
from .claims import SOURCES, claim

DOCS = Path(__file__).parent.parent / "docs" / "claims"
HEAD = """\
# Claims

What papers and tutorials say of momentum methods, each as an experiment that could have come out otherwise.
`python -m analysis` runs them all and writes these pages; `python -m analysis NAME` runs one. The tests compare each
verdict with what its experiment finds, and hold that a change of the experiment, named in its file, gives another.

"""


def main(names: Iterable[str], docs: Path = DOCS) -> None:
    """Run claims and write their pages, and the index of all."""
    docs.mkdir(parents=True, exist_ok=True)
    with tqdm(list(names), unit="claim", disable=None, leave=False) as bar:
        for name in bar:
            bar.set_postfix_str(name)
            write(name, docs)
            bar.write(f"{name}: {claim(name).verdict}. {claim(name).because}")
    with replacing(docs / "README.md") as temporary:
        temporary.write_text(index(), encoding="utf-8")


def write(name: str, docs: Path) -> None:
    """One claim's page and figure; a figure of the same data is the same to the byte."""
    one = claim(name)
    evidence = one.experiment()
    if evidence.verdict != one.verdict:
        raise SystemExit(f"{name}: the experiment says {evidence.verdict!r}, its file {one.verdict!r}")
    with plt.rc_context({**RC, "svg.hashsalt": name}), replacing(docs / f"{name}.svg") as temporary:
        figure = one.figure(evidence)
        figure.savefig(temporary, format="svg", metadata={"Date": None})
        plt.close(figure)
    with replacing(docs / f"{name}.md") as temporary:
        temporary.write_text(one.page(name, evidence), encoding="utf-8")


def index() -> str:
    """The table of all claims, source by source."""
    verdicts = [claim(name).verdict for names in SOURCES.values() for name in names]
    hold, under, false = (verdicts.count(verdict) for verdict in (HOLDS, UNDER, FALSE))
    parts = [HEAD, f"Of {len(verdicts)} claims {hold} hold, {under} hold under a condition, and {false} are false.\n\n"]
    for source, names in SOURCES.items():
        rows = [[f"[{claim(n).title}]({n}.md)", claim(n).verdict, claim(n).because] for n in names]
        parts += [f"## {source}\n\n", markdown(["claim", "verdict", ""], rows, numbers=set()), "\n\n"]
    return "".join(parts).rstrip() + "\n"
