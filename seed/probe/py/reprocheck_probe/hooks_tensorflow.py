"""TensorFlow: operations that draw random numbers without a seed, and generators that are made without one."""

import sys

from . import digest
from .sightings import Calls, Sightings
from .standins import put_global
from .streams import Unseeded

SOURCE = "tensorflow-seed"

_OF_A_LINE = 8
# Seeds of operations have 31 bits.
_SEEDS = 2**31 - 1


def install(probe):
    unseeded = _Unseeded(probe)
    probe.imports.when("tensorflow", lambda module: probe.emit(
        "fact", value=str(module.__version__), detail={"name": "tensorflow"}))
    probe.imports.when("tensorflow.python.framework.random_seed", lambda module: _watch_seeds(probe, module, unseeded))
    probe.imports.when("tensorflow.python.ops.stateful_random_ops", lambda module: _watch_generators(module, unseeded))


class _Unseeded(Unseeded):
    """What TensorFlow begins without a seed, of which the first few of a line are written."""

    def __init__(self, probe):
        super().__init__(probe, SOURCE)
        self._sightings = Sightings(probe, _OF_A_LINE)

    def met(self, frame, api):
        """Returns a function from a number to 64 bits, by which what begins here is seeded, None to leave it as it is."""
        if self._probe.thread.busy:
            return None
        self.guarded(self._see, frame, api)
        begun = self.guarded(self.instead_of_none, api)
        return None if begun is None else lambda n: digest.number(begun, n)

    def _see(self, frame, api):
        found, below = self._probe.frames.search(frame)
        if found is not None and self._sightings.first(api, found):
            self.made_at(self._probe.frames.place(found, below), api, None)


def _watch_seeds(probe, module, unseeded):
    original = module.get_seed

    def get_seed(op_seed):
        if op_seed is None and _global_seed(module) is None:
            caller = sys._getframe(1)
            number = unseeded.met(caller, _name(caller))
            if number is not None:
                return 1 + number(0) % _SEEDS, number(1) % _SEEDS
        return original(op_seed)

    put_global(module, "get_seed", original, get_seed)

    sightings = Sightings(probe, _OF_A_LINE)

    def seeded(frame, args, kwargs):
        if frame.f_globals is vars(module):
            return  # set_seed calls set_random_seed
        value = args[0] if args else kwargs.get("seed")
        plain = value.item() if hasattr(value, "item") else value
        sightings.seed(SOURCE, "tensorflow.random.set_seed", frame, value, plain)

    for name in ("set_seed", "set_random_seed"):
        Calls(probe, module, name, seeded)


def _name(caller):
    if caller.f_globals.get("__name__", "").startswith("tensorflow.python.data."):
        return "tensorflow.data"
    return "tensorflow." + caller.f_code.co_name


def _global_seed(module):
    if module.context.executing_eagerly():
        return module.context.global_seed()
    return module.ops.get_default_graph().seed


def _watch_generators(module, unseeded):
    original = module.non_deterministic_ints

    def non_deterministic_ints(shape, dtype=module.dtypes.int64):
        number = unseeded.met(sys._getframe(1), "tensorflow.random.Generator")
        if number is None or dtype != module.dtypes.int64:
            return original(shape, dtype)
        import numpy

        values = [number(n) >> 1 for n in range(int(numpy.prod(shape)))]
        return module.ops.convert_to_tensor(numpy.array(values, "int64").reshape(shape))

    put_global(module, "non_deterministic_ints", original, non_deterministic_ints)
