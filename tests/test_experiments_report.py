"""Reports of experiments: one file that asks for nothing, the same for the same input; and the numbers in them."""

import re
from collections import Counter
from html.parser import HTMLParser
from importlib import import_module

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from experiments import figures
from experiments.figures import curves
from experiments.statistics import interval, mean_error, paired
from momentumlab.plots import style
from tests.browser import look

pytest.importorskip("jinja2")
report = import_module("experiments.report")
Section = report.Section

HOSTILE = """<script>alert("1")</script> & 'q' `a < b` </title>"""
RECORD = {
    "command": ["python", "-m", "experiments.mnist", "--name", "a b"],
    "seeds": [0, 1],
    "config": {"model": {"hidden": [100, 100]}},
    "versions": {"numpy": "2"},
    "seconds": 75.0,
}


def drawn():
    x = np.arange(1, 9)
    return curves({"loss": {"a": (x, 1 / x, 0.1 / x), "b": (x, 2 / x, None)}})


def written(folder, *sections, title="Title", lead="", record=RECORD):
    report.write(folder / "report.html", title, lead, sections, record)
    return (folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = Counter(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if data.strip() and self.open[-1] not in ("style", "title"):
            self.texts.append(data.strip())

    def of(self, name):
        return [value for key, value in self.attributes if key == name]


# ------------------------------------------------------------------ the page


def test_what_is_given_is_text_and_never_markup(tmp_path):
    figure = Figure()
    figure.subplots().set_title(HOSTILE)
    table = ([HOSTILE], [[HOSTILE]])
    page = Page(
        written(
            tmp_path,
            Section(HOSTILE, HOSTILE, table, figure, HOSTILE),
            title=HOSTILE,
            lead=HOSTILE,
            record={HOSTILE: HOSTILE, "command": HOSTILE, "config": {HOSTILE: [HOSTILE]}},
        )
    )
    assert page.tags["script"] == 0 and page.tags["title"] == 1
    assert page.tags["code"] == 4  # in the lead, the text and the caption, and around the command
    assert page.texts.count("a < b") == 3
    assert page.texts.count(HOSTILE) == 9  # headings, cells, the figure's title, keys and values: no code in these
    assert HOSTILE.replace("`", "") in page.of("aria-label")


def test_the_same_input_gives_the_same_bytes_and_the_page_nothing_that_loads(tmp_path):
    figure = drawn()
    once = written(tmp_path, Section("One", figure=figure))
    assert once == written(tmp_path, Section("One", figure=figure)) == written(tmp_path, Section("One", figure=drawn()))
    page = Page(once)
    assert not {"script", "img", "iframe", "object", "image"} & set(page.tags)
    assert "default-src 'none'" in once and "@import" not in once
    assert all(value.startswith(("#", "data:")) for name in ("href", "src") for value in page.of(name))
    assert set(re.findall(r"https?:[^\s\"]*", once)) == set()
    assert "<metadata" not in once and "matplotlib" not in once


def test_ids_are_there_once_and_every_reference_finds_its_own(tmp_path):
    figure = drawn()
    sections = [Section(title, figure=figure) for title in ("Loss", "Loss", "Loss 2")]
    page = Page(written(tmp_path, *sections, Section(""), Section("!?")))
    ids = page.of("id")
    assert len(ids) == len(set(ids)) > 15
    referred = [value[1:] for value in page.of("href") if value.startswith("#")]
    referred += [name for _, value in page.attributes for name in re.findall(r"url\(#(.*?)\)", value or "")]
    assert set(referred) == set(ids)
    clips = [
        {v for v in page.of("clip-path") if v.startswith(f"url(#{title}:")} for title in ("loss", "loss.2", "loss-2")
    ]
    assert [len(group) for group in clips] == [1, 1, 1]


def test_a_figure_follows_the_page(tmp_path):
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], color="black")
    axes.plot([1, 0], color="0.05")
    axes.legend(frameon=True, handles=axes.lines, labels=["x", "y"])
    text = written(tmp_path, Section("A", figure=figure, caption="Lines of `x`."))
    svg = text[text.index("<svg") : text.index("</svg>")]
    assert "#000000" not in svg and "#ffffff" not in svg and "#0d0d0d" in svg
    assert svg.count("stroke: currentColor") > 5 and "fill: var(--page)" in svg
    assert 'role="img" aria-label="Lines of x."' in svg
    assert ">x</text>" in svg and "font-family" not in svg
    assert re.search(r'viewBox="0 0 460\.8 345\.6" style="--width: 460\.8px"', svg)
    assert not re.search(r"\d\.\d{3}", "".join(re.findall(r' d="(.*?)"', svg)))


