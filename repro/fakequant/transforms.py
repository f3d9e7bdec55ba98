"""In the transforms of `torch.func` (vmap, grad, jvp) wrappers stand in for tensors; torch has no public way to see that."""

import torch
from torch import Tensor


def transformed() -> bool:
    """Whether a transform is under way. Of the ways to ask, this one also works while torch.compile traces."""
    return torch._C._functorch.get_dynamic_layer_stack_depth() > 0


def plain(x: Tensor) -> Tensor:
    """The tensor behind the wrappers: under `vmap` all elements that are mapped over at once.

    Python cannot branch on a tensor inside `vmap`; a check that must hold for every element may look at all of them. And what
    is kept beyond a transform must not be one of its wrappers.
    """
    while transformed() and torch._C._functorch.is_functorch_wrapped_tensor(x):
        x = torch._C._functorch.get_unwrapped(x)
    return x
