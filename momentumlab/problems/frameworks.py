"""Gradients from other frameworks, each imported where it is used."""

from collections.abc import Callable
from typing import Any

from ..errors import short


def by_torch(f: Callable, x0: Any) -> tuple[Callable, Any]:
    """x ↦ (f, ∇f) by torch's automatic differentiation, on the device of x0; and x0 for NumPy."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ImportError("from_torch needs PyTorch: pip install 'momentumlab[torch]'") from error

    device = None
    if isinstance(x0, torch.Tensor):
        x0, device = x0.detach().double().cpu().numpy(), x0.device

    def fg(x):
        variable = torch.tensor(x, device=device, requires_grad=True)
        with torch.enable_grad():
            try:
                value = f(variable)
            except RuntimeError as error:
                if "dtype" in str(error):
                    error.add_note("f is given float64; make its data and modules .double() too")
                raise
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"f returned {short(value)}; it must return a torch tensor of one number")
        if value.numel() != 1:
            raise ValueError(f"f returned a tensor of shape {tuple(value.shape)}; it must return one number")
        slope = torch.autograd.grad(value, variable, allow_unused=True)[0] if value.requires_grad else None
        if slope is None:
            raise ValueError(f"f returned {short(value)}, which torch did not see depend on x; it has no gradient")
        return value.item(), slope.cpu().numpy()

    return fg, x0


def by_jax(f: Callable) -> Callable:
    """x ↦ (f, ∇f) by JAX, compiled there, in double precision whatever its flag says."""
    try:
        import jax
    except ModuleNotFoundError as error:
        raise ImportError("from_jax needs JAX: pip install jax") from error
    try:
        from jax import enable_x64
    except ImportError:  # before jax 0.8
        from jax.experimental import enable_x64

    both = jax.jit(jax.value_and_grad(f))

    def fg(x):
        with enable_x64(True):
            return both(jax.numpy.asarray(x))

    return fg
