"""Places the hooks of every family."""

from . import (hooks_clock, hooks_dataloader, hooks_entropy, hooks_host, hooks_listing, hooks_memory, hooks_numpy,
               hooks_open, hooks_ops, hooks_random, hooks_sklearn, hooks_tasks, hooks_torch, hooks_training)

_FAMILIES = (hooks_entropy, hooks_clock, hooks_host, hooks_listing, hooks_open, hooks_tasks, hooks_random, hooks_numpy,
             hooks_sklearn, hooks_torch, hooks_training, hooks_dataloader, hooks_memory, hooks_ops)


def install(probe):
    for family in _FAMILIES:
        try:
            family.install(probe)
        except Exception:
            # One family that this Python does not allow must not silence the others.
            pass