def test_a_page_of_more_than_three_sections_has_a_table_of_contents(tmp_path):
    three, four = (Page(written(tmp_path, *(Section(f"S {j}") for j in range(n)))) for n in (3, 4))
    assert not three.tags["nav"] and four.tags["nav"] == 1
    assert [value for value in four.of("href") if value[0] == "#"] == ["#s-0", "#s-1", "#s-2", "#s-3", "#.made"]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "−2.5e-3", "nan"], "number"),
        (["97.61 ± 0.05", "—", ""], "number"),
        (["[0.1, 0.3]", "< 0.001", "12 %", "3.4 ms", "1,000", "2·10⁻³"], "number"),
        (["1", "two"], ""),
        (["—", ""], ""),
        (["epoch 3", "4"], ""),
        (["x" * 41, "1"], "long"),
    ],
)
def test_columns_of_numbers_are_flush_right(tmp_path, cells, kind):
    page = written(tmp_path, Section("T", table=(["name", "value"], [["a", cell] for cell in cells])))
    assert re.findall(r'<t[hd][^>]*class="(.*?)"', page) == ["", kind] * (len(cells) + 1)


def test_how_it_was_made_is_there_whole(tmp_path):
    page = Page(written(tmp_path))
    end = page.texts[page.texts.index("How this was made") :]
    assert end[1:8] == ["command", "python", "-m", "experiments.mnist", "--name", "'a", "b'"]
    assert end[8:] == [
        "seeds",
        "0, 1",
        "config",
        "model",
        "hidden",
        "100, 100",
        "versions",
        "numpy",
        "2",
        "time",
        "1 min 15 s",
    ]


def test_numbers_are_json():
    assert report.rounded({0.5: [np.inf, 1 / 3, (2, True)]}) == {0.5: [None, 0.333333, [2, True]]}


def test_a_report_is_written_whole_or_not_at_all(tmp_path):
    before = written(tmp_path, Section("Old"))
    with pytest.raises(ValueError, match="the table of 'T' has 2 columns, but a row of 1"):
        written(tmp_path, Section("T", table=(["a", "b"], [["1", "2"], ["3"]])))
    with pytest.raises(UnicodeEncodeError):
        written(tmp_path, Section("\ud800"))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_versions_tell_what_numbers_depend_on(monkeypatch, tmp_path):
    found = report.versions()
    assert found["numpy"] == np.__version__ and {"python", "momentumlab", "machine", "processors"} < set(found)
    assert all(isinstance(value, str) and value for value in found.values())
    monkeypatch.setattr(report, "ROOT", tmp_path)
    assert "commit" not in report.versions()


# ------------------------------------------------------------------ figures


