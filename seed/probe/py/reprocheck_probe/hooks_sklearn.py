"""scikit-learn and SciPy: random_state=None means NumPy's global stream, drawn from in places no wrapper sees."""

import sys

from .hooks_numpy import LEGACY
from .standins import put

_OF_A_LINE = 8


def install(probe):
    for module in ("sklearn.utils.validation", "scipy._lib._util"):
        probe.imports.when(module, lambda loaded: _watch(probe, loaded))
    probe.imports.when("sklearn", lambda module: probe.emit(
        "fact", value=str(module.__version__), detail={"name": "sklearn"}))


def _watch(probe, module):
    original = module.check_random_state
    thread = probe.thread
    lines = {}
    probe.after_fork(lines.clear)

    def note(frame):
        stream = probe.streams.get(LEGACY)
        found, below = probe.frames.doing(frame)
        if stream is None or found is None:
            return
        key = (found.f_code, found.f_lineno)
        if lines.get(key, 0) >= _OF_A_LINE:
            return
        lines[key] = lines.get(key, 0) + 1
        where, before = probe.frames.place(found, below), stream.digest()

        def resolve():
            # Many ask for the stream, and not all of them draw from it.
            if stream.digest() != before:
                stream.drawn(where, "check_random_state", before)

        probe.in_doubt(resolve)

    def check_random_state(seed, *args, **kwargs):
        state = original(seed, *args, **kwargs)
        if not thread.busy and (seed is None or seed is sys.modules["numpy"].random):
            thread.busy = True
            try:
                note(sys._getframe(1))
            except Exception:
                pass
            finally:
                thread.busy = False
        return state

    put((module,), "check_random_state", original, check_random_state)
