"""Files outside the workspace that a user's line opens."""

import builtins
import io
import os
import sys
from stat import S_ISREG

from .hooks_kernel import Kernel
from .sightings import Watched

SOURCE = "external-state"

# Events written by one process.
_IN_ALL = 256

_SYSTEM = ("/dev/", "/proc/", "/sys/", "/usr/", "/lib", "/etc/", "/bin/", "/opt/", "/System/", "/Library/", "/nix/")
# Shared memory outlives its process, and the kernel's random devices are no state, but reading them is worth telling.
_TOLD = ("/dev/shm/", "/dev/urandom", "/dev/random")
_KERNEL = ("/proc/", "/sys/")
_COMPILED = (".pyc", ".pyi", ".so", ".py")


def install(probe):
    import_roots = tuple({os.path.realpath(path) + os.sep for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)})
    # What lies in the run's own temporary directory was put there by the run.
    own = tuple(os.path.realpath(path) + os.sep for path in (probe.settings.trace_dir, os.environ.get("TMPDIR")) if path)
    seen = set()
    frames = probe.frames
    thread = probe.thread

    def look(frame, path, mode):
        # A temporary file is new in every run, whichever library asked for it: multiprocessing does for shared arrays.
        if frame.f_globals.get("__name__") == "tempfile":
            return
        thread.busy = True
        try:
            if isinstance(path, os.PathLike):
                path = os.fspath(path)
            if type(path) is not str or path.endswith(_COMPILED):
                return
            if path.startswith(_SYSTEM) and not path.startswith(_TOLD):
                return
            path = os.path.abspath(path)
            if not frames.outside(path) or path.startswith(import_roots):
                return
            if path.startswith(_SYSTEM) and not path.startswith(_TOLD):
                return
            if path.startswith(own) or "site-packages" in path or "dist-packages" in path:
                return
            found, below = frames.doing(frame)
            if found is None or len(seen) >= _IN_ALL:
                return
            where = frames.place(found, below)
            key = (path, mode, where.file, where.line)
            if key in seen:
                return
            seen.add(key)
            probe.emit("open", SOURCE, where, mode, _found(path))
        except Exception:
            pass
        finally:
            thread.busy = False

    kernel = Kernel(probe)
    unwatched = builtins.open

    def of_kernel(frame, path, reads):
        """Returns a descriptor to open in place of a file that the kernel makes, or None."""
        if not reads or not isinstance(path, (str, os.PathLike)):
            return None
        thread.busy = True
        try:
            path = os.fspath(path)
            return kernel.opened(unwatched, frame, path) if path.startswith(_KERNEL) else None
        except Exception:
            return None
        finally:
            thread.busy = False

    # An audit hook would see them all, and be called 20,000 times by the import of torch alone.
    def opened(original, frame, args, kwargs):
        mode = args[1] if len(args) > 1 else kwargs.get("mode", "r")
        path = args[0] if args else kwargs.get("file")
        if type(mode) is str:
            mode = mode.replace("b", "").replace("t", "")
            look(frame, path, mode)
            instead = of_kernel(frame, path, mode == "r")
            if instead is not None:
                kwargs.pop("file", None)
                return original(instead, *args[1:], **kwargs)
        return original(*args, **kwargs)

    def descriptor(original, frame, args, kwargs):
        flags = args[1] if len(args) > 1 else kwargs.get("flags", 0)
        path = args[0] if args else kwargs.get("path")
        if type(flags) is int:
            writes = flags & (os.O_WRONLY | os.O_RDWR)
            look(frame, path, "w" if writes else "r")
            instead = of_kernel(frame, path, not writes)
            if instead is not None:
                return instead
        return original(*args, **kwargs)

    def connected(original, frame, args, kwargs):
        # A database is read and written, unless it says otherwise.
        look(frame, args[0] if args else kwargs.get("database"), "r+")
        return original(*args, **kwargs)

    Watched(probe, builtins, "open", opened)
    io.open = builtins.open
    Watched(probe, os, "open", descriptor)

    def watch_sqlite(module):
        Watched(probe, module, "connect", connected)

    probe.imports.when("sqlite3.dbapi2", watch_sqlite)


def _found(path):
    """Tells a file apart from what another program has made of it by the next run."""
    detail = {"path": path[:1000]}
    try:
        status = os.stat(path)
    except OSError:
        return detail
    if S_ISREG(status.st_mode):
        detail["size"] = status.st_size
        detail["modified"] = status.st_mtime_ns
    return detail
