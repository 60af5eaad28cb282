"""Places the hooks of every family."""

from . import hooks_dataloader, hooks_numpy, hooks_random, hooks_torch, hooks_training

_FAMILIES = (hooks_random, hooks_numpy, hooks_torch, hooks_training, hooks_dataloader)


def install(probe):
    for family in _FAMILIES:
        family.install(probe)
