"""What `minimize` runs where no method is given, and that docs/choosing.md says what is found."""

import re
from pathlib import Path

import numpy as np
import pytest

import momentumlab as ml
from experiments import choosing
from momentumlab.minimize import MATRIX, default
from momentumlab.searches import Wolfe

PAGE = (Path(__file__).parent.parent / "docs" / "choosing.md").read_text()


def cells(name):
    """A table of the page: rows of cells, by their first."""
    [text] = re.findall(rf"<!-- {name} -->\n(.*?)\n<!-- end of {name} -->", PAGE, re.S)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_a_matrix_up_to_some_variables_and_limited_memory_beyond():
    assert default(MATRIX) == ml.quasi_newton()
    assert default(MATRIX + 1) == ml.quasi_newton(preconditioner=ml.lbfgs(10))
    assert f"Up to {MATRIX} variables" in PAGE
    assert ml.quasi_newton().search == Wolfe()
    assert repr(ml.quasi_newton()) == "quasi_newton()"
    same = [ml.minimize("beale", method=method) for method in (None, ml.quasi_newton, "quasi_newton")]
    assert all(np.array_equal(r.x, same[0].x) and r.nfev == same[0].nfev for r in same)


def test_it_runs_on_differences_arrays_and_step_by_step():
    f = lambda x: np.sum((x - 3) ** 2 * np.arange(1, 5).reshape(2, 2))
    assert ml.minimize(f, np.zeros((2, 2)), tol=1e-5).x == pytest.approx(np.full((2, 2), 3.0), abs=1e-5)
    steps = [step.x for step, _ in zip(ml.iterate("beale"), range(6), strict=False)]
    assert np.array_equal(steps[-1], ml.minimize("beale", maxiter=5).x)


def test_a_transform_of_its_step_leaves_wolfes_conditions():
    """Which ask for a straight step."""
    assert isinstance(ml.quasi_newton.then(ml.into_box)().search, ml.Armijo)


def test_samples_and_missing_functions_are_refused():
    with pytest.raises(TypeError, match=r"quasi_newton\(\) searches .* give lr, as in heavy_ball"):
        ml.minimize(ml.noisy(ml.problem("beale"), 0.1, rng=0))
    with pytest.raises(TypeError, match=r"asks for no product"):
        ml.heavy_ball.named("other", "Heavy ball.", preconditioner=ml.bfgs())


@pytest.mark.parametrize("by", ["bfgs", "dfp", "sr1"])
def test_the_inverse_that_is_kept_is_that_of_the_matrix(by):
    """Updates with s and y in each other's place, from the same first matrix."""
    rng = np.random.default_rng(0)
    kind = getattr(ml, by)()
    B, H = kind.start(None, np.zeros(4)), kind.inverted.start(None, np.zeros(4))
    A = rng.standard_normal((4, 4))
    A = A @ A.T + np.eye(4)
    s = rng.standard_normal(4)
    H.update(s, s, A @ s)
    B.rows[:4] = s @ A @ s / (s @ s) * np.eye(4)
    B.update(s, s, A @ s)
    for s in rng.standard_normal((5, 4)):
        B.update(s, s, A @ s)
        H.update(s, s, A @ s)
        assert H.solve(B.apply(s)) == pytest.approx(s, rel=1e-8)
        assert H.solve(A @ s) == pytest.approx(s, rel=1e-8)
    assert ml.bfgs(curvature="damp").inverted == ml.bfgs(curvature="damp")
    assert ml.hessian().inverted == ml.hessian()


def test_a_first_step_is_no_longer_than_one():
    for by in (ml.bfgs(), ml.lbfgs()):
        running = by.inverted.start(None, np.zeros(2))
        assert running.solve(np.array([30.0, 40.0])) == pytest.approx([0.6, 0.8])
        assert running.solve(np.array([0.3, 0.4])) == pytest.approx([0.3, 0.4])


def test_what_the_page_counts_is_what_is_found():
    few = [ml.problem(name) for name in ("helical_valley", "wood", "brown_badly_scaled")]
    for p in few:
        cost = choosing.by_ours(p, None, timed=False)
        assert cost == choosing.by_ours(p, ml.quasi_newton(), timed=False)
        assert all(found.evaluations < 50_000 for found in (cost, choosing.by_scipys(p, "BFGS", timed=False)))
    sizes = cells("sizes")
    for label, n in (("extended_rosenbrock, n = 10", 10), ("extended_rosenbrock, n = 50", 50)):
        cost = choosing.by_ours(ml.problem("extended_rosenbrock", n=n), None, timed=False)
        assert abs(cost.evaluations - int(sizes[label][0].split()[0])) <= 2


def test_the_default_solves_as_many_as_scipys():
    solved = {label: [int(cell) for cell in row] for label, row in cells("solved").items() if row[0].isdigit()}
    for label in choosing.SCIPY:
        assert all(ours >= theirs for ours, theirs in zip(solved["default"], solved[label], strict=True))


@pytest.mark.slow
def test_the_whole_table_of_what_is_solved():
    found = {name: choosing.costs(make(), timed=False) for name, make in choosing.SETS.items()}
    for label, row in cells("solved").items():
        if row[0].isdigit():
            counts = [choosing.solved(costs[label]) for costs in found.values()]
            assert all(abs(a - int(b)) <= 1 for a, b in zip(counts, row, strict=True)), label
    for label, row in cells("evaluations").items():
        if label not in choosing.SCIPY and re.fullmatch(r"[\d.]+", row[0]):  # SciPy's move with its version
            again = [choosing.spent(costs, "default", lambda cost: cost.evaluations)[label] for costs in found.values()]
            assert [float(a) for a in again] == pytest.approx([float(b) for b in row], rel=0.05), label
