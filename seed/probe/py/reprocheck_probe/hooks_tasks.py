"""Threads and processes that a program starts, and results that it takes in the order of their completion."""

import sys

from .sightings import Sightings, Watched

SOURCE = "concurrency"

_OF_A_LINE = 8
# The standard library's own helper threads and processes are not the user's concurrency.
_FACES = ("concurrent", "multiprocessing", "threading", "asyncio")


def install(probe):
    tasks = _Tasks(probe)
    when = probe.imports.when
    when("concurrent.futures._base", tasks.watch_futures)
    when("concurrent.futures.thread", lambda module: tasks.watch_executor(module, "ThreadPoolExecutor"))
    when("concurrent.futures.process", lambda module: tasks.watch_executor(module, "ProcessPoolExecutor"))
    when("concurrent.futures.process", lambda module: _number_tasks(probe, module, "_process_worker", lambda call: call.work_id))
    when("multiprocessing.pool", lambda module: _number_tasks(probe, module, "worker", lambda task: task[:2]))
    when("multiprocessing.pool", tasks.watch_pool)
    when("multiprocessing.process", tasks.watch_process)
    when("threading", tasks.watch_threads)
    when("asyncio.tasks", tasks.watch_asyncio)


class _Tasks:
    def __init__(self, probe):
        self._probe = probe
        self._sightings = Sightings(probe, _OF_A_LINE)
        level = probe.level(SOURCE)
        self._pinned = level is not None and level.level == "pin"
        self._serial = self._pinned and level.value == "serial"

    def _note(self, frame, api, direct=False, **detail):
        """Writes a task; direct: only when the user's line itself made the call."""
        thread = self._probe.thread
        if thread.busy:
            return
        thread.busy = True
        try:
            found, below = self._probe.frames.doing(frame)
            if found is None:
                return
            where = self._probe.frames.place(found, below)
            if where.lib is not None and where.lib.split(".")[0] in _FACES:
                where.lib = None
                if direct:
                    return
            if direct and where.lib is not None and where.lib.split(".")[0] in ("torch", "subprocess", "tqdm"):
                return
            if self._sightings.first(api, found):
                detail["api"] = api
                self._probe.emit("task", SOURCE, where, None, detail)
        except Exception:
            pass
        finally:
            thread.busy = False

    def watch_futures(self, base):
        note, pinned = self._note, self._pinned

        def as_completed(original, frame, args, kwargs):
            note(frame, "concurrent.futures.as_completed", unordered=True)
            if not pinned:
                return original(*args, **kwargs)
            return _in_order(list(args[0] if args else kwargs["fs"]))

        def wait(original, frame, args, kwargs):
            note(frame, "concurrent.futures.wait", unordered=True)
            return original(*args, **kwargs)

        Watched(self._probe, base, "as_completed", as_completed)
        Watched(self._probe, base, "wait", wait)
        package = sys.modules.get("concurrent.futures")
        for name in ("as_completed", "wait"):
            if package is not None and hasattr(package, name):
                setattr(package, name, getattr(base, name))

    def watch_executor(self, module, name):
        kind = getattr(module, name)
        original = kind.__init__
        note, pinned = self._note, self._pinned

        def __init__(self, max_workers=None, *args, **kwargs):
            note(sys._getframe(1), "concurrent.futures." + name, workers=max_workers)
            original(self, 1 if pinned else max_workers, *args, **kwargs)

        __init__.__wrapped__ = original
        kind.__init__ = __init__

    def watch_pool(self, module):
        kind = module.Pool
        note, pinned = self._note, self._pinned
        original = kind.__init__

        def __init__(self, processes=None, *args, **kwargs):
            note(sys._getframe(1), "multiprocessing.pool." + type(self).__name__, workers=processes)
            original(self, 1 if pinned else processes, *args, **kwargs)

        __init__.__wrapped__ = original
        kind.__init__ = __init__
        unordered = kind.imap_unordered

        def imap_unordered(self, *args, **kwargs):
            note(sys._getframe(1), "multiprocessing.pool.imap_unordered", unordered=True)
            return (self.imap if pinned else unordered.__get__(self))(*args, **kwargs)

        imap_unordered.__wrapped__ = unordered
        kind.imap_unordered = imap_unordered

    def watch_process(self, module):
        kind = module.BaseProcess
        original = kind.start
        note, serial = self._note, self._serial

        def start(self):
            note(sys._getframe(1), "multiprocessing.Process.start", direct=True)
            original(self)
            if serial and not self.daemon:
                self.join()

        start.__wrapped__ = original
        kind.start = start

    def watch_threads(self, module):
        kind = module.Thread
        original = kind.start
        note, serial = self._note, self._serial
        probe = self._probe

        def start(self):
            frame = sys._getframe(1)
            note(frame, "threading.Thread.start", direct=True)
            original(self)
            if serial and not self.daemon and probe.frames.is_user(frame):
                self.join()

        start.__wrapped__ = original
        start.__doc__ = original.__doc__
        kind.start = start

    def watch_asyncio(self, module):
        note = self._note

        def noted(api):
            def call(original, frame, args, kwargs):
                note(frame, api, unordered=api != "asyncio.gather")
                return original(*args, **kwargs)

            return call

        for name in ("as_completed", "gather", "wait"):
            Watched(self._probe, module, name, noted("asyncio." + name))


def _number_tasks(probe, module, name, number):
    """Has a process of a pool begin each task in the same pinned state, whichever process takes it.

    The worker gets its tasks from the queue that is its first argument; number(task) tells which one it is."""
    if not any(level.level == "pin" for level in probe.settings.levels.values()):
        return
    original = getattr(module, name)

    def worker(queue, *args, **kwargs):
        # A pool of threads has no pipe, and one state for all of them.
        if hasattr(queue, "_reader"):
            get = queue.get

            def next_task(*args, **kwargs):
                task = get(*args, **kwargs)
                if task is not None:
                    probe.begin_task("task-%r" % (number(task),))
                return task

            queue.get = next_task
        return original(queue, *args, **kwargs)

    # The child is told by name what to run.
    worker.__name__ = worker.__qualname__ = name
    worker.__module__ = original.__module__
    worker.__wrapped__ = original
    setattr(module, name, worker)


def _in_order(futures):
    for future in futures:
        # Waits without raising what the task raised: that is for the user's result() to do.
        future.exception() if not future.cancelled() else None
        yield future
