"""Names that the standard library makes up for a user's temporary files: of a generator of its own, which nobody can seed."""

import sys

from .sightings import Sightings

# Names written for a line.
_OF_A_LINE = 8


def install(probe):
    probe.imports.when("tempfile", lambda module: _watch(probe, module))


def _watch(probe, tempfile):
    names = tempfile._RandomNameSequence
    original = names.__next__
    sightings = Sightings(probe, _OF_A_LINE)
    thread = probe.thread

    def __next__(self):
        name = original(self)
        if thread.busy:
            return name
        thread.busy = True
        try:
            found, below = probe.frames.doing(sys._getframe(1))
            where = probe.frames.place(found, below) if found is not None else None
            # Libraries name files of their own by it.
            if where is not None and where.lib == "tempfile":
                where.lib = None
                api = "tempfile." + below.f_code.co_name
                if sightings.first(api, found):
                    probe.emit("name", where=where, value=name, detail={"api": api})
        except Exception:
            pass
        finally:
            thread.busy = False
        return name

    __next__.__wrapped__ = original
    names.__next__ = __next__
