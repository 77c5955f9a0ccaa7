"""The rate card, and the commands."""

import json

import pytest

import momentumlab as ml
from momentumlab import cli, rates
from momentumlab.plots import rate_card


@pytest.fixture(scope="module")
def card():
    return rates.card(ml.nesterov, mu=1, L=100)


def test_what_is_measured_agrees_with_what_is_exact(card):
    """Nesterov's rule on worst cases and random functions: all of them show the rate at μ, within their intervals."""
    assert card.exact == pytest.approx(0.9, abs=1e-7)
    for on in ("two curvatures", "50 curvatures", "log-cosh, seed 0"):
        rate = card.measured[on]
        assert rate.low <= 0.9 <= rate.high + 1e-6 and rate.degree == 1
    for rate in card.measured.values():
        assert rate < card.certified["frequencies"] < card.stated["T6"]


def test_the_card_reads_as_a_table(card):
    lines = str(card).splitlines()
    assert lines[0] == "nesterov(lr=0.01, beta=0.818182), μ = 1, L = 100, κ = 100"
    assert len(lines) == 2 + 2 + len(card.rates())
    assert sum("0.927933" in line for line in lines) == 1
    record = json.loads(card.table("json"))
    assert [row["kind"] for row in record["rates"]] == [row[0] for row in card.rates()]
    with pytest.raises(ValueError, match="format = 'html'; it must be 'markdown' or 'json'"):
        card.table("html")


def test_the_card_is_drawn(card, tmp_path):
    from matplotlib import pyplot as plt

    figure = card.plot(tmp_path / "card.svg")
    assert (tmp_path / "card.svg").read_text().startswith("<?xml")
    (axes,) = figure.axes
    labels = axes.get_legend_handles_labels()[1]
    assert len(labels) == len(card.errors) + 4
    assert axes.get_yscale() == "log"
    plt.close(figure)
    with pytest.raises(ValueError, match="the ending names the format"):
        card.plot(tmp_path / "card")


def test_a_theorem_is_found_through_equality():
    """PID as triple momentum takes its gradients, so the theorem covers it; a little off, it does not."""
    there = rates.card(ml.pid.tuned(mu=1, L=10), mu=1, L=10, seeds=0)
    assert set(there.stated) == {"TM"}
    assert not rates.card(ml.pid(lr=0.1, beta=0.3), mu=1, L=10, seeds=0).stated
    pmg = rates.THEOREMS["C2"].methods(1, 10)["PMG by BFGS"]
    assert set(rates.card(pmg, mu=1, L=10, seeds=0).stated) == {"C2"}


def test_what_there_is_not_is_said():
    card = rates.card(ml.adam(lr=0.01), mu=1, L=10, seeds=0)
    assert card.exact == card.certified["frequencies"] == "adam is not linear: it multiplies vectors with each other"
    assert not card.stated and card.growth is None
    figure = rate_card(card)
    assert len(figure.axes[0].get_lines()) == len(card.errors)
    heavy = rates.card(ml.heavy_ball, mu=1, L=100, seeds=0)
    assert heavy.certified["frequencies"] is None
    assert "On quadratics errors grow 3.707-fold first, at k = 4." in str(heavy)


def test_a_method_that_diverges_gets_a_card():
    card = rates.card(ml.gradient_descent(lr=1.0), mu=1, L=10, seeds=0)
    assert card.exact == pytest.approx(9) and card.certified["frequencies"] is None
    assert all(isinstance(rate, str) for rate in card.measured.values())
    assert rate_card(card).axes


@pytest.mark.parametrize(("mu", "L", "sentence"), [(1, 1, "mu = L = 1"), (3, 2, "mu = 3, L = 2; they must be numbers")])
def test_constants_are_checked(mu, L, sentence):
    with pytest.raises(ValueError, match=sentence):
        rates.card(ml.nesterov, mu=mu, L=L)


# ------------------------------------------------------------------ the commands


def test_rates_from_the_command_line(capsys, tmp_path):
    file = tmp_path / "card.png"
    assert cli.main(["rates", "nesterov", "--mu", "1", "--L", "4", "--plot", str(file)]) == 0
    assert "nesterov(lr=0.25, beta=0.333333), μ = 1, L = 4, κ = 4" in capsys.readouterr().out
    assert file.stat().st_size > 10_000
    assert cli.main(["rates", "heavy_ball", "lr=0.1", "beta=0.5", "--mu", "1", "--L", "4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["method"] == "heavy_ball(lr=0.1, beta=0.5)"


def test_a_file_of_ones_own_from_the_command_line(capsys, tmp_path):
    pytest.importorskip("sympy")
    (tmp_path / "mine.py").write_text(
        "from momentumlab import rule\n\n\n@rule\ndef averaged(x, g, m=0.0, /, lr=0.01, beta=0.9):\n"
        "    m = beta * m + (1 - beta) * g\n    return x - lr * m, m\n"
    )
    name = f"{tmp_path / 'mine.py'}:averaged"
    assert cli.main(["equivalent", name, "heavy_ball"]) == 0
    assert capsys.readouterr().out.startswith("equivalent, with lr = lr*(1 - beta) (")
    assert cli.main(["equivalent", name, "nesterov", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["equivalent"] is False
    assert cli.main(["rates", name, "lr=0.2", "beta=0.5", "--mu", "1", "--L", "10"]) == 0
    assert "averaged(lr=0.2, beta=0.5), μ = 1, L = 10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rates", "nesterow", "--mu", "1", "--L", "2"], "there is no rule 'nesterow'; did you mean 'nesterov'"),
        (["rates", "nesterov", "--mu", "3", "--L", "2"], "mu = 3.0, L = 2.0; they must be numbers"),
        (["rates", "nesterov", "lr", "--mu", "1", "--L", "2"], "'lr' is not of the form name=value"),
        (["rates", "nesterov", "--mu", "1", "--L", "2", "--plot", "card"], "--plot card: the ending names the format"),
        (["equivalent", "pmg", "pid"], "pmg"),
    ],
)
def test_commands_that_cannot_be_understood(words, sentence, capsys):
    assert cli.main(words) == 2
    assert sentence in capsys.readouterr().err
