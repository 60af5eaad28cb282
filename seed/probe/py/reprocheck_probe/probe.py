"""The probe of one process: what its parts share."""

import sys
from _thread import _local, get_ident

from . import digest
from .frames import Frames
from .identity import Identity
from .imports import Finder
from .origin import Origins
from .sampling import sampled
from .trace import Trace


class _Thread(_local):
    _busy = False
    # The task that this thread works on, and how many values of each source were asked for in it: which thread comes first is chance.
    task = None
    _turns = None
    # Handlers of signals that came meanwhile, with what each is called with.
    held = ()

    def begin(self, task):
        self.task, self._turns = task, {}

    def turn(self, source):
        turn = self._turns[source] = self._turns.get(source, 0) + 1
        return turn

    @property
    def busy(self):
        """True while the probe itself works in this thread: what it calls is not the user's doing."""
        return self._busy

    @busy.setter
    def busy(self, busy):
        self._busy = busy
        if self.held and not busy:
            (handler, number, frame), *rest = self.held
            self.held = tuple(rest)
            try:
                handler(number, frame)  # what it raises is the user's
            finally:
                if rest:
                    self.busy = False


class Probe:
    """Carries the settings, the trace and the state that hooks share; every hook is given it."""

    def __init__(self, settings):
        self.settings = settings
        self.trace = Trace(settings.trace_dir)
        self.frames = Frames(settings.root)
        self.imports = Finder(self.fault)
        self.origins = Origins()
        self.identity = Identity(self)
        self.thread = _Thread()
        self.begin_steps()
        # The task of a pool that a process works on: which process takes it is chance, and no part of derived seeds.
        self.task = None
        self.zoom = None
        self.streams = {}
        self.weights = None
        self.stand_ins = []
        self._main_thread = get_ident()
        self._at_exit = []
        self._finished = False
        self._doubts = []
        self._forked = []
        self._at_task = []

    def install(self):
        """Writes the heartbeat and places every hook."""
        from . import families

        self.identity.begin()
        self.imports.install()
        families.install(self)
        self._register()
        if self.settings.until_step is not None:
            from .zoom import Zoom

            self.zoom = Zoom(self)

    def level(self, source):
        """Returns the settings.Level of a source, or None when it inherits."""
        return self.settings.levels.get(source)

    def derived(self, source, *names):
        """Returns 64 bits made from the level's seed, the process's name or its task, and the names, for a source that has
        a seed."""
        return digest.number(self.level(source).seed, source, self.task or self.identity.name, *names)

    def turn(self, source, turn):
        """Returns what tells a value of a source from the others of the process, or of the thread's task: turn is its number
        in the process."""
        thread = self.thread
        return (turn,) if thread.task is None else (thread.task, thread.turn(source))

    def begin_steps(self):
        """Sets the clock of the process, its optimizer's steps, to none."""
        self.steps = 0
        # Whether the step that is being made is one whose tensors are digested.
        self.close = sampled(0)

    def stepped(self):
        """Moves the clock on by a step."""
        self.steps += 1
        self.close = sampled(self.steps)

    def where(self, frame):
        return self.frames.user(frame)

    def emit(self, kind, stream=None, where=None, value=None, detail=None):
        """Writes one event. where is a frames.Where; value a str."""
        if self._doubts:
            self.resolve()
        event = {"k": kind, "s": self.steps}
        if stream is not None:
            event["r"] = stream
        if where is not None:
            event["f"] = where.file
            event["l"] = where.line
            event["fn"] = where.function
            if where.lib:
                event["lib"] = where.lib
        ident = get_ident()
        if ident != self._main_thread:
            event["th"] = _thread_name(ident)
        if value is not None:
            event["v"] = value
        if detail:
            event["d"] = detail
        self.trace.write(event)

    def fault(self, what, error):
        """Writes that what, a family of hooks, could not be placed: a version of a library that the probe does not know."""
        self.emit("fact", value="%s: %s" % (type(error).__name__, str(error)[:200]), detail={"name": "fault." + what})

    def in_doubt(self, resolve):
        """Has resolve() called before the next event is written: it can tell then what cannot be told yet."""
        self._doubts.append(resolve)

    def resolve(self):
        """Writes what was in doubt."""
        doubts, self._doubts = self._doubts, []
        busy, self.thread.busy = self.thread.busy, True
        try:
            for resolve in doubts:
                try:
                    resolve()
                except Exception:
                    pass
        finally:
            self.thread.busy = busy

    def at_exit(self, call):
        """Has call() made when the process ends in the ordinary way, the last registered first."""
        self._at_exit.append(call)

    def after_fork(self, call):
        """Has call() made in a forked child once it has a trace of its own."""
        self._forked.append(call)

    def at_task(self, call):
        """Has call() made when a process of a pool begins with another task."""
        self._at_task.append(call)

    def begin_task(self, name):
        self.task = name
        for call in self._at_task:
            try:
                call()
            except Exception:
                pass

    def finish(self):
        """Writes what is known at the end of the process. Only the first call in a process does."""
        if self._finished:
            return
        self._finished = True
        calls, self._at_exit = self._at_exit, []
        self.resolve()
        self.thread.busy = True
        try:
            for call in reversed(calls):
                try:
                    call()
                except Exception:
                    pass
        finally:
            self.thread.busy = False
        detail = {"events": self.trace.written + 1}
        # Python leaves here what it prints a traceback of before it ends.
        error = getattr(sys, "last_type", None)
        if error is not None:
            detail["error"] = error.__name__
        self.emit("exit", detail=detail)

    def _register(self):
        import atexit
        import os

        atexit.register(self.finish)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before_fork, after_in_child=self._after_fork)

    def _before_fork(self):
        try:
            self.identity.before_fork()
            self._ends = list(self._at_exit)
        except Exception:
            pass

    def _after_fork(self):
        try:
            self._main_thread = get_ident()
            self._at_exit = self._ends
            self._finished = False
            self.trace.reopen()
            self.identity.after_fork()
            for call in self._forked:
                call()
        except Exception:
            pass


def _thread_name(ident):
    threading = sys.modules.get("threading")
    thread = threading._active.get(ident) if threading is not None else None
    return thread.name if thread is not None else "?"
