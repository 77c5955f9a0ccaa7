"""Pointwise transforms: composed with a rule, by `after` or `then`, each makes a rule."""

from .ops import minimum, norm
from .transform import Transform, transform


@transform
def l2(x, g, weight_decay=0.01):
    """The gradient of f + λ‖x‖²/2: g + λx; `minimize` still tests that of f."""
    return g + weight_decay * x


@transform
def clip_norm(x, g, max_norm=1.0, shorten=lambda g, max_norm: minimum(1.0, max_norm / (norm(g) + 1e-6))):
    """The whole gradient within a ball (Pascanu et al. 2013, as torch.nn.utils.clip_grad_norm_)."""
    return shorten * g


@transform
def decoupled(x, x_next, lr, weight_decay=0.01):
    """Loshchilov & Hutter (2019): decay beside the step, x⁺ − αλx."""
    return x_next - lr * weight_decay * x


__all__ = [name for name, value in list(globals().items()) if isinstance(value, Transform)]