def test_a_label_has_one_line_in_all_panels_and_one_place_in_the_legend():
    x, y = [1, 2, 3], [0.5, 0.2, 0.1]
    figure = curves({"p": {"a": (x, y, None)}, "q": {"b": (x, y, y), "a": (x, y, None)}}, xlabel="step", log=["q"])
    p, q = figure.axes
    assert [line.get_color() for line in q.lines] == [style(1)["color"], style(0)["color"]]
    assert p.lines[0].get_linestyle() == q.lines[1].get_linestyle()
    assert (p.get_yscale(), q.get_yscale()) == ("linear", "log")
    assert [len(axes.collections) for axes in (p, q)] == [0, 1]
    assert [axes.get_xlabel() for axes in (p, q)] == ["step", "step"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    figure.draw_without_rendering()
    assert legend.get_window_extent().y1 < min(axes.get_tightbbox().y0 for axes in (p, q))


@pytest.mark.parametrize(("panels", "count"), [(1, 20), (3, 2), (3, 20)])
def test_a_legend_covers_no_panel(panels, count):
    lines = {f"method number {j}": ([1, 2], [j, 2], None) for j in range(count)}
    figure = curves({f"p{j}": lines for j in range(panels)})
    figure.draw_without_rendering()
    drawn = [axes for axes in figure.axes if axes.lines]
    (legend,) = figure.legends or [figure.axes[-1].get_legend()]
    box = legend.get_window_extent()
    assert len(drawn) == panels and not any(box.overlaps(axes.get_tightbbox()) for axes in drawn)
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1


def test_long_lines_are_drawn_by_the_means_of_stretches_and_stay_small():
    steps = np.arange(90_001)
    noise = np.random.default_rng(0).uniform(0, 2, steps.size)
    figure = curves({"loss": {str(j): (steps, noise + j, noise) for j in range(10)}})
    line = figure.axes[0].lines[3]
    assert line.get_xdata().size == figures.POINTS and abs(line.get_ydata().mean() - 4) < 0.01
    assert line.get_xdata()[0] == 149.5 and line.get_xdata()[-1] == 90_000 - 150
    assert len(report.svg(figure, "a", "")) < 200_000


def test_what_a_panel_cannot_show_is_left_out():
    x, inf = [1, 2, 3, 4], np.inf
    lines = {
        "dives": (x, [1.0, -1.0, 0.5, np.nan], [0.1, 0.1, 2.0, 0.1]),
        "diverges": (x, [1.0, 8.0, inf, np.nan], None),
    }
    figure = curves({"log": lines, "nothing": {"zero": (x, [0.0] * 4, None)}}, log=["log", "nothing"])
    dives, diverges = figure.axes[0].lines
    np.testing.assert_array_equal(dives.get_ydata(), [1, np.nan, 0.5, np.nan])
    np.testing.assert_array_equal(diverges.get_ydata(), [1, 8, np.nan, np.nan])
    low, high = figure.axes[0].get_ylim()
    assert 0.2 < low <= 0.25 and 8 < high < 20  # the band is cut at half the least mean
    assert figure.axes[1].get_yscale() == "linear"


def test_figures_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="nothing to draw"):
        curves({})
    with pytest.raises(ValueError, match=r"no panel 'los'; did you mean 'loss'\?"):
        curves({"loss": {"a": ([1], [1], None)}}, log=["los"])
    with pytest.raises(ValueError, match=r"a in 'loss' has shapes \(2,\) for x, \(1,\) for the mean"):
        curves({"loss": {"a": ([1, 2], [1], None)}})


# ------------------------------------------------------------------ numbers


def test_means_and_intervals_are_those_found_by_hand():
    assert mean_error([1, 2, 3, 4]) == (2.5, pytest.approx(np.sqrt(5 / 3) / 2))
    low, high = interval([1, 2, 3, 4])
    assert (low, high) == (pytest.approx(2.5 - 3.182446 * 0.6454972), pytest.approx(2.5 + 3.182446 * 0.6454972))
    assert interval([1, 3], level=0.5) == (pytest.approx(1.0), pytest.approx(3.0))  # Cauchy's quartiles are ±1
    mean, error = mean_error([7.0])
    assert mean == 7 and np.isnan(error) and np.isnan(interval([7.0])).all()


def test_pairs_are_judged_by_their_differences():
    test = paired([3.0, 1.0, 8.0], [2.0, -1.0, 5.0])  # differences 1, 2, 3: t = 2√3 with two degrees of freedom
    assert (test.difference, test.n) == (2.0, 3)
    assert test.p == pytest.approx(1 - np.sqrt(12 / 14))
    assert (test.low, test.high) == (pytest.approx(2 - 4.302653 / np.sqrt(3)), pytest.approx(2 + 4.302653 / np.sqrt(3)))
    assert paired([1.0, 2.0], [1.0, 2.0]) == (0, 0, 0, 1, 2)
    same = paired([97.61, 97.71, 97.9], [97.51, 97.61, 97.8])
    assert same.p < 1e-9 and same.low == pytest.approx(same.high)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: paired([1, 2], [1, 2, 3]), "a has 2 values and b 3"),
        (lambda: paired([1], [2]), "at least two"),
        (lambda: interval([1, 2], level=95), "level is 95; it must lie between 0 and 1"),
        (lambda: mean_error([]), r"values has shape \(0,\)"),
    ],
)
def test_numbers_that_cannot_be_told_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# ------------------------------------------------------------------ in a browser


