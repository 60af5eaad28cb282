"""Threads and processes that a program starts, and results that it takes in the order of their completion."""

import sys

from .sightings import Calls, Sightings, Watched
from .standins import put

SOURCE = "concurrency"

_OF_A_LINE = 8
# Results whose order of completion is written for a line.
_COMPLETIONS = 32
# The standard library's own helper threads and processes are not the user's concurrency.
_FACES = ("concurrent", "multiprocessing", "threading", "asyncio")


def install(probe):
    tasks = _Tasks(probe)
    when = probe.imports.when
    when("concurrent.futures._base", tasks.watch_futures)
    when("concurrent.futures.thread", lambda module: tasks.watch_executor(module, "ThreadPoolExecutor"))
    when("concurrent.futures.process", lambda module: tasks.watch_executor(module, "ProcessPoolExecutor"))
    if tasks.delays is not None:
        when("concurrent.futures.thread", lambda module: tasks.delays.before(module._WorkItem, "run"))
        when("threading", lambda module: _delay_threads(probe, module, tasks.delays))
        when("multiprocessing.process", lambda module: tasks.delays.before(module.BaseProcess, "run"))
    when("concurrent.futures.process", lambda module: _number_tasks(probe, module, "_process_worker", lambda call: call.work_id, tasks.delays))
    when("multiprocessing.pool", lambda module: _number_tasks(probe, module, "worker", lambda task: task[:2], tasks.delays))
    if any(level.level == "pin" for level in probe.settings.levels.values()):
        when("concurrent.futures.thread", lambda module: _begin_in_thread(probe, module._WorkItem, "run", lambda item: _number(item.future)))
        when("threading", lambda module: _begin_threads(probe, module))
        when("joblib.parallel", lambda module: _begin_items(probe, module.BatchedCalls))
    when("multiprocessing.pool", tasks.watch_pool)
    when("multiprocessing.process", tasks.watch_process)
    when("threading", tasks.watch_threads)
    when("asyncio.tasks", tasks.watch_asyncio)
    when("asyncio.base_events", lambda module: tasks.watch_begun(module.BaseEventLoop, "create_task", "asyncio.create_task", True))
    when("asyncio.taskgroups", lambda module: tasks.watch_begun(module.TaskGroup, "create_task", "asyncio.TaskGroup.create_task", True))
    when("subprocess", tasks.watch_subprocess)
    when("multiprocessing.popen_fork", lambda module: _watch_kills(probe, module.Popen))


