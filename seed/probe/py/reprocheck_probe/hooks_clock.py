"""Clocks that a user's own line reads."""

import os
import sys
import time

from .sightings import Sightings, Watched
from .standins import StandIn

SOURCE = "wall-clock"

_OF_A_LINE = 8

# The instant at which a pinned clock begins, and how far each read moves it, so that loops on time still end.
_EPOCH_NS = 1_700_000_000_000_000_000
_TICK_NS = 1_000_000

_SECONDS = ("time", "perf_counter", "monotonic", "process_time", "thread_time", "clock_gettime")
_NANOSECONDS = ("time_ns", "perf_counter_ns", "monotonic_ns", "process_time_ns", "thread_time_ns", "clock_gettime_ns")
# Those that take an instant and read the clock when they are given none; how many arguments come before it.
_CALENDAR = {"localtime": 0, "gmtime": 0, "ctime": 0, "strftime": 1}
# The clock that files are stamped by may lag behind, in seconds.
_COARSE = 1

# When a file was written: of one that the run writes itself, another way to read the clock.
_FILE_TIMES = ("getmtime", "getctime", "getatime")
_STATUS_TIMES = frozenset("st_%stime%s" % (which, unit) for which in "amc" for unit in ("", "_ns"))


def install(probe):
    clock = _Clock(probe)
    for name in _SECONDS + _NANOSECONDS:
        if hasattr(time, name):
            Watched(probe, time, name, clock.read)
    for name in _CALENDAR:
        Watched(probe, time, name, clock.calendar)
    for name in _FILE_TIMES:
        Watched(probe, os.path, name, clock.of_file)
    for name in ("stat", "lstat", "fstat"):
        _Asked(probe, os, name, clock)
    probe.imports.when("datetime", lambda module: _watch_datetime(clock, module))


class _Clock:
    def __init__(self, probe):
        self._probe = probe
        self._sightings = Sightings(probe, _OF_A_LINE)
        self._ticks = 0
        self.begun = time.time() - _COARSE
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

    def of_file(self, original, frame, args, kwargs):
        value = original(*args, **kwargs)
        # A file that was there before the run is of the same age in every run.
        if not self._probe.frames.is_user(frame) or value < self.begun:
            return value
        if self.pinned:
            value = self.tick() / 1e9
        self.note(frame, "os.path." + original.__name__, value, repr(value))
        return value

    def status(self, name, frame, status):
        try:
            if (frame.f_globals.get("__name__") or "").startswith("pathlib"):
                frame = frame.f_back
            # Most ask for something else: whether a file is there, or its size.
            if not self._probe.frames.is_user(frame) or _STATUS_TIMES.isdisjoint(frame.f_code.co_names):
                return status
            if self.pinned:
                now = self.tick()
                fields, named = status.__reduce__()[1]
                named.update((name, now if name.endswith("_ns") else now / 1e9) for name in _STATUS_TIMES)
                status = os.stat_result(fields, named)
            self._probe.origins.hand_out("clock", status.st_mtime_ns, self._probe.frames.line(frame))
            self.note(frame, "os." + name, status.st_mtime, repr(status.st_mtime_ns))
        except Exception:
            pass
        return status

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

    def day(self, original, at, frame, args, kwargs):
        if self._probe.thread.busy or frame is None or not self._probe.frames.is_user(frame):
            return original(*args, **kwargs)
        kind = original.__self__
        value = at(kind, self.tick() / 1e9, *args, **kwargs) if self.pinned else original(*args, **kwargs)
        api = "%s.%s" % (kind.__name__, original.__name__)
        if type(value) is self.datetime:
            # What programs make seeds from.
            self._probe.origins.hand_out("clock", value.microsecond, self._probe.frames.line(frame))
            self.note(frame, api, value.timestamp(), value.isoformat())
        else:
            self.note(frame, api, None, self.date.isoformat(value))
        return value

    def note(self, frame, api, value, shown):
        thread = self._probe.thread
        thread.busy = True
        try:
            if value is not None:
                self._probe.origins.hand_out("clock", value, self._probe.frames.line(frame))
            if self._sightings.first(api, frame):
                self._probe.emit("clock", SOURCE, self._probe.where(frame), shown, {"api": api})
        except Exception:
            pass
        finally:
            thread.busy = False


class _Asked(Watched):
    """Stands in for a function that returns a file's status. Nearly all of those files are older than the run, and the import
    of torch alone asks for 14,000, so that is looked at first."""

    def __init__(self, probe, owner, name, clock):
        super().__init__(probe, owner, name, clock.status)
        self._begun = clock.begun

    def __call__(self, *args, **kwargs):
        status = self._original(*args, **kwargs)
        if status.st_mtime < self._begun or self._probe.thread.busy:
            return status
        return self._call(self.__name__, sys._getframe().f_back, status)


class _Reading:
    """Takes the place of a class method of datetime that reads the clock."""

    def __init__(self, clock, kind, name, at):
        self._clock = clock
        self._at = at
        self._original = vars(kind)[name]
        self.__doc__ = self._original.__doc__

    def __get__(self, instance, owner=None):
        return _Bound(self._clock, self._original.__get__(instance, owner), self._at)


class _Bound(StandIn):
    """Stands in for a class method of datetime, bound to its class. at(kind, seconds, ...) is what it returns at an instant."""

    def __init__(self, clock, original, at):
        super().__init__(original, original.__name__)
        self._clock = clock
        self._at = at

    def __call__(self, *args, **kwargs):
        return self._clock.day(self._original, self._at, sys._getframe().f_back, args, kwargs)


def _watch_datetime(clock, module):
    """The classes of datetime are written in C and refuse to be assigned to; their dictionaries do not.

    It is done before anybody can have asked for these methods, since Python remembers what it finds in a class."""
    from gc import get_referents

    clock.datetime, clock.date = module.datetime, module.date

    def now(kind, seconds, tz=None):
        return kind.fromtimestamp(seconds, tz)

    def utcnow(kind, seconds):
        return kind.fromtimestamp(seconds, module.timezone.utc).replace(tzinfo=None)

    def today(kind, seconds):
        return kind.fromtimestamp(seconds)

    for kind, at in ((module.datetime, now), (module.datetime, utcnow), (module.date, today)):
        name = at.__name__
        for found in get_referents(vars(kind)):
            if type(found) is dict and found.get(name) is vars(kind)[name]:
                found[name] = _Reading(clock, kind, name, at)
