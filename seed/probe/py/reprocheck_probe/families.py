"""Places the hooks of every family, each no earlier than the program imports what the family watches."""

from importlib import import_module

# For these the modules are there when Python starts.
_AT_ONCE = ("hooks_entropy", "hooks_clock", "hooks_host", "hooks_listing", "hooks_open", "hooks_environment",
            "hooks_signal")

_BEFORE = {
    "hooks_random": ("random",),
    "hooks_numpy": ("numpy",),
    "hooks_sklearn": ("sklearn", "scipy"),
    "hooks_torch": ("torch",),
    "hooks_cudnn": ("torch",),
    "hooks_training": ("torch",),
    "hooks_dataloader": ("torch",),
    "hooks_memory": ("torch", "numpy"),
    "hooks_jax": ("jax",),
    "hooks_tensorflow": ("tensorflow",),
    "hooks_connect": ("socket",),
    "hooks_tempfile": ("tempfile",),
    "hooks_ops": ("torch",),
    "hooks_tasks": ("threading", "concurrent.futures", "multiprocessing", "asyncio", "subprocess"),
}


def install(probe):
    for family in _AT_ONCE:
        _install(probe, family)
    for family, modules in _BEFORE.items():
        once = _Once(probe, family)
        for module in modules:
            probe.imports.before(module, once)


class _Once:
    def __init__(self, probe, family):
        self._probe = probe
        self._family = family

    def __call__(self):
        family, self._family = self._family, None
        if family is not None:
            _install(self._probe, family)


def _install(probe, family):
    try:
        import_module("." + family, __package__).install(probe)
    except Exception as error:
        # One family that this Python does not allow must not silence the others.
        probe.fault(family, error)
