"""cuDNN's flags: kept where a level asks for it, and the convolutions that run on a GPU while they are in force."""

import sys

from . import hooks_torch
from .sightings import Calls, Sightings

BENCHMARK = "cudnn-benchmark"
DETERMINISTIC = "cudnn-deterministic"

_OF_A_LINE = 4
_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def install(probe):
    probe.imports.when("torch", lambda torch: _hook(probe, torch))


def _hook(probe, torch):
    benchmark = _Flag(probe, torch, "benchmark", BENCHMARK, pinned=False)
    deterministic = _Flag(probe, torch, "deterministic", DETERMINISTIC, pinned=True)
    if hooks_torch.has_gpu():
        _watch(probe, torch, benchmark, deterministic)


class _Flag:
    """A flag of torch.backends.cudnn. place is the user's line that set it last, as a frames.Where, or None."""

    def __init__(self, probe, torch, name, source, pinned):
        self.place = None
        function = "_set_cudnn_" + name
        original = getattr(torch._C, function)
        level = probe.level(source)
        kept = None if level is None else pinned is (level.level == "pin")
        if kept is not None:
            original(kept)

        def setting(value):
            if kept is not None:
                return original(kept)
            result = original(value)
            if not probe.thread.busy:
                try:
                    self.place = probe.where(sys._getframe(1))
                except Exception:
                    pass
            return result

        setting.__name__ = function
        setting.__wrapped__ = original
        setattr(torch._C, function, setting)
        # The attribute has taken the function into a name of its own.
        prop = vars(type(torch.backends.cudnn)).get(name)
        if getattr(prop, "setter", None) is original:
            prop.setter = setting


def _watch(probe, torch, benchmark, deterministic):
    sightings = Sightings(probe, _OF_A_LINE)
    cudnn = torch.backends.cudnn

    def emit(source, op, place):
        probe.emit("op", source, place, None, {"op": op})

    def convolution(op):
        def look(frame, args, kwargs):
            tensor = args[0] if args else kwargs.get("input")
            if not tensor.is_cuda or not cudnn.enabled:
                return
            found, below = probe.frames.search(frame)
            if found is None or not sightings.first(op, found):
                return
            place = probe.frames.place(found, below)
            if cudnn.benchmark:
                emit(BENCHMARK, op, benchmark.place or place)
            if not cudnn.deterministic and not torch.are_deterministic_algorithms_enabled():
                emit(DETERMINISTIC, op, place)

        return look

    for name in _CONVOLUTIONS:
        Calls(probe, torch.nn.functional, name, convolution(name))
        Calls(probe, torch, name, convolution(name))
