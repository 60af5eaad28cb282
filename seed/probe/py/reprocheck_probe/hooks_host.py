"""What a user's own line asks about the machine, the user and the process."""

import os

from .sightings import Sightings, Watched

SOURCE = "host"
# How many processors there are is how many threads a program starts.
PROCESSORS = "threads"

_OF_A_LINE = 4

# A pinned pid is above the largest that Linux gives out (2**22), so that nothing can be done to a process by it.
_PINNED_PID = (1 << 22) + 1
_PINNED_NAME = "reprocheck"


def install(probe):
    host = _Host(probe)
    for name in ("getpid", "getppid", "getcwd", "getlogin", "getloadavg"):
        if hasattr(os, name):
            Watched(probe, os, name, host.asked("os"))
    for name in ("cpu_count", "process_cpu_count", "sched_getaffinity"):
        if hasattr(os, name):
            Watched(probe, os, name, host.processors)
    for module, names in (("socket", ("gethostname", "getfqdn")), ("platform", ("node",)), ("getpass", ("getuser",))):
        probe.imports.when(module, lambda loaded, names=names: [
            Watched(probe, loaded, name, host.asked(loaded.__name__)) for name in names])


class _Host:
    def __init__(self, probe):
        self._probe = probe
        self._sightings = Sightings(probe, _OF_A_LINE)
        level = probe.level(PROCESSORS)
        self._processors = int(level.value) if level is not None and level.level == "vary" and level.value else None
        self._pinned = probe.level(SOURCE) is not None and probe.level(SOURCE).seed is not None

    def asked(self, module):
        def call(original, frame, args, kwargs):
            value = original(*args, **kwargs)
            try:
                if not self._probe.frames.is_user(frame):
                    return value
                name = original.__name__
                if self._pinned:
                    value = self._instead(name, value)
                if name in ("getpid", "getppid"):
                    self._probe.origins.hand_out("pid", value, self._probe.frames.line(frame))
                api = module + "." + name
                if self._sightings.first(api, frame):
                    self._probe.emit("host", SOURCE, self._probe.where(frame), str(value), {"api": api})
            except Exception:
                pass
            return value

        return call

    def processors(self, original, frame, args, kwargs):
        value = original(*args, **kwargs)
        try:
            found, below = self._probe.frames.search(frame)
            # multiprocessing.cpu_count is only another name.
            if found is None or below is not None and not (below.f_globals.get("__name__") or "").startswith("multiprocessing"):
                return value
            if self._processors is not None:
                value = set(range(self._processors)) if original.__name__ == "sched_getaffinity" else self._processors
            api = "os." + original.__name__
            if self._sightings.first(api, found):
                self._probe.emit("host", PROCESSORS, self._probe.frames.place(found, None), str(value), {"api": api})
        except Exception:
            pass
        return value

    def _instead(self, name, value):
        if name in ("getpid", "getppid"):
            return _PINNED_PID + self._probe.derived(SOURCE, name) % 1000
        if name == "getloadavg":
            return (1.0, 1.0, 1.0)
        return _PINNED_NAME if name in ("gethostname", "getfqdn", "node", "getuser", "getlogin") else value
