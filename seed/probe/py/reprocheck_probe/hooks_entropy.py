"""Entropy of the operating system that is read on behalf of a user's line: os.urandom, uuid, secrets, SystemRandom."""

import os

from . import digest
from .frames import library
from .sightings import Sightings, Watched

SOURCE = "os-entropy"

# Libraries that name files and connections with it, or that seed what has a source of its own.
_NOT_THE_TRAINING = ("tempfile", "multiprocessing", "concurrent", "asyncio", "ssl", "http", "urllib", "urllib3",
                     "numpy", "torch", "joblib", "importlib")
_OF_A_LINE = 32


def install(probe):
    entropy = _Entropy(probe)
    unwatched = os.urandom
    for name in ("urandom", "getrandom"):
        if hasattr(os, name):
            Watched(probe, os, name, entropy.read)
    probe.imports.when("uuid", entropy.watch_uuid)

    def retake(random):
        # A path file of the site may have imported it before: then it has the function under a name of its own.
        if random._urandom is unwatched:
            random._urandom = os.urandom

    probe.imports.when("random", retake)


class _Entropy:
    def __init__(self, probe):
        self._probe = probe
        self._sightings = Sightings(probe, _OF_A_LINE)
        self._answers = 0
        probe.at_task(self._begin_task)

    def _begin_task(self):
        self._answers = 0

    def read(self, original, frame, args, kwargs):
        user = self._user(frame)
        if user is None:
            return original(*args, **kwargs)
        answer = original(*args, **kwargs)
        if self._pinned():
            answer = self._answer(len(answer))
        self._note(user, "os." + original.__name__, "entropy", answer, digest.of_bytes(answer))
        return answer

    def watch_uuid(self, uuid):
        def made(original, frame, args, kwargs):
            user = self._user(frame)
            if user is None:
                return original(*args, **kwargs)
            if self._pinned():
                answer = uuid.UUID(bytes=self._answer(16), version=4)
            else:
                thread = self._probe.thread
                thread.busy = True
                try:
                    answer = original(*args, **kwargs)
                finally:
                    thread.busy = False
            self._note(user, "uuid." + original.__name__, "uuid", answer.int, digest.of_bytes(answer.bytes))
            place = self._probe.frames.line(user[0])
            self._probe.origins.hand_out("uuid", str(answer), place)
            self._probe.origins.hand_out("uuid", answer.hex, place)
            return answer

        for name in ("uuid1", "uuid4"):
            Watched(self._probe, uuid, name, made)

    def _pinned(self):
        level = self._probe.level(SOURCE)
        return level is not None and level.seed is not None

    def _answer(self, size):
        """Returns size bytes, the next of this process's pinned stream."""
        self._answers += 1
        turn = self._probe.turn(SOURCE, self._answers)
        data = b""
        while len(data) < size:
            data += self._probe.derived(SOURCE, *turn, len(data)).to_bytes(8, "big")
        return data[:size]

    def _user(self, frame):
        """Returns the user's frame and the library in between, or None when the read is none of the training's."""
        try:
            found, below = self._probe.frames.doing(frame)
            if found is None:
                return None
            for stood_between in (frame, below):
                if stood_between is None or stood_between is found:
                    continue
                if (stood_between.f_globals.get("__name__") or "").split(".")[0] in _NOT_THE_TRAINING:
                    return None
            return found, below
        except Exception:
            return None

    def _note(self, user, api, kind, value, shown):
        try:
            found, below = user
            self._probe.origins.hand_out(kind, value, self._probe.frames.line(found))
            name = library(below)
            if name in ("secrets", "random", "uuid"):
                # The user's line called the module that is only a face of os.urandom.
                api = "random.SystemRandom" if name == "random" else name + "." + below.f_code.co_name
            if self._sightings.first(api, found):
                where = self._probe.frames.place(found, below)
                where.lib = None if name in ("secrets", "random", "uuid") else name
                self._probe.emit("entropy", SOURCE, where, shown, {"api": api})
        except Exception:
            pass
