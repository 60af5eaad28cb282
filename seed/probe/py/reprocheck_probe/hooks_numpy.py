"""numpy.random: the legacy global stream, and what is made without a seed."""

import sys

from . import digest
from .generators import Generators
from .standins import put_global
from .streams import Stream, Unseeded

LEGACY = "numpy-legacy"
GENERATOR = "numpy-generator"

_NOT_DRAWING = ("seed", "get_state", "set_state")


def install(probe):
    probe.imports.when("numpy", lambda module: probe.emit(
        "fact", value=str(module.__version__), detail={"name": "numpy"}))
    probe.imports.when("numpy.random", lambda module: _hook(probe, module))


def _hook(probe, random):
    mtrand = random.mtrand
    whole = mtrand._rand
    set_seed = random.seed
    legacy = Stream(probe, LEGACY, lambda: _bytes(whole), lambda seed: set_seed(seed % 2**32))
    modern = Unseeded(probe, GENERATOR)
    made = {LEGACY: Generators(probe, legacy, _reseed), GENERATOR: Generators(probe, modern, _reseed)}
    _watch_legacy(probe, random, whole, legacy)
    _watch_entropy(probe, random, legacy, modern, made)


def _reseed(bits, seed):
    bits.state = type(bits)(seed).state


def _watch_legacy(probe, random, whole, stream):
    for name in dir(whole):
        bound = getattr(random, name, None)
        if name.startswith("_") or name in _NOT_DRAWING or not callable(bound):
            continue
        if getattr(bound, "__self__", None) is whole:
            stream.watch(random, name)
    for name in ("ranf", "sample"):
        stream.watch(random, name)

    original_seed, original_set = random.seed, random.set_state

    def seed(seed=None):
        if probe.thread.busy:
            return original_seed(seed)
        used = seed
        if seed is None:
            instead = stream.guarded(stream.instead_of_none, "numpy.random.seed")
            if instead is not None:
                used = instead % 2**32
        thread = probe.thread
        # The entropy that an unseeded call reads is this call's, and is not written a second time.
        thread.busy = True
        try:
            result = original_seed(used)
        finally:
            thread.busy = False
        stream.guarded(stream.set, sys._getframe(1), "numpy.random.seed", _plain(seed))
        return result

    def set_state(state):
        result = original_set(state)
        if not probe.thread.busy:
            frame = sys._getframe(1)
            stream.guarded(lambda: stream.set(frame, "numpy.random.set_state", None, "state:" + stream.digest(), again=False))
        return result

    put_global(random, "seed", original_seed, seed)
    put_global(random, "set_state", original_set, set_state)


def _watch_entropy(probe, random, legacy, modern, made):
    """Every unseeded SeedSequence asks the module global randbits once: that is where one is seen and, pinned, answered."""
    bit_generator = sys.modules["numpy.random.bit_generator"]
    original = bit_generator.randbits
    thread = probe.thread

    def randbits(bits):
        if thread.busy:
            return original(bits)
        source = getattr(thread, "making", None) or (modern, GENERATOR, "SeedSequence")
        stream = source[0]
        instead = stream.guarded(stream.instead_of_none, source[2])
        if instead is not None:
            value = digest.number(instead, 0) << 64 | digest.number(instead, 1)
        else:
            thread.busy = True
            try:
                value = original(bits)
            finally:
                thread.busy = False
        if getattr(thread, "making", None) is None:
            stream.guarded(stream.made, sys._getframe(1), "numpy.random.SeedSequence", None,
                           digest.of_text(str(value)))
        return value

    bit_generator.randbits = randbits
    _watch_random_state(probe, random, legacy, made[LEGACY])
    _watch_default_rng(probe, random, modern, made[GENERATOR])


def _watch_random_state(probe, random, legacy, generators):
    """RandomState() makes its MT19937 through a global of its module; what is put there says that it was RandomState."""
    mtrand = random.mtrand
    real = mtrand._MT19937
    thread = probe.thread

    class Stands(type):
        def __instancecheck__(cls, instance):
            return isinstance(instance, real)

        def __subclasscheck__(cls, subclass):
            return issubclass(subclass, real)

        def __call__(cls, *args, **kwargs):
            if args or kwargs or thread.busy:
                return real(*args, **kwargs)
            thread.making = (legacy, LEGACY, "RandomState")
            try:
                bits = real()
            finally:
                thread.making = None
            legacy.guarded(_doubt, probe, generators, sys._getframe(1), bits)
            return bits

    mtrand._MT19937 = Stands("MT19937", (), {})


def _doubt(probe, generators, frame, bits):
    """RandomState(3) makes an unseeded MT19937 too, and seeds it next, which takes its SeedSequence away."""
    found, first = probe.frames.found(frame), _of_bits(bits)

    def resolve():
        if bits._seed_seq is not None:
            generators.made_at(found, "numpy.random.RandomState", bits, _of_bits, first)

    probe.in_doubt(resolve)


def _watch_default_rng(probe, random, modern, generators):
    original = random.default_rng
    thread = probe.thread

    def default_rng(seed=None):
        if thread.busy:
            return original(seed)
        if seed is not None:
            generator = original(seed)
            plain = _plain(seed)
            if type(plain) in (int, list, tuple):
                modern.guarded(modern.made, sys._getframe(1), "numpy.random.default_rng", plain)
            return generator
        thread.making = (modern, GENERATOR, "default_rng")
        try:
            generator = original()
        finally:
            thread.making = None
        modern.guarded(generators.made, sys._getframe(1), "numpy.random.default_rng", generator.bit_generator, _of_bits)
        return generator

    put_global(random, "default_rng", original, default_rng)


def _of_bits(bits):
    return digest.of_text(_text(bits.state))


def _text(state):
    """Writes a bit generator's state, a nested dict with arrays in it, in full."""
    if isinstance(state, dict):
        return "{%s}" % ",".join("%s:%s" % (key, _text(state[key])) for key in sorted(state))
    return state.tobytes().hex() if hasattr(state, "tobytes") else repr(state)


def _bytes(random_state):
    _, words, position, has_pending, pending = random_state.get_state()
    return words.tobytes() + repr((int(position), int(has_pending), float(pending))).encode()


def _plain(seed):
    """Returns a numpy scalar or array as Python has it."""
    return seed.tolist() if hasattr(seed, "tolist") else seed
