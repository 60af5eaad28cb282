"""The random module: its global stream, and generators made without a seed."""

import sys

from . import digest
from .generators import Generators
from .standins import put, put_global
from .streams import Stream

SOURCE = "python-random"

# The functions of the module that draw from the global stream; those that a Python has not are passed over.
_DRAWING = (
    "random", "uniform", "triangular", "randint", "choice", "randrange", "sample", "shuffle", "choices",
    "normalvariate", "lognormvariate", "expovariate", "vonmisesvariate", "gammavariate", "gauss", "betavariate",
    "binomialvariate", "paretovariate", "weibullvariate", "getrandbits", "randbytes",
)


def install(probe):
    probe.imports.when("random", lambda module: _hook(probe, module))


def _hook(probe, random):
    whole = random._inst
    set_seed = random.Random.seed

    def state():
        return _bytes(whole.getstate())

    stream = Stream(probe, SOURCE, state, lambda seed: set_seed(whole, seed))
    generators = Generators(probe, stream, lambda generator, seed: set_seed(generator, seed))

    def seed(self, *args, **kwargs):
        if probe.thread.busy:
            return set_seed(self, *args, **kwargs)
        value = args[0] if args else kwargs.get("a")
        frame = sys._getframe(1)
        constructing = frame.f_code.co_name == "__init__" and frame.f_code.co_filename == random.__file__
        api = "random.Random" if constructing else "random.seed" if self is whole else "Random.seed"
        used = args
        if value is None:
            instead = stream.guarded(stream.instead_of_none, api)
            if instead is not None:
                used, kwargs = (instead,) + args[1:], {}
        result = set_seed(self, *used, **kwargs)
        if self is whole:
            stream.guarded(stream.set, frame, api, value)
        elif type(self).seed is seed:
            stream.guarded(_made, generators, self, frame.f_back if constructing else frame, api, value)
        return result

    def setstate(state):
        result = whole.setstate(state)
        if not probe.thread.busy:
            frame = sys._getframe(1)
            stream.guarded(lambda: stream.set(frame, "random.setstate", None, "state:" + stream.digest(), again=False))
        return result

    put((random.Random,), "seed", set_seed, seed)
    random.seed = whole.seed
    put_global(random, "setstate", random.setstate, setstate)
    for name in _DRAWING:
        stream.watch(random, name)
    _after_fork(probe, stream, whole, set_seed)


def _made(generators, generator, frame, api, value):
    # tempfile names its files with a generator of its own.
    if frame.f_globals.get("__name__") == "tempfile":
        return
    if value is not None:
        generators.seeded(frame, api, value)
        return
    generators.made(frame, api, generator, lambda made: digest.of_bytes(_bytes(made.getstate())))


def _after_fork(probe, stream, whole, set_seed):
    """random seeds itself anew in a forked child. This hook is registered after random's own, so it runs after it."""
    import os

    if not hasattr(os, "register_at_fork"):
        return

    def child():
        stream.seeded = False
        stream.pin()
        stream._set = stream.digest()

    os.register_at_fork(after_in_child=lambda: stream.guarded(child))


def _bytes(state):
    """Turns what getstate returns into bytes: the 625 words, then the pending normal variate."""
    from array import array

    version, words, pending = state
    return array("I", words).tobytes() + repr((version, pending)).encode()
