"""torch.utils.data: batches, the seeds of workers and of shuffling, and what the workers begin with."""

import sys
from itertools import chain

from . import digest, values
from .sampling import sampled
from .standins import put

SOURCE = "dataloader-workers"
_LIB = "torch.utils.data"


def install(probe):
    probe.imports.when("torch.utils.data.dataloader", lambda module: _watch_loader(probe, module))
    probe.imports.when("torch.utils.data.sampler", lambda module: _watch_shuffle(probe, module))
    probe.imports.when("torch.utils.data._utils.worker", lambda module: _watch_worker(probe, module))


def _torch_stream(probe):
    return probe.streams.get("torch-cpu")


def _drawn(probe, before, frame, api, purpose):
    """Writes a draw of the loader's own, when the global stream has moved since before."""
    stream = _torch_stream(probe)
    if before is None or before == stream.state():
        return
    where = probe.where(frame)
    if where is not None:
        where.lib = _LIB + ".dataloader" if purpose != "shuffle" else _LIB
    stream.drawn(where, api, digest.of_bytes(before), purpose)


def _unordered(probe, loader, frame):
    """Writes that batches are taken as they become ready, and has them taken in order where that is to be pinned."""
    try:
        probe.emit("task", "concurrency", probe.where(frame), None,
                   {"api": "torch.utils.data.DataLoader", "unordered": True, "workers": loader.num_workers})
        level = probe.level("concurrency")
        if level is not None and level.level == "pin":
            loader.in_order = True
    except Exception:
        pass


def _state(probe):
    stream = _torch_stream(probe)
    return stream.guarded(stream.state) if stream is not None else None


def _watch_loader(probe, module):
    base = module._BaseDataLoaderIter
    thread = probe.thread
    made = base.__init__
    count = {"iterators": 0}

    def __init__(self, loader, *args, **kwargs):
        if not thread.busy and not getattr(loader, "in_order", True) and loader.num_workers > 1:
            _unordered(probe, loader, sys._getframe(1))
        before = None if thread.busy else _state(probe)
        busy, thread.busy = thread.busy, True
        try:
            made(self, loader, *args, **kwargs)
        finally:
            thread.busy = busy
        if busy:
            return
        try:
            workers = getattr(self, "_num_workers", 0)
            frame = sys._getframe(1)
            _drawn(probe, before, frame, "DataLoader", "worker-base-seed" if workers else "unused-base-seed")
            level = probe.level(SOURCE)
            if level is not None and level.seed is not None and getattr(loader, "generator", None) is None:
                # The draw has been made, so that the user's own stream goes on as it would have.
                count["iterators"] += 1
                self._base_seed = probe.derived(SOURCE, count["iterators"]) >> 1
        except Exception:
            pass

    put((base,), "__init__", made, __init__)

    next_batch = base.__next__
    seen = {"step": -1, "in_step": 0, "n": 0}

    def __next__(self):
        batch = next_batch(self)
        if thread.busy:
            return batch
        number = seen["n"]
        seen["n"] += 1
        if not probe.close:
            return batch
        if seen["step"] != probe.steps:
            seen["step"], seen["in_step"] = probe.steps, 0
        seen["in_step"] += 1
        if sampled(seen["in_step"] - 1):
            thread.busy = True
            try:
                probe.emit("batch", where=probe.where(sys._getframe(1)), value=values.of_batch(batch),
                           detail={"n": number})
            except Exception:
                pass
            finally:
                thread.busy = False
        return batch

    put((base,), "__next__", next_batch, __next__)


def _watch_shuffle(probe, module):
    for name in ("RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler"):
        kind = getattr(module, name, None)
        if kind is not None:
            _watch_sampler(probe, kind, name)


def _watch_sampler(probe, kind, name):
    original = kind.__iter__
    thread = probe.thread

    def first_of(sampler, indices):
        # The seed of the order is drawn when the first index is asked for.
        if thread.busy or getattr(sampler, "generator", None) is not None:
            return
        before = _state(probe)
        thread.busy = True
        try:
            try:
                first = next(indices)
            except StopIteration:
                return
        finally:
            thread.busy = False
        try:
            _drawn(probe, before, sys._getframe(1), name, "shuffle")
        except Exception:
            pass
        yield first

    def __iter__(self):
        indices = original(self)
        # All others come without a line of Python between.
        return chain(first_of(self, indices), indices)

    put((kind,), "__iter__", original, __iter__)


def _watch_worker(probe, module):
    """Has each worker say what it begins with, before its worker_init_fn and its first sample."""
    original = module._worker_loop

    def _worker_loop(dataset_kind, dataset, index_queue, data_queue, done_event, auto_collation, collate_fn, drop_last,
                     base_seed, init_fn, worker_id, *args, **kwargs):
        probe.identity.worker(worker_id)
        begin = _Begin(probe, init_fn, base_seed, worker_id)
        return original(dataset_kind, dataset, index_queue, data_queue, done_event, auto_collation, collate_fn,
                        drop_last, base_seed, begin, worker_id, *args, **kwargs)

    put((module,), "_worker_loop", original, _worker_loop)


class _Begin:
    """A worker_init_fn that calls the user's own, then writes the state that the worker begins with."""

    def __init__(self, probe, users, base_seed, number):
        self._probe = probe
        self._users = users
        self._base_seed = base_seed
        self._number = number

    def __call__(self, worker_id):
        if self._users is not None:
            self._users(worker_id)
        probe = self._probe
        try:
            states = {name: stream.digest() for name, stream in probe.streams.items()}
            text = ",".join("%s=%s" % item for item in sorted(states.items()))
            detail = {"id": self._number, "seed": str(self._base_seed), "init_fn": self._users is not None}
            detail.update(states)
            probe.emit("worker", SOURCE, value=digest.of_text("%d:%s" % (self._base_seed, text)), detail=detail)
        except Exception:
            pass
