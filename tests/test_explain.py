"""What `explain` says is what the rule does."""

import json

import numpy as np
import pytest

import momentumlab as ml
from momentumlab import rules
from momentumlab.cli import main
from momentumlab.ops import where

sp = pytest.importorskip("sympy")

COMPOSED = {
    "clipped": ml.heavy_ball.after(ml.clip_norm).after(ml.l2),
    "centred": ml.adam.after(ml.centralize),
    "boxed": ml.nesterov.then(ml.into_box),
}


@pytest.mark.parametrize("name", [*rules.__all__, *COMPOSED])
def test_its_equations_are_the_rule(name):
    """Numbers put into the equations, one after the other, give one step of the rule."""
    rule = COMPOSED.get(name) or getattr(rules, name)
    explained = ml.explain(rule)
    rng = np.random.default_rng(0)
    vectors = {n: float(rng.uniform(0.5, 1.0)) for n in rule.vectors}
    hyper = {n: float(rng.uniform(0.2, 0.9)) for n in rule.hyper}
    x, g, *rest = vectors.values()
    point, *slots = rule.advance(x, g, rest, hyper)
    known = {explained.symbols[n]: v for n, v in (vectors | hyper).items()}
    found = {}
    for vector, expression in explained.equations.items():
        found[vector] = float(expression.subs(known))
        known[explained.next(vector)] = found[vector]
    assert found == pytest.approx(dict(zip((*rule.slots, rule.point), (*slots, point), strict=True)), rel=1e-12)


@pytest.mark.parametrize("name", rules.__all__)
def test_its_functions_are_the_rules(name):
    rule = getattr(rules, name)
    explained, row = ml.explain(rule), rule.row(7)
    for n, expression in explained.functions.items():
        if rule.kinds[n] == "measured":  # on whole vectors
            continue
        values = {explained.symbols[m]: v for m, v in {**row, "k": 7}.items()}
        assert float(expression.subs(values)) == pytest.approx(row[n], rel=1e-9), n


def test_every_rule_has_a_page():
    for name in rules.__all__:
        explained = ml.explain(name)
        text, page = str(explained), explained._repr_html_()
        assert text.startswith(f"{name}\n{getattr(rules, name).doc}")
        for n in getattr(rules, name).hyper:
            assert f"<td>{n}</td>" in page
        assert page.count("$$") == 2 * len(explained.equations)
        assert max(map(len, text.splitlines())) < 160


def test_a_bound_method_shows_what_was_bound():
    text = str(ml.explain(ml.pid(lr=0.5, kd=lambda lr: lr / 3)))
    assert text.startswith("pid(lr=0.5, kd=f(lr))")
    assert "0.5" in text
    assert "found by" not in text
    assert "found by Backtracking(first=8.0)" in str(ml.explain(ml.pid(search=ml.Backtracking(first=8.0))))


@pytest.mark.parametrize("name", rules.__all__)
def test_its_tunings_are_the_rules(name):
    """With μ = 1 and L = 7 put in, last."""
    rule, explained = getattr(rules, name), ml.explain(name)
    found, constants = explained.tuning, {sp.Symbol("mu", positive=True): 1, sp.Symbol("L", positive=True): 7}
    assert len(found) == len(rule.tuning)
    tuned = dict(rule.tuned(mu=1, L=7).bound) if found else {}
    values = {n: float(found[explained.symbols[n]].subs(found).subs(found).subs(constants)) for n in tuned}
    assert values == pytest.approx(tuned, rel=1e-12)


def test_a_page_shows_the_tuning():
    text = str(ml.explain("heavy_ball"))
    assert "tuned, for μ and L, to" in text
    assert "(√L - √μ)" in text
    assert "tuned" not in str(ml.explain("adam"))


def test_a_rule_without_a_docstring_has_a_page():
    @ml.rule
    def plain(x, g, /, lr=0.1):
        return x - lr * g

    assert str(ml.explain(plain)).startswith("plain\n\n\nOne step")


def test_a_rule_that_asks_whether_numbers_are_equal_is_refused():
    """To SymPy v == 0 is False, as a symbol is not a number; what the rule does where v is 0 would be lost."""

    @ml.rule
    def restarts(x, g, v=0.0, /, lr=0.1):
        v = where(v == 0, g, v)
        return x - lr * v, v

    with pytest.raises(TypeError, match="restarts asks whether numbers are equal"):
        str(ml.explain(restarts))


def test_new_values_are_used_where_they_are_known():
    equations = ml.explain("heavy_ball").equations
    explained = ml.explain("heavy_ball")
    assert equations["x"] == explained.symbols["x"] + explained.next("v")


def test_the_command_line_explains(capsys, tmp_path):
    assert main(["list", "--explain", "rsgdm"]) == 0
    assert capsys.readouterr().out.startswith("rsgdm\nYuan & Hu")
    assert main(["list", "--explain", "rsgdm", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["memory"]["g_prev"] == "the first gradient"
    (tmp_path / "mine.py").write_text(
        "from momentumlab import rule\n@rule\ndef plain(x, g, /, lr=0.1):\n    'A step.'\n    return x - lr * g\n"
    )
    assert main(["list", "--explain", str(tmp_path / "mine.py")]) == 0
    assert "A step." in capsys.readouterr().out
    assert main(["list", "--explain", "heavybal"]) == 2
    assert "did you mean 'heavy_ball'" in capsys.readouterr().err


def test_a_preconditioned_rule_can_be_explained():
    @ml.rule
    def newton_like(x, g, Hg, /, lr=1.0):
        """A step along Hg."""
        return x - lr * Hg

    assert "Hg  B⁻¹·g, by a preconditioner that is to be given" in str(ml.explain(newton_like))
    assert "Hg  B⁻¹·g, B by hessian(), current" in str(ml.explain("newton"))
    assert "Bv  B·v, B by bfgs(), lagged" in str(ml.explain(ml.pmg))
    page = ml.explain(ml.pmg(preconditioner=ml.bb1(), index="current"))
    assert "Bv  B·v, B by bb1(), current" in str(page)
    assert "B by bb1(), current" in page._repr_html_()
    assert page.record()["products"] == {"Bv": "B·v, B by bb1(), current"}