def full():
    """As much as a report has: three figures of ten lines, one far too wide, a heat map, tables, a long command."""
    methods = [f"method {j}, β = 0.9" for j in range(10)]
    x = np.arange(1, 41)
    lines = {label: (x, np.exp(-x / (j + 4)) + 0.1, 0.05 * np.exp(-x / (j + 4))) for j, label in enumerate(methods)}
    wide = Figure(figsize=(16, 3))
    for axes in wide.subplots(1, 6):
        axes.semilogy(x, np.exp(-x))
    cells = Figure(figsize=(4, 3))
    axes = cells.subplots()
    axes.pcolormesh(np.arange(6.0).reshape(2, 3), cmap="viridis")
    for j, colour in enumerate(["0.95", "0.95", "0.05"]):
        axes.text(j + 0.5, 1.5 if j == 2 else 0.5, f"{j}", color=to_hex(colour), ha="center", va="center")
    rows = [[m, *(f"{j + k / 7:.3f} ± 0.01" for k in range(11))] for j, m in enumerate(methods)]
    long = [["a", "a sentence that goes on for longer than a phone is wide, and further", "1e-3"]]
    return [
        Section(
            "By epoch",
            "One.\n\nTwo with `code_that_is_long` in it.",
            None,
            curves({"a": lines, "b": lines, "c": lines}),
            "C.",
        ),
        Section("Alone", figure=curves({"a": lines}, log=["a"]), caption="D."),
        Section("Wide", figure=wide, caption="E."),
        Section("Cells", figure=cells),
        Section("Numbers", table=(["method", *(f"number {k}" for k in range(11))], rows), caption="T."),
        Section("Words", table=(["method", "why", "lr"], long)),
    ]


@pytest.mark.slow
def test_a_report_reads_well_on_a_desktop_and_on_a_phone_by_day_and_by_night(tmp_path):
    command = ["python", "-m", "experiments.mnist", "--out", "a_folder_of_a_long_name/" * 8, *["--rule", "rsgdm"] * 9]
    written(tmp_path, *full(), lead="What was found. " * 20, record={**RECORD, "command": command})
    look(tmp_path / "report.html", tmp_path)
    assert len(list(tmp_path.glob("report-*.png"))) == 4


FAULTS = {
    "<p style='width: 1400px'>wide</p>": "the page is 1",
    "<p style='color: #777; background: #888'>grey</p>": "p 'grey' has a contrast of 1.2",
    "<svg width=90 height=40><text y=20 fill=black>t</text></svg>": "desktop, dark: text 't' has a contrast",
    "<svg width=90 height=40><rect width=90 height=40 /><text y=20 fill=#222>u</text></svg>": "light: text 'u' has",
    "<img src='https://example.invalid/a.png'>": "phone, light: asks https://example.invalid/a.png",
    "<script>console.error('odd')</script>": "the console says 'odd'",
    "<script>none()</script>": "a script fails",
    "<figure style='display: none'>f</figure>": "figure 'f' cannot be seen",
    "<div style='overflow: hidden'><table style='width: 2000px'><td>c</table></div>": "table 'c' reaches from",
    "<p id=a>1</p><p id=a>2</p>": "the id a is there twice",
}
"""What may be wrong with a page, and what is said of it."""


@pytest.mark.slow
def test_a_look_sees_what_is_wrong(tmp_path):
    head = "<!DOCTYPE html><meta name=viewport content='width=device-width'>"
    page = head + "<meta name=color-scheme content='light dark'><p>readable</p>" + "".join(FAULTS)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    with pytest.raises(AssertionError) as found:
        look(tmp_path / "page.html")
    said = str(found.value)
    assert [fault for fault in FAULTS.values() if fault not in said] == []
    assert "readable" not in said and "light: text 't'" not in said and "dark: text 'u'" in said
