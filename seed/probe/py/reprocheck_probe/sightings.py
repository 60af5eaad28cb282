"""Functions whose calls by a user's line are written down, the first few of each line."""

import sys

from . import digest
from .standins import Bindable, StandIn

# Calls of one function that are looked at before its original is put back for good.
_CALLS = 1024


class Sightings:
    """Counts what has been written for each line, for one kind of event."""

    def __init__(self, probe, of_a_line):
        self._probe = probe
        self._of_a_line = of_a_line
        self._lines = {}
        probe.after_fork(self._lines.clear)

    def first(self, api, frame):
        """Reports whether a call of api by this frame's line is still to be written, and counts it."""
        key = (api, frame.f_code.co_filename, frame.f_lineno)
        seen = self._lines.get(key, 0)
        if seen >= self._of_a_line:
            return False
        self._lines[key] = seen + 1
        return True


    def seed(self, source, api, frame, value, plain):
        """Writes a seed call of a source without a stream, made with value, which is plain as Python has it."""
        probe = self._probe
        found, below = probe.frames.search(frame)
        if found is not None and self.first(api, found):
            probe.emit("seed", source, probe.frames.place(found, below), digest.short(plain),
                       {"api": api, **probe.origins.detail(value)})


class Watched(StandIn):
    """Stands in for owner.name. call(original, frame, args, kwargs) makes the call and returns its result; frame is the caller's."""

    def __init__(self, probe, owner, name, call):
        super().__init__(getattr(owner, name), name)
        self._probe = probe
        self._call = call
        setattr(owner, name, self)

    def __call__(self, *args, **kwargs):
        # No line calls where the interpreter itself does: it opens the files whose lines a traceback shows.
        frame = sys._getframe().f_back
        if frame is None or self._probe.thread.busy:
            return self._original(*args, **kwargs)
        return self._call(self._original, frame, args, kwargs)


class _WatchedMethod(Bindable, Watched):
    pass


class Calls:
    """Has look(frame, args, kwargs) called before each of the first calls of owner.name; then the original is put back."""

    def __init__(self, probe, owner, name, look, method=False):
        original = getattr(owner, name, None)
        if original is None:
            return
        own = name in vars(owner)
        thread = probe.thread
        left = [_CALLS]

        def before(frame, args, kwargs):
            left[0] -= 1
            if left[0] < 0:
                rest()
                return
            thread.busy = True
            try:
                look(frame, args, kwargs)
            except Exception:
                pass
            finally:
                thread.busy = False

        def call(original, frame, args, kwargs):
            if left[0] >= 0:
                before(frame, args, kwargs)
            return original(*args, **kwargs)

        stand_in = (_WatchedMethod if method else Watched)(probe, owner, name, call)

        def rest():
            left[0] = -1
            if vars(owner).get(name) is stand_in:
                if own:
                    setattr(owner, name, original)
                else:
                    delattr(owner, name)

        self.rest = rest
        probe.stand_ins.append(self)