class _Tasks:
    def __init__(self, probe):
        self._probe = probe
        self._sightings = Sightings(probe, _OF_A_LINE)
        self._completions = Sightings(probe, _COMPLETIONS)
        self._futures = 0
        level = probe.level(SOURCE)
        self._pinned = level is not None and level.level == "pin"
        self.delays = _Delays(int(level.value or 0)) if level is not None and level.level == "vary" else None

    def _note(self, frame, api, direct=False, **detail):
        """Writes a task; direct: only when the user's line itself made the call."""
        thread = self._probe.thread
        if thread.busy:
            return
        thread.busy = True
        try:
            self._write(frame, api, direct, detail)
        except Exception:
            pass
        finally:
            thread.busy = False

    def _write(self, frame, api, direct, detail):
        found, below = self._probe.frames.doing(frame)
        if found is None:
            return
        where = self._probe.frames.place(found, below)
        if where.lib is not None and where.lib.split(".")[0] in _FACES:
            where.lib = None
            if direct:
                return
        if direct and where.lib is not None and where.lib.split(".")[0] in ("torch", "subprocess", "tqdm", "IPython"):
            return
        if self._sightings.first(api, found):
            detail["api"] = api
            self._probe.emit("task", SOURCE, where, None, detail)

    def _completed(self, frame, api, number):
        """Writes which of several results was taken next."""
        thread = self._probe.thread
        if thread.busy:
            return
        thread.busy = True
        try:
            found, below = self._probe.frames.doing(frame)
            if found is not None and self._completions.first(api, found):
                where = self._probe.frames.place(found, below)
                if where.lib is not None and where.lib.split(".")[0] in _FACES:
                    where.lib = None
                self._probe.emit("task", SOURCE, where, str(number), {"api": api, "unordered": True})
        except Exception:
            pass
        finally:
            thread.busy = False

    def watch_futures(self, base):
        note, completed, pinned = self._note, self._completed, self._pinned
        self._number_futures(base.Future)

        def as_completed(original, frame, args, kwargs):
            api = "concurrent.futures.as_completed"
            note(frame, api, unordered=True)
            if pinned:
                return _in_order(sorted(set(args[0] if args else kwargs["fs"]), key=_number))
            futures = list(args[0] if args else kwargs.pop("fs"))
            return told(frame, api, min(map(_number, futures), default=0), original(futures, *args[1:], **kwargs))

        def told(frame, api, first, futures):
            for future in futures:
                completed(frame, api, _number(future) - first)
                yield future

        def wait(original, frame, args, kwargs):
            api = "concurrent.futures.wait"
            note(frame, api, unordered=True)
            futures = sorted(set(args[0] if args else kwargs.pop("fs")), key=_number)
            rest = args[1:]
            if not pinned:
                done, waiting = result = original(futures, *rest, **kwargs)
                if futures:
                    first = _number(futures[0])
                    completed(frame, api, " ".join(str(_number(future) - first) for future in sorted(done, key=_number)))
                return result
            when = kwargs.get("return_when", rest[1] if len(rest) > 1 else None)
            if when == base.FIRST_COMPLETED and futures:
                done, waiting = original(futures[:1], *rest, **kwargs)
                waiting |= set(futures[1:])
            else:
                done, waiting = original(futures, *rest, **kwargs)
            return base.DoneAndNotDoneFutures(_Numbered(done), _Numbered(waiting))

        Watched(self._probe, base, "as_completed", as_completed)
        Watched(self._probe, base, "wait", wait)
        package = sys.modules.get("concurrent.futures")
        for name in ("as_completed", "wait"):
            if package is not None and hasattr(package, name):
                setattr(package, name, getattr(base, name))

    def _number_futures(self, kind):
        """Numbers futures in the order of their making, which is that of their submission."""
        original = kind.__init__

        def __init__(self, *args, **kwargs):
            original(self, *args, **kwargs)
            tasks._futures += 1
            self._reprocheck_number = tasks._futures

        tasks = self
        put((kind,), "__init__", original, __init__)

    def watch_executor(self, module, name):
        kind = getattr(module, name)
        original = kind.__init__
        note, pinned = self._note, self._pinned

        def __init__(self, max_workers=None, *args, **kwargs):
            note(sys._getframe(1), "concurrent.futures." + name, workers=max_workers)
            original(self, 1 if pinned else max_workers, *args, **kwargs)

        put((kind,), "__init__", original, __init__)

    def watch_pool(self, module):
        kind = module.Pool
        note, pinned = self._note, self._pinned
        original = kind.__init__

        def __init__(self, processes=None, *args, **kwargs):
            note(sys._getframe(1), "multiprocessing.pool." + type(self).__name__, workers=processes)
            original(self, 1 if pinned else processes, *args, **kwargs)

        put((kind,), "__init__", original, __init__)
        unordered = kind.imap_unordered

        def imap_unordered(self, *args, **kwargs):
            note(sys._getframe(1), "multiprocessing.pool.imap_unordered", unordered=True)
            return (self.imap if pinned else unordered.__get__(self))(*args, **kwargs)

        put((kind,), "imap_unordered", unordered, imap_unordered)
        if not pinned:
            self._watch_iterator(module.IMapUnorderedIterator)

    def _watch_iterator(self, kind):
        completed = self._completed
        hand_over, take = kind._set, kind.next

        def _set(self, number, result):
            # One thread hands the results over, in this order.
            self.__dict__.setdefault("_reprocheck_numbers", []).append(number)
            hand_over(self, number, result)

        def next(self, timeout=None):
            result = take(self, timeout)
            numbers = self.__dict__.get("_reprocheck_numbers")
            if numbers:
                completed(sys._getframe(1), "multiprocessing.pool.imap_unordered", numbers.pop(0))
            return result

        kind._set, kind.next, kind.__next__ = _set, next, next

    def watch_process(self, module):
        kind = module.BaseProcess
        original = kind.start
        note = self._note

        def start(self):
            note(sys._getframe(1), "multiprocessing.Process.start", direct=True)
            original(self)

        put((kind,), "start", original, start)

    def watch_subprocess(self, module):
        """A line that makes a Popen of its own goes on beside it; one that calls subprocess.run waits."""
        kind = module.Popen
        original = kind.__init__
        note = self._note

        def __init__(self, *args, **kwargs):
            note(sys._getframe(1), "subprocess.Popen", direct=True)
            original(self, *args, **kwargs)

        put((kind,), "__init__", original, __init__)

    def watch_threads(self, module):
        kind = module.Thread
        original = kind.start
        note = self._note

        def start(self):
            timer = {"timer": True} if isinstance(self, module.Timer) else {}
            note(sys._getframe(1), "threading.Thread.start", direct=True, **timer)
            original(self)

        put((kind,), "start", original, start)

    def watch_asyncio(self, module):
        note = self._note

        def noted(api):
            def call(original, frame, args, kwargs):
                note(frame, api, unordered=api != "asyncio.gather")
                return original(*args, **kwargs)

            return call

        for name in ("as_completed", "gather", "wait"):
            Watched(self._probe, module, name, noted("asyncio." + name))
        for name in ("create_task", "ensure_future"):
            self.watch_begun(module, name, "asyncio." + name)

    def watch_begun(self, owner, name, api, method=False):
        """Writes where the user's own lines begin a task of an event loop: asyncio's begin one for nearly everything."""
        Calls(self._probe, owner, name, lambda frame, args, kwargs: self._write(frame, api, True, {}), method)


