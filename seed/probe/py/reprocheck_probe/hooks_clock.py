"""Clocks that a user's own line reads."""

import sys
import time

from .sightings import Sightings, Watched

SOURCE = "wall-clock"

_OF_A_LINE = 8

# The instant at which a pinned clock begins, and how far each read moves it, so that loops on time still end.
_EPOCH_NS = 1_700_000_000_000_000_000
_TICK_NS = 1_000_000

_SECONDS = ("time", "perf_counter", "monotonic")
_NANOSECONDS = ("time_ns", "perf_counter_ns", "monotonic_ns")
# Those that take an instant and read the clock when they are given none; how many arguments come before it.
_CALENDAR = {"localtime": 0, "gmtime": 0, "ctime": 0, "strftime": 1}


def install(probe):
    clock = _Clock(probe)
    for name in _SECONDS + _NANOSECONDS:
        Watched(probe, time, name, clock.read)
    for name in _CALENDAR:
        Watched(probe, time, name, clock.calendar)
    if clock.pinned:
        probe.imports.when("datetime", lambda module: _pin_datetime(probe, clock, module))


class _Clock:
    def __init__(self, probe):
        self._probe = probe
        self._sightings = Sightings(probe, _OF_A_LINE)
        self._ticks = 0
        self.pinned = probe.level(SOURCE) is not None and probe.level(SOURCE).seed is not None

    def tick(self):
        """Returns the pinned clock's next instant in nanoseconds."""
        self._ticks += 1
        return _EPOCH_NS + self._ticks * _TICK_NS

    def read(self, original, frame, args, kwargs):
        if not self._probe.frames.is_user(frame):
            return original(*args, **kwargs)
        name = original.__name__
        if self.pinned:
            value = self.tick() if name in _NANOSECONDS else self.tick() / 1e9
        else:
            value = original(*args, **kwargs)
        self.note(frame, "time." + name, value, repr(value))
        return value

    def calendar(self, original, frame, args, kwargs):
        name = original.__name__
        given = len(args) > _CALENDAR[name] and (args[-1] is not None or name == "strftime")
        if given or not self._probe.frames.is_user(frame):
            return original(*args, **kwargs)
        args = args[:_CALENDAR[name]]
        if self.pinned:
            seconds = self.tick() // 10**9
            value = original(*args, seconds if name != "strftime" else time.localtime(seconds))
        else:
            value = original(*args)
        self.note(frame, "time." + name, None, value if isinstance(value, str) else repr(tuple(value)))
        return value

    def note(self, frame, api, value, shown):
        try:
            if value is not None:
                self._probe.origins.hand_out("clock", value)
            if self._sightings.first(api, frame):
                self._probe.emit("clock", SOURCE, self._probe.where(frame), shown, {"api": api})
        except Exception:
            pass


# Instructions by which a program looks a name of a module up. A pickler looks up too, but by a call.
_LOOKUPS = ("IMPORT_FROM", "LOAD_ATTR", "LOAD_METHOD")


def _pin_datetime(probe, clock, module):
    """datetime.datetime cannot be patched: users' modules are given a subclass with other clocks, all others the real one.

    Only a pinned clock is worth that: type(x) is datetime does not hold in those modules."""
    from opcode import opname

    real = module.datetime

    class Kind(type(real)):
        def __instancecheck__(cls, instance):
            return isinstance(instance, real)

        def __subclasscheck__(cls, subclass):
            return issubclass(subclass, real)

    def instant(frame, api):
        seconds = clock.tick() / 1e9
        clock.note(frame, api, seconds, repr(seconds))
        return seconds

    class datetime(real, metaclass=Kind):
        def __new__(cls, *args, **kwargs):
            return real.__new__(real, *args, **kwargs)

        @classmethod
        def now(cls, tz=None):
            return real.fromtimestamp(instant(sys._getframe(1), "datetime.now"), tz)

        @classmethod
        def today(cls):
            return real.fromtimestamp(instant(sys._getframe(1), "datetime.today"))

        @classmethod
        def utcnow(cls):
            seconds = instant(sys._getframe(1), "datetime.utcnow")
            return real.fromtimestamp(seconds, module.timezone.utc).replace(tzinfo=None)

    datetime.__module__ = real.__module__
    datetime.__qualname__ = real.__qualname__
    datetime.__doc__ = real.__doc__

    def __getattr__(name):
        if name != "datetime":
            raise AttributeError("module 'datetime' has no attribute %r" % name)
        frame = sys._getframe(1)
        if probe.frames.is_user(frame) and opname[frame.f_code.co_code[frame.f_lasti]] in _LOOKUPS:
            return datetime
        return real

    del module.datetime
    module.__getattr__ = __getattr__
