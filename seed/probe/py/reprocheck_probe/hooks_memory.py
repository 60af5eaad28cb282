"""Memory that a user's line asks for without giving it a value."""

import os

from .sightings import Calls, Sightings, Watched

SOURCE = "uninitialised-memory"

_OF_A_LINE = 4

# NumPy keeps blocks of less than 1024 bytes for itself, and the GNU C library those of up to 1032 in each thread: neither
# is filled again when it is handed out once more. malloc fills what is larger.
_UNFILLED = 1040


def install(probe):
    sightings = Sightings(probe, _OF_A_LINE)

    def asked(api):
        name = api.rsplit(".", 1)[1]

        def look(frame, args, kwargs):
            # A library that asks for memory fills it; a user's line that does is worth a look. NumPy's compiled code
            # asks too, without a frame of its own: then the user's code does not so much as name the function.
            named = name in frame.f_code.co_names or name in frame.f_code.co_freevars
            if named and probe.frames.is_user(frame) and sightings.first(api, frame):
                probe.emit("empty", SOURCE, probe.where(frame), None, {"api": api})

        return look

    def watch_torch(torch):
        for name in ("empty", "empty_like", "empty_strided"):
            Calls(probe, torch, name, asked("torch." + name))
        for name in ("new_empty", "resize_"):
            Calls(probe, torch.Tensor, name, asked("torch.Tensor." + name), method=True)

    def watch_numpy(numpy):
        for name in ("empty", "empty_like"):
            if probe.level(SOURCE) is not None:
                Watched(probe, numpy, name, _filled)
            Calls(probe, numpy, name, asked("numpy." + name))

    probe.imports.when("torch", watch_torch)
    probe.imports.when("numpy", watch_numpy)


def _filled(original, frame, args, kwargs):
    array = original(*args, **kwargs)
    try:
        # Python's objects, and NumPy's strings of any length, are never left without a value.
        if 0 < array.nbytes <= _UNFILLED and array.dtype.kind in "biufcSUVmM" and not array.dtype.hasobject:
            from ctypes import memset

            memset(array.ctypes.data, ~int(os.environ["MALLOC_PERTURB_"]) & 255, array.nbytes)
    except Exception:
        pass
    return array
