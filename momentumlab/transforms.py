"""Pointwise transforms: composed with a rule, by `after` or `then`, each makes a rule."""

from .ops import maximum, minimum, norm, slice_mean
from .transform import transform


@transform
def l2(x, g, weight_decay=0.01):
    """The gradient of f + λ‖x‖²/2: g + λx; `minimize` still tests that of f."""
    return g + weight_decay * x


@transform
def clip_norm(x, g, max_norm=1.0, shorten=lambda g, max_norm: minimum(1.0, max_norm / (norm(g) + 1e-6))):
    """The whole gradient within a ball (Pascanu et al. 2013, as torch.nn.utils.clip_grad_norm_)."""
    return shorten * g


@transform
def clip_value(x, g, max_value=1.0):
    """Each component of the gradient within ±max_value (as torch.nn.utils.clip_grad_value_)."""
    return minimum(maximum(g, -max_value), max_value)


@transform
def decoupled(x, x_next, lr, weight_decay=0.01):
    """Loshchilov & Hutter (2019), scaled as in torch: decay beside the step, x⁺ − αλx."""
    return x_next - lr * weight_decay * x


@transform
def decoupled_schedule(x, x_next, eta=1.0, weight_decay=0.01):
    """Loshchilov & Hutter (2019), as printed: x⁺ − ηλx, where η is the schedule's multiplier, not the step size."""
    return x_next - eta * weight_decay * x


@transform
def into_box(x, x_next, lower=-1.0, upper=1.0):
    """Where the rule went, projected onto a box; of a rule that looks ahead, the point where gradients are taken."""
    return minimum(maximum(x_next, lower), upper)


@transform
def centralize(x, g, axis=0, min_dim=2, mean=lambda g, axis, min_dim: slice_mean(g, axis, min_dim)):
    """Yong et al. (2020): the gradient less the mean over each output unit; min_dim=4 for convolutions alone (GCC)."""
    return g - mean


@transform
def centralize_step(
    x, x_next, axis=0, min_dim=2, mean=lambda x, x_next, axis, min_dim: slice_mean(x_next - x, axis, min_dim)
):
    """Yong et al. (2020), as later advised for adaptive rules: the step less its mean over each output unit."""
    return x_next - mean


__all__ = [
    "l2",
    "clip_norm",
    "clip_value",
    "decoupled",
    "decoupled_schedule",
    "into_box",
    "centralize",
    "centralize_step",
]
