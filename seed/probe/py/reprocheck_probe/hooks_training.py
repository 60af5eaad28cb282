"""The state of a training: what two runs are compared by.

An optimizer's step is the clock. At sampled steps the loss, the gradients, the parameters and the streams are digested.
"""

import sys
import weakref

from . import devices, digest, hooks_torch, tensors
from .sampling import sampled
from .standins import put

# Digests listed one by one; the value covers all tensors.
_LISTED = 64
# Steps after which the streams' states are written; later only after powers of two.
_STREAMS_DENSELY = 8
# backward calls written for one step.
_BACKWARDS = 32


def install(probe):
    probe.imports.when("torch.optim.optimizer", lambda module: _Optimizers(probe, module))
    probe.imports.when("torch", lambda module: _watch_backward(probe, module))


class _Optimizers:
    """Watches every torch.optim.Optimizer."""

    def __init__(self, probe, module):
        self._probe = probe
        self._alive = []
        self._rates = {}  # by optimizer: the rates that were written, and how often they had changed when none were to be
        self._facts = False
        probe.at_exit(self._end)
        probe.after_fork(self._after_fork)
        original = module.Optimizer.__init__
        watch = self

        def __init__(self, *args, **kwargs):
            original(self, *args, **kwargs)
            watch.made(self, sys._getframe(1))

        put((module.Optimizer,), "__init__", original, __init__)

    def made(self, optimizer, frame):
        probe = self._probe
        thread = probe.thread
        if thread.busy:
            return
        thread.busy = True
        try:
            self._watch_step(type(optimizer))
            self._alive.append(weakref.ref(optimizer))
            # It may lie where one did that is gone.
            self._rates.pop(id(optimizer), None)
            parameters = _parameters(optimizer)
            event = _digested(parameters, None, type(optimizer).__name__)
            if probe.steps == 0 and probe.weights is not None:
                overwritten = probe.weights.overwritten(parameters)
                if overwritten:
                    event["detail"]["overwritten"] = overwritten
            probe.emit("init", where=probe.where(frame), **event)
        except Exception:
            pass
        finally:
            thread.busy = False

    def _watch_step(self, kind):
        """Replaces the step of an optimizer's class, once, and after torch has wrapped it for its own hooks."""
        original = kind.step
        if getattr(original, "_reprocheck", False):
            return
        watch = self
        probe = self._probe
        thread = probe.thread

        def step(self, *args, **kwargs):
            # An optimizer that calls another's step, or its own base class's, makes one step.
            if thread.busy or getattr(thread, "stepping", False):
                return original(self, *args, **kwargs)
            thread.stepping = True
            try:
                close = probe.close
                if close:
                    watch.before(self, sys._getframe(1))
                result = original(self, *args, **kwargs)
                probe.stepped()
                if close or watch.moved(self):
                    watch.after(self, sys._getframe(1), close)
                if probe.zoom is not None:
                    probe.zoom.stepped()
                return result
            finally:
                thread.stepping = False

        # Schedulers and torch itself look for marks on the function.
        vars(step).update(vars(original))
        put((kind,), "step", original, step)
        step._reprocheck = True

    def before(self, optimizer, frame):
        probe = self._probe
        thread = probe.thread
        thread.busy = True
        try:
            if not self._facts:
                self._facts = True
                _write_facts(probe)
            if devices.capturing(sys.modules["torch"]):
                return
            gradients = [parameter.grad for parameter in _parameters(optimizer)]
            probe.emit("grad", where=probe.where(frame), **_digested(gradients, tensors.BUDGET))
        except Exception:
            pass
        finally:
            thread.busy = False

    def moved(self, optimizer):
        """Reports whether the learning rates have changed since they were written, and are to be written although the step
        is not a sampled one. A schedule changes them at every step: of those steps ever fewer are written, as of all."""
        try:
            known = self._rates.get(id(optimizer))
            if known is None:
                return True
            rates = [group.get("lr") for group in optimizer.param_groups]
            for rate in rates:
                # A rate that is a tensor is read at sampled steps only: reading it may wait for a device.
                if type(rate) is not float:
                    return False
            if rates == known[0]:
                return False
            known[1] += 1
            return sampled(known[1] - 1)
        except Exception:
            return False

    def after(self, optimizer, frame, close):
        """Writes the learning rates when they have changed, and after a sampled step the state."""
        probe = self._probe
        thread = probe.thread
        thread.busy = True
        try:
            if devices.capturing(sys.modules["torch"]):
                return
            where = probe.where(frame)
            rates = [group.get("lr") for group in optimizer.param_groups]
            known = self._rates.setdefault(id(optimizer), [None, 0])
            plain = all([type(rate) is float for rate in rates])
            if not plain or rates != known[0]:
                known[0] = rates if plain else None
                if plain or close:
                    probe.emit("lr", where=where, value=",".join([repr(float(rate)) for rate in rates if rate is not None]))
            if close:
                probe.emit("params", where=where, **_digested(_parameters(optimizer), tensors.BUDGET))
                if probe.steps <= _STREAMS_DENSELY or probe.steps & (probe.steps - 1) == 0:
                    for stream in list(probe.streams.values()):
                        stream.boundary("step")
        except Exception:
            pass
        finally:
            thread.busy = False

    def _after_fork(self):
        # The parent's optimizers are the parent's to report.
        self._alive.clear()
        self._facts = False
        self._probe.begin_steps()

    def _end(self):
        if not self._facts and self._alive:
            _write_facts(self._probe)
        for reference in self._alive:
            optimizer = reference()
            if optimizer is not None:
                self._probe.emit("final", **_digested(_parameters(optimizer), None, type(optimizer).__name__))


def _parameters(optimizer):
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _digested(parameters, budget, optimizer=None):
    digests = tensors.of_list(parameters, budget)
    detail = {"tensors": digests[:_LISTED], "n": len(digests)}
    if optimizer:
        detail["optimizer"] = optimizer
    return {"value": digest.of_text(",".join(digests)), "detail": detail}


def _write_facts(probe):
    for name, value in hooks_torch.facts(sys.modules["torch"]).items():
        probe.emit("fact", value=value, detail={"name": name})


def _watch_backward(probe, torch):
    thread = probe.thread
    seen = {"step": -1, "n": 0}

    def loss(tensor, frame):
        if seen["step"] != probe.steps:
            seen["step"], seen["n"] = probe.steps, 0
        seen["n"] += 1
        if seen["n"] > _BACKWARDS or not isinstance(tensor, torch.Tensor):
            return
        thread.busy = True
        try:
            if devices.capturing(torch):
                return
            detail = None
            if tensor.numel() == 1:
                tensor = tensor.detach().cpu()
                detail = {"value": repr(tensor.item())}
            probe.emit("loss", where=probe.where(frame), value=tensors.of_tensor(tensor), detail=detail)
        except Exception:
            pass
        finally:
            thread.busy = False

    original = torch.Tensor.backward

    def backward(self, *args, **kwargs):
        if probe.close and not thread.busy:
            loss(self, sys._getframe(1))
        return original(self, *args, **kwargs)

    put((torch.Tensor,), "backward", original, backward)

    package = torch.autograd
    whole = package.backward

    def of_many(tensors, *args, **kwargs):
        frame = sys._getframe(1)
        # Tensor.backward calls this function too; that call has been written already.
        if probe.close and not thread.busy and frame.f_code.co_filename != torch._tensor.__file__:
            for tensor in tensors if isinstance(tensors, (list, tuple)) else (tensors,):
                loss(tensor, frame)
        return whole(tensors, *args, **kwargs)

    put((package,), "backward", whole, of_many)
