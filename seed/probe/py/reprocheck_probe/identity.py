"""Says which process of the run this one is."""

import os
import sys

from .settings import PROTOCOL

# Ancestors further away than this are not looked for.
_FURTHEST = 16


class Identity:
    """Names the process. name is the last identity given, "" before there is one; it is part of derived seeds."""

    def __init__(self, probe):
        self._probe = probe
        self.name = ""
        self._forks = 0
        self._forked_by_multiprocessing = False

    def begin(self):
        """Writes the heartbeat of a process that Python has just been started in."""
        parent, via = _ancestor(self._probe.settings.trace_dir)
        self._heartbeat(parent, via)
        helper = _helper()
        if helper:
            self._give(helper)
        elif parent:
            # The number is the parent's to tell, by the "child" event that names via. Ranks tell siblings apart until then.
            self.name = "exec" + os.environ.get("RANK", "") + "." + os.environ.get("LOCAL_RANK", "")
        self._probe.imports.when("subprocess", self._watch_subprocess)
        self._probe.imports.when("multiprocessing.process", self._watch_multiprocessing)

    def before_fork(self):
        self._pid = os.getpid()
        self._forked_by_multiprocessing = _called_from("popen_fork.py")
        if not self._forked_by_multiprocessing:
            self._forks += 1

    def after_fork(self):
        self._heartbeat(self._pid, os.getpid())
        if self._forked_by_multiprocessing:
            # Process._bootstrap gives the name.
            return
        number, self._forks = self._forks, 0
        self._give("fork-%d" % number)

    def worker(self, number):
        """Names this process as a worker of a DataLoader."""
        self._give("worker-%d" % number)

    def _give(self, name):
        self.name = name
        self._probe.emit("identity", value=name)

    def _heartbeat(self, parent, via):
        arguments = _command_line()
        self._probe.emit("process", detail={
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "parent": parent,
            "via": via,
            "argv": [argument[:1000] for argument in arguments[:100]],
            "python": sys.version.split()[0],
            "executable": sys.executable,
            "hash_seed": _hash_seed(),
        })

    def _watch_subprocess(self, module):
        """Writes the pid and the number of each process that subprocess starts, for children to be counted by."""
        original = module.Popen.__init__
        probe = self._probe
        numbers = {"pid": 0, "n": 0}

        def __init__(self, *args, **kwargs):
            original(self, *args, **kwargs)
            if numbers["pid"] != os.getpid():
                numbers["pid"], numbers["n"] = os.getpid(), 0
            numbers["n"] += 1
            probe.emit("child", detail={"pid": self.pid, "n": numbers["n"]})

        _dress(__init__, original)
        module.Popen.__init__ = __init__

    def _watch_multiprocessing(self, module):
        """Names a multiprocessing child by multiprocessing's own counter, and writes its end: it leaves by os._exit."""
        original = module.BaseProcess._bootstrap
        probe = self._probe

        def _bootstrap(self, *args, **kwargs):
            probe.identity._forks = 0
            number = self._identity[-1] if self._identity else 0
            probe.identity._give("mp-%d" % number)
            probe.identity.named()
            try:
                return original(self, *args, **kwargs)
            finally:
                probe.finish()

        _dress(_bootstrap, original)
        module.BaseProcess._bootstrap = _bootstrap

    def named(self):
        """Tells the streams that the name, which pinned seeds are made from, is known now."""
        for stream in self._probe.streams.values():
            stream.pin()


def _dress(function, original):
    function.__name__ = original.__name__
    function.__qualname__ = original.__qualname__
    function.__doc__ = original.__doc__
    function.__module__ = original.__module__
    function.__wrapped__ = original


def _called_from(file):
    frame = sys._getframe(1)
    for _ in range(20):
        if frame is None:
            return False
        if frame.f_code.co_filename.endswith(file):
            return True
        frame = frame.f_back
    return False


def _hash_seed():
    if not sys.flags.hash_randomization:
        return "0"
    told = os.environ.get("PYTHONHASHSEED", "")
    return told if told.isdigit() and not sys.flags.ignore_environment else "random"


def _command_line():
    """Returns the arguments that the interpreter was started with."""
    if hasattr(sys, "orig_argv"):
        return sys.orig_argv
    # Before Python 3.10, what follows -c is known to the system only.
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return os.fsdecode(file.read()).rstrip("\0").split("\0")
    except OSError:
        return getattr(sys, "argv", [])


def _helper():
    """Names the processes that multiprocessing keeps for itself."""
    command = " ".join(_command_line())
    for module in ("resource_tracker", "semaphore_tracker", "forkserver"):
        if "multiprocessing." + module + " import main" in command or "." + module + " import main" in command:
            return module.replace("_", "-")
    return None


def _ancestor(directory):
    """Returns the pid of the nearest ancestor that has a trace, and that of its child on the way here; 0, 0 if none."""
    try:
        traced = {name.split("-", 1)[0] for name in os.listdir(directory)}
    except OSError:
        return 0, 0
    child = os.getpid()
    traced.discard(str(child))
    pid = os.getppid()
    for _ in range(_FURTHEST):
        if str(pid) in traced:
            return pid, child
        above = parent(pid)
        if above <= 0:
            break
        pid, child = above, pid
    return 0, 0


def parent(pid):
    """Returns the parent of a process, 0 where the system does not tell."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            # The command's name, in parentheses, may hold anything; the state and the parent follow it.
            return int(file.read().rsplit(b")", 1)[1].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