def _watch_kills(probe, kind):
    """Writes the pid of each process that this one ends: a pool's may not have begun yet."""
    original = kind._send_signal

    def _send_signal(self, sig):
        if self.returncode is None:
            probe.emit("killed", detail={"pid": self.pid})
        return original(self, sig)

    put((kind,), "_send_signal", original, _send_signal)


def _number_tasks(probe, module, name, number, delays):
    """Has a process of a pool begin each task in the same pinned state, whichever process takes it, or with a delay, and tell
    what is in doubt before it hands over a result: it may be killed for want of work.

    The worker gets its tasks from the queue that is its first argument, and puts their results into the second; number(task)
    tells which one it is."""
    original = getattr(module, name)
    pinned = any(level.level == "pin" for level in probe.settings.levels.values())

    def worker(tasks, results, *args, **kwargs):
        if not hasattr(tasks, "_reader"):
            # A pool of threads, with one state for all of them.
            tasks = _Begun(probe, tasks, number) if pinned else tasks
        else:
            get, hand_over = tasks.get, results.put

            def next_task(*args, **kwargs):
                task = get(*args, **kwargs)
                if task is not None:
                    if delays is not None:
                        delays.wait(task[1] if type(task) is tuple else task.work_id)
                    probe.begin_task("task-%r" % (number(task),))
                return task

            def put_result(*args, **kwargs):
                probe.resolve()
                return hand_over(*args, **kwargs)

            if pinned or delays is not None:
                tasks.get = next_task
            results.put = put_result
        return original(tasks, results, *args, **kwargs)

    # The child is told by name what to run.
    put((module,), name, original, worker)


