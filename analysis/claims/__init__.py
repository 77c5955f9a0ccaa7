"""The claims, source by source; each is the file of its name."""

from importlib import import_module

from ..claim import Claim

SOURCES = {
    "The PMG paper": [
        "derivative_damps",
        "pmg_linear_rate",
        "pmg_lemma",
        "pmg_is_pid",
        "pmg_against_others",
        "mccormick_minimum",
    ],
    "The RSGDM paper": [
        "rsgdm_bias",
        "rsgdm_bias_bound",
        "rsgdm_variance",
        "rsgdm_lag",
        "rsgdm_is_nesterov",
    ],
    "The gradient centralization article": [
        "gc_projection",
        "gc_lipschitz",
        "gc_gradient_explosion",
        "gc_invariance",
        "gc_zscore",
        "gc_overhead",
    ],
    "A tutorial on optimisers and initialisation": [
        "full_batch_extremum",
        "sgd_jitter",
        "step_size_quadratic",
        "newton_quadratic",
        "newton_saddle",
        "nesterov_second_order",
        "xavier_kaiming_variance",
        "wrong_variance_training",
    ],
    "A tutorial on moving averages and adaptive methods": [
        "ewa_window",
        "ewa_bias_correction",
        "momentum_against_sgd",
        "per_coordinate",
        "adagrad_sparse",
        "adagrad_stalls",
        "adadelta_no_lr",
        "adam_bias_correction",
        "mnist_comparison",
    ],
    "Rates": [
        "heavy_ball_rate",
        "heavy_ball_cycle",
        "heavy_ball_not_accelerated",
        "nesterov_rate",
        "triple_momentum_best",
        "derivative_on_quadratics",
        "adam_failure",
        "amsgrad_repair",
    ],
}
"""Their order in the index."""

NAMES = [name for names in SOURCES.values() for name in names]


def claim(name: str) -> Claim:
    """The claim of a name."""
    return import_module(f"{__name__}.{name}").CLAIM
