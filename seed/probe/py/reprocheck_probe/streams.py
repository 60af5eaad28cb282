"""A stream of random numbers: its seeding, its first draws, its state at boundaries."""

import sys

from . import digest
from .standins import Bindable, StandIn

# Draws written after a seed call: of one line, and in all.
_OF_A_LINE = 8
_IN_ALL = 64
# Calls looked at after a seed call: a call that moves nothing (dropout in evaluation) must not be looked at for ever.
_CALLS = 1024
# Calls from one place that led to a line of which enough is written; after them the place is passed over at steps that are
# not sampled. A layer of a library draws at every step for the same line of the user's.
_IN_VAIN = 16
# Seed calls written, and seed calls that have the draws looked at again: a program may seed in its inner loop.
_SEEDS = 512
_AGAIN = 32


# What look returns for a draw that a library makes for itself while it is imported.
_IMPORTING = ()


# How workers seed themselves is a source of its own.
_WORKERS = "dataloader-workers"


class Stream:
    """One source of random numbers. state() returns its state as bytes; reseed(seed) sets it, or is None."""

    def __init__(self, probe, source, state, reseed=None):
        self._probe = probe
        self.source = source
        self.state = state
        self._reseed = reseed
        self._recorders = []
        self._seeds = _SEEDS
        self._again = _AGAIN
        self.watching = True
        self.seeded = False
        # A stream that the same functions draw from: those of torch draw from the generator of the device they work on.
        self.beside = None
        # Called with the line of a draw, and with the object whose method drew, None for a function.
        self.drew = None
        self.nones = 0
        self._draws = 0
        self._fresh()
        self._set = self.digest()
        probe.streams[source] = self
        probe.at_exit(lambda: self.boundary("exit"))
        probe.after_fork(self._after_fork)
        probe.at_task(self._begin_task)
        self.pin()

    def digest(self):
        return digest.of_bytes(self.state())

    def pin(self):
        """Sets the stream to its pinned state, unless the user has set it."""
        level = self._probe.level(self.source)
        if level is None or level.seed is None or self._reseed is None or self.seeded:
            return
        self._reseed(self._probe.derived(self.source))
        self._set = self.digest()

    def instead_of_none(self, api):
        """Returns the seed to use for a seed call without one, None to leave it as it is."""
        for source in (self.source, _WORKERS) if self._probe.identity.name.startswith("worker-") else (self.source,):
            level = self._probe.level(source)
            if level is not None and level.seed is not None:
                self.nones += 1
                return self._probe.derived(source, self.source, api, *self._probe.turn(self.source, self.nones))
        return None

    def watch(self, owner, name, method=False):
        """Has the calls of owner.name looked at; method: owner is a class and name one of its methods."""
        original = getattr(owner, name, None)
        if original is None:
            return
        recorder = (_RecorderOfMethod if method else Recorder)(self, name, original)
        own = name in vars(owner)
        self._recorders.append((owner, name, original, recorder, own))
        setattr(owner, name, recorder)

    def rest(self):
        """Puts every original back: from now on nothing of this stream costs anything."""
        self.watching = False
        for owner, name, original, recorder, own in self._recorders:
            if vars(owner).get(name) is recorder:
                if own:
                    setattr(owner, name, original)
                else:
                    delattr(owner, name)

    def rouse(self):
        if self.watching or self._again <= 0:
            return
        self._again -= 1
        self.watching = True
        for owner, name, original, recorder, own in self._recorders:
            if getattr(owner, name, None) is original:
                setattr(owner, name, recorder)

    def retire(self):
        """Has the draws of this process never looked at again."""
        self._again = 0

    def set(self, frame, api, value, text=None, again=True):
        """Writes a seed call that has just been made; value is what it was given, text how that is shown.
        again is False for a state that is put back: the draws after it are none of a new stream."""
        self.seeded = True
        self._set = self.digest()
        if self._seeds > 0:
            self._seeds -= 1
            detail = {"api": api, "draws": self._draws}
            if value is not None:
                detail.update(self._probe.origins.detail(value))
            where = self._probe.where(frame)
            self._probe.emit("seed", self.source, where, text or digest.short(value), detail)
        if again:
            self._draws = 0
            self._fresh()
            self.rouse()

    def made(self, frame, api, seed, state=None, number=None):
        """Writes that a generator of this kind was made, from seed, or from nothing when that is None."""
        where, importing = self._probe.frames.found(frame)
        if importing and seed is not None:
            # A library's own affair, the same in every run.
            return
        self.made_at(where, api, seed, state, number, importing)

    def made_at(self, where, api, seed, state=None, number=None, importing=False):
        """Does as made; importing says that a library made it for itself while it was imported."""
        detail = {"api": api}
        if seed is not None:
            detail.update(self._probe.origins.detail(seed))
        if state is not None:
            detail["state"] = state
        if number is not None:
            detail["id"] = number
        if importing:
            detail["importing"] = True
        value = "unseeded" if seed is None else "seeded:" + digest.short(seed)
        self._probe.emit("new", self.source, where, value, detail)

    def drawn(self, where, api, before, purpose=None):
        """Writes a draw; before is the state's digest before it."""
        detail = {"api": api}
        if purpose:
            detail["purpose"] = purpose
        self._probe.emit("draw", self.source, where, before, detail)

    def boundary(self, at):
        """Writes the state at a boundary."""
        now = self.digest()
        self._probe.emit("stream", self.source, None, now,
                         {"at": at, "used": self.used(now), "seeded": self.seeded})

    def used(self, now):
        """Reports whether the stream has moved since it was last set; now is the digest of its state."""
        return now != self._set

    def before(self, earlier, later):
        """Returns the state, as bytes, from which a draw led to later, or None when there was no draw; earlier is the state
        that was read before the call."""
        return None if earlier == later else earlier

    def look(self, frame):
        """Returns where a call comes from and the state before it, or None when it is not to be written."""
        self._calls -= 1
        if self._calls < 0:
            self.rest()
            return None
        probe = self._probe
        place = (frame.f_code, frame.f_lineno)
        in_vain = self._in_vain.get(place, 0)
        if in_vain >= _IN_VAIN and not probe.close:
            return None
        found, below = probe.frames.search(frame)
        line = (found.f_code, found.f_lineno) if found is not None else None
        if self._lines.get(line, 0) >= _OF_A_LINE:
            self._in_vain[place] = in_vain + 1
            return None
        # What a library draws for itself while it is imported is no draw of the line that imports it.
        if below is not None and probe.frames.doing(frame)[0] is None:
            return _IMPORTING if self.digest() == self._set else None
        where = probe.frames.place(found, below) if found is not None else None
        return where, line, self.state(), self.beside.state() if self.beside is not None else None

    def looked(self, look, api, target=None):
        """Writes the draw that look preceded, if there was one; target is the object whose method drew."""
        if look is _IMPORTING:
            # Nobody has drawn before: the stream counts as unused still.
            self._set = self.digest()
            return
        where, line, before, beside = look
        drawn_from = None if beside is None else self.beside.before(beside, self.beside.state())
        if drawn_from is not None:
            self._lines[line] = self._lines.get(line, 0) + 1
            self.beside.drawn(where, api, digest.of_bytes(drawn_from))
        if before == self._last or before == self.state():
            return
        self._draws += 1
        self._last = before
        self._lines[line] = self._lines.get(line, 0) + 1
        self.drawn(where, api, digest.of_bytes(before))
        if self.drew is not None and where is not None:
            self.drew(where, target if api.endswith("_") else None)
        self._left -= 1
        if self._left <= 0:
            self.rest()

    def quiet(self):
        """Reports whether the probe itself, or nobody who matters, makes a call in this thread."""
        return self._probe.thread.busy

    def guarded(self, call, *args):
        """Returns call(*args), made as the probe's own, or None when it fails."""
        thread = self._probe.thread
        thread.busy = True
        try:
            return call(*args)
        except Exception:
            return None
        finally:
            thread.busy = False

    def _fresh(self):
        self._calls = _CALLS
        self._left = _IN_ALL
        self._lines = {}
        self._in_vain = {}
        self._last = None

    def _begin_task(self):
        self.nones = 0
        self.guarded(self.pin)

    def _after_fork(self):
        self._draws = 0
        self._fresh()
        self.rouse()


class Unseeded:
    """What a source has that is no stream, as numpy.random.Generator is none: whatever begins without a seed has a state of its own."""

    def __init__(self, probe, source):
        self._probe = probe
        self.source = source
        self.nones = 0
        probe.at_task(self._begin_task)

    def _begin_task(self):
        self.nones = 0

    instead_of_none = Stream.instead_of_none
    made = Stream.made
    made_at = Stream.made_at
    guarded = Stream.guarded


class Recorder(StandIn):
    """Stands in for a function that draws."""

    def __init__(self, stream, name, original):
        super().__init__(original, name)
        self._stream = stream

    def __call__(self, *args, **kwargs):
        stream = self._stream
        if not stream.watching or stream.quiet():
            return self._original(*args, **kwargs)
        look = stream.guarded(stream.look, sys._getframe().f_back)
        result = self._original(*args, **kwargs)
        if look is not None:
            stream.guarded(stream.looked, look, self.__name__, self._drawn_into(args))
        return result

    def _drawn_into(self, args):
        return None


class _RecorderOfMethod(Bindable, Recorder):
    def _drawn_into(self, args):
        return args[0] if args else None