class _Begun:
    """The tasks of a pool of threads, each of which begins where it is taken."""

    def __init__(self, probe, tasks, number):
        self._probe = probe
        self._tasks = tasks
        self._task = number

    def get(self):
        task = self._tasks.get()
        if task is not None:
            self._probe.thread.begin("task-%r" % (self._task(task),))
        return task


def _begin_in_thread(probe, kind, name, number):
    """Has each call of a method begin a task of the thread that makes it."""
    original = getattr(kind, name)

    def begun(self, *args, **kwargs):
        probe.thread.begin("task-%d" % number(self))
        return original(self, *args, **kwargs)

    put((kind,), name, original, begun)


def _begin_threads(probe, module):
    """Has threads that a user's line starts begin a task each, in the order in which they are started."""
    original = module.Thread.start
    started = [0]

    def start(self):
        found, below = probe.frames.search(sys._getframe(1))
        if found is not None and below is None:
            started[0] += 1
            run, number = self.run, started[0]

            def begun():
                probe.thread.begin("thread-%d" % number)
                run()

            self.run = begun
        return original(self)

    put((module.Thread,), "start", original, start)


def _begin_items(probe, kind):
    """Has the calls that joblib hands out begin a task each, in the order in which they were made."""
    original = kind.__init__
    made = [0]

    def __init__(self, *args, **kwargs):
        original(self, *args, **kwargs)
        for i, (call, *rest) in enumerate(self.items):
            if not isinstance(call, JoblibItem):  # one that another process made
                made[0] += 1
                self.items[i] = (JoblibItem(call, made[0]), *rest)

    put((kind,), "__init__", original, __init__)
    JoblibItem.probe = probe


class JoblibItem:
    """A call of joblib's, which begins a task where it is made: in a thread, or in a process of its own."""

    probe = None

    def __init__(self, call, number):
        self._call = call
        self._number = number

    def __call__(self, *args, **kwargs):
        probe, task = JoblibItem.probe, "joblib-%d" % self._number
        if probe is not None:
            from multiprocessing import parent_process

            if parent_process() is None:
                probe.thread.begin(task)
            else:
                probe.begin_task(task)
        return self._call(*args, **kwargs)


class _Delays:
    """Has work that goes on at the same time begin later, the first part the latest, so that it ends in another order."""

    _STEP = 0.01
    _ORDERS = 5
    # Parts that are delayed.
    _MOST = 200

    def __init__(self, seed):
        from time import sleep

        self._seed = seed
        self._parts = 0
        self._sleep = sleep

    def wait(self, number=None):
        part = self.next()
        if part < self._MOST:
            self._sleep(self._STEP * (self._ORDERS - 1 - ((part if number is None else number) + self._seed) % self._ORDERS))

    def next(self):
        self._parts += 1
        return self._parts - 1

    def before(self, kind, name):
        """Delays each call of a method."""
        original = getattr(kind, name)
        delays = self

        def delayed(self, *args, **kwargs):
            identity = getattr(self, "_identity", None)
            delays.wait(identity[-1] - 1 if identity else None)
            return original(self, *args, **kwargs)

        delayed.__wrapped__ = original
        setattr(kind, name, delayed)


def _delay_threads(probe, module, delays):
    """Delays threads that a user's line starts."""
    original = module.Thread.start

    def start(self):
        found, below = probe.frames.search(sys._getframe(1))
        if found is not None and below is None:
            run, number = self.run, delays.next()

            def late():
                delays.wait(number)
                run()

            self.run = late
        return original(self)

    start.__wrapped__ = original
    start.__doc__ = original.__doc__
    module.Thread.start = start


def _number(future):
    return getattr(future, "_reprocheck_number", 0)


class _Numbered(set):
    """A set of futures that is walked in the order of their submission."""

    def __iter__(self):
        return iter(sorted(set.__iter__(self), key=_number))


def _in_order(futures):
    for future in futures:
        # Waits without raising what the task raised: that is for the user's result() to do.
        future.exception() if not future.cancelled() else None
        yield future
