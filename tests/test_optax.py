"""Every rule that Optax has, against it in double precision under a schedule of step sizes."""

import numpy as np
import pytest

import momentumlab as ml
from momentumlab.bench.loops import optax_pairs
from momentumlab.ops import minimum, norm, sqrt

from .runs import PROBLEM, apart, close, points

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

EPS = 10.0  # beside gradients of about a hundred: where it stands shows
schedule = lambda k: 1e-3 * 0.5 ** (k // 20)
counted = lambda count: schedule(count + 1)  # Optax counts from 0
gentle = lambda k: 1e-3 * 0.99**k
gently = lambda count: gentle(count + 1)
multiplier = lambda k: 0.5 ** (k // 20)
by_multiplier = lambda count: multiplier(count + 1)
decay = lambda: optax.add_decayed_weights(0.02)
rate = lambda lr: optax.scale_by_learning_rate(lr)


def theirs(transform, problem=PROBLEM, steps=60, project=lambda x: x):
    """The first points of a run, each projected."""
    with jax.enable_x64(True):
        x = jax.numpy.asarray(problem.x0)
        state, update, found = transform.init(x), jax.jit(transform.update), []
        for _ in range(steps):
            found.append(np.asarray(x))
            step, state = update(jax.numpy.asarray(problem.grad(found[-1])), state, x)
            x = project(optax.apply_updates(x, step))
        return np.array(found)


SHARED = optax_pairs(schedule, counted)


@pytest.mark.parametrize("name", SHARED)
def test_it_is_optaxs_under_a_schedule(name):
    method, transform = SHARED[name]
    close(points(method), theirs(transform))


# ------------------------------------------------------------------ options, compositions, transforms

clipped = ml.sgd.after(ml.clip_norm)
CASES = {
    "heavy_ball": (ml.heavy_ball(lr=schedule), lambda: optax.chain(rate(counted), optax.trace(0.9))),
    "gradient_descent l2": (
        ml.gradient_descent.after(ml.l2)(lr=schedule, weight_decay=0.02),
        lambda: optax.chain(decay(), optax.sgd(counted)),
    ),
    "sgd l2": (
        ml.sgd.after(ml.l2)(lr=schedule, weight_decay=0.02),
        lambda: optax.chain(decay(), optax.sgd(counted, momentum=0.9)),
    ),
    "adadelta l2": (
        ml.adadelta.after(ml.l2)(lr=schedule, beta2=0.8, eps=EPS, weight_decay=0.02),
        lambda: optax.adadelta(counted, rho=0.8, eps=EPS, weight_decay=0.02),
    ),
    "rmsprop started": (
        ml.rmsprop.starting(s=50.0)(lr=schedule, beta2=0.9, eps=EPS),
        lambda: optax.rmsprop(counted, decay=0.9, eps=EPS, initial_scale=50.0, eps_in_sqrt=False),
    ),
    "adam otherwise": (
        ml.adam(lr=schedule, beta1=0.5, beta2=0.9, eps=EPS, eps_root=2 * EPS),
        lambda: optax.adam(counted, b1=0.5, b2=0.9, eps=EPS, eps_root=2 * EPS),
    ),
    "amsgrad corrected by half": (
        ml.amsgrad(lr=schedule, eps=EPS, c2=1),
        lambda: optax.amsgrad(counted, eps=EPS, bias_correction_nu=False),
    ),
    "radam late": (
        ml.radam(lr=schedule, eps=0, threshold=20),
        lambda: optax.radam(counted, eps=0.0, threshold=20.0),
    ),
    "sgdw_paper": (
        ml.sgdw_paper(alpha=1e-3, eta=multiplier, weight_decay=0.001),
        lambda: optax.chain(
            rate(counted), optax.trace(0.9), optax.add_decayed_weights(lambda count: -0.001 * by_multiplier(count))
        ),
    ),
    "adamw_paper": (
        ml.adamw_paper(alpha=1e-3, eta=multiplier, weight_decay=0.001),
        lambda: optax.chain(
            optax.scale_by_adam(), optax.scale(1e-3), optax.add_decayed_weights(0.001), rate(by_multiplier)
        ),
    ),
    "clip_value": (
        ml.adam.after(ml.clip_value)(lr=schedule, max_value=30),
        lambda: optax.chain(optax.clip(30.0), optax.adam(counted)),
    ),
    "clip_norm by the norm itself": (
        clipped.having(shorten=lambda g, max_norm: minimum(1.0, max_norm / norm(g)))(lr=schedule, max_norm=30),
        lambda: optax.chain(optax.clip_by_global_norm(30.0), optax.sgd(counted, momentum=0.9)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_options_are_optaxs(case):
    method, transform = CASES[case]
    close(points(method), theirs(transform()))


def test_boxes_are_optaxs():
    """A box without the minimiser."""
    walled = points(ml.sgd.then(ml.into_box)(lr=schedule, lower=-0.9, upper=0.8))
    box = lambda x: optax.projections.projection_box(x, -0.9, 0.8)
    close(walled, theirs(optax.sgd(counted, momentum=0.9), project=box))
    assert walled[1:].min() == -0.9 and walled[1:].max() == 0.8


@pytest.mark.parametrize("shape", [(12,), (3, 4), (2, 3, 2)])
def test_centralisation_is_optaxs(shape):
    """The mean is over all axes but the first; a vector is left alone."""
    target = np.random.default_rng(0).standard_normal(shape)
    p = ml.Problem("bowl", lambda x: (np.sum((x - target) ** 4), 4 * (x - target) ** 3), np.zeros(shape), jac=True)
    centralised = points(ml.sgd.after(ml.centralize)(lr=schedule), p)
    close(centralised, theirs(optax.chain(optax.centralize(), optax.sgd(counted, momentum=0.9)), p))
    plain = points(ml.sgd(lr=schedule), p)
    close(centralised, plain) if len(shape) == 1 else apart(centralised, plain)


# ------------------------------------------------------------------ other conventions, and how they map


def test_adagrad_has_eps_inside_the_root_there():
    """√(s₀ + Σg² + ε): ε belongs to the start of the sum."""
    inside = theirs(optax.adagrad(counted, initial_accumulator_value=50.0, eps=EPS))
    close(points(ml.adagrad.starting(s=50.0 + EPS)(lr=schedule, eps=0)), inside)
    apart(points(ml.adagrad.starting(s=50.0)(lr=schedule, eps=EPS)), inside, at_least=1e-4)


def test_rmsprop_has_eps_inside_the_root_there():
    """√(s + ε), unless told otherwise: Adam's root, without its average of gradients and without corrections."""
    inside = theirs(optax.rmsprop(counted, decay=0.9, eps=EPS))
    close(points(ml.adam(lr=schedule, beta1=0, beta2=0.9, eps=0, eps_root=EPS, c1=1, c2=1)), inside)
    apart(points(ml.rmsprop(lr=schedule, beta2=0.9, eps=EPS)), inside)


def test_rmsprop_may_correct_its_zero_start_there():
    """As Adam without an average of gradients."""
    corrected = theirs(optax.rmsprop(counted, decay=0.9, eps=EPS, eps_in_sqrt=False, bias_correction=True))
    close(points(ml.adam(lr=schedule, beta1=0, beta2=0.9, eps=EPS)), corrected)


@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_has_the_step_size_inside_the_momentum_there(centered):
    """v⁺ = βv − αp where ours, as torch, has b⁺ = βb + p and x⁺ = x − αb⁺: v is −αb where that β is βα₋/α."""
    rule = ml.rmsprop_centered_momentum if centered else ml.rmsprop_momentum
    inside = lambda lr: theirs(optax.rmsprop(lr, 0.99, eps_in_sqrt=False, centered=centered, momentum=0.9))
    close(points(rule(lr=1e-3)), inside(1e-3))
    apart(points(rule(lr=gentle)), inside(gently))
    close(points(rule(lr=gentle, beta=lambda k: 0.9 * gentle(k - 1) / gentle(k))), inside(gently))


def test_amsgrad_takes_the_largest_corrected_average_there():
    """max(s/c₂) where ours, as torch, has (max s)/c₂. With β₂(1 − β₂ᵏ⁻¹)/(1 − β₂ᵏ) for β₂, s averages as s/c₂."""
    corrected = theirs(optax.amsgrad(counted))
    unbiased = lambda k: 0.999 * (1 - 0.999 ** (k - 1)) / (1 - 0.999**k)
    close(points(ml.amsgrad(lr=schedule, beta2=unbiased, c2=1)), corrected)
    apart(points(ml.amsgrad(lr=schedule)), corrected)


def test_radam_has_eps_beside_the_corrected_root_there():
    """√(s/c₂) + ε where ours, as torch, has (√s + ε)/√c₂."""
    beside = theirs(optax.radam(counted, eps=EPS))
    close(points(ml.radam(lr=schedule, eps=lambda k: EPS * sqrt(1 - 0.999**k))), beside)
    apart(points(ml.radam(lr=schedule, eps=EPS)), beside, at_least=1e-4)


def test_clipping_is_by_the_norm_itself_there():
    """Ours, as torch, adds 1e-6 to it."""
    itself = theirs(optax.chain(optax.clip_by_global_norm(30.0), optax.sgd(counted, momentum=0.9)))
    apart(points(clipped(lr=schedule, max_norm=30)), itself, at_least=1e-10)


def test_weight_decay_is_smaller_there():
    """1e-4 where ours, as torch, has 1e-2."""
    close(points(ml.adamw(lr=schedule, weight_decay=1e-4)), theirs(optax.adamw(counted)))
