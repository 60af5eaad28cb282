"""Directory listings that reach a user's line: os.listdir, os.scandir, and all that stands on them (walk, glob, pathlib)."""

import os

from . import digest
from .frames import library
from .sightings import Sightings, Watched

SOURCE = "file-order"

_OF_A_LINE = 32

# Modules that are the user's way to list rather than a library that lists on the user's behalf.
_FACES = ("os", "glob", "pathlib", "fnmatch")
# They list in order to remove or to import; the order reaches nothing.
_NOT_THE_TRAINING = ("shutil", "tempfile", "importlib", "pkgutil", "zipimport", "linecache", "multiprocessing", "site")


def install(probe):
    listing = _Listing(probe)
    Watched(probe, os, "listdir", listing.listdir)
    Watched(probe, os, "scandir", listing.scandir)


class _Listing:
    def __init__(self, probe):
        self._probe = probe
        self._sightings = Sightings(probe, _OF_A_LINE)

    def listdir(self, original, frame, args, kwargs):
        names = original(*args, **kwargs)
        user = self._user(frame)
        if user is None:
            return names
        names = self._ordered(names, lambda name: name)
        self._note(user, frame, "os.listdir", args, names)
        return names

    def scandir(self, original, frame, args, kwargs):
        entries = original(*args, **kwargs)
        user = self._user(frame)
        if user is None:
            return entries
        with entries:
            listed = list(entries)
        listed = self._ordered(listed, lambda entry: entry.name)
        self._note(user, frame, "os.scandir", args, [entry.name for entry in listed])
        return _Entries(listed)

    def _user(self, frame):
        try:
            found, below = self._probe.frames.doing(frame)
            if found is None:
                return None
            for between in (frame, below):
                if between is not None and between is not found:
                    if (between.f_globals.get("__name__") or "").split(".")[0] in _NOT_THE_TRAINING:
                        return None
            return found, below
        except Exception:
            return None

    def _ordered(self, items, name):
        level = self._probe.level(SOURCE)
        if level is None:
            return items
        order = level.value or "sorted"
        if order == "shuffled":
            seed = level.seed or 0
            return sorted(items, key=lambda item: (digest.number(seed, os.fsencode(name(item))), os.fsencode(name(item))))
        return sorted(items, key=lambda item: os.fsencode(name(item)), reverse=order == "reversed")

    def _note(self, user, frame, api, args, names):
        try:
            found, below = user
            lib = library(below)
            if lib is not None and lib.split(".")[0] in _FACES:
                api, lib = lib.split(".")[0] + "." + below.f_code.co_name.lstrip("_"), None
            if not self._sightings.first(api, found):
                return
            names = [os.fsencode(name) for name in names]
            path = os.fsdecode(args[0]) if args and not isinstance(args[0], int) and args[0] is not None else "."
            where = self._probe.frames.place(found, below)
            where.lib = lib
            self._probe.emit("list", SOURCE, where, digest.of_bytes(b"\0".join(names)), {
                "api": api, "path": self._probe.frames.below_root(path)[:1000], "n": len(names),
                "in_order": names == sorted(names)})
        except Exception:
            pass


class _Entries:
    """What os.scandir returns: an iterator that can be closed and used in a with statement."""

    def __init__(self, entries):
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self._entries = iter(())
