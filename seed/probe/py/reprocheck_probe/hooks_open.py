"""Files outside the workspace that a user's line opens."""

import os
import sys
from stat import S_ISREG

SOURCE = "external-state"

# Events written by one process.
_IN_ALL = 256

_SYSTEM = ("/dev/", "/proc/", "/sys/", "/usr/", "/lib", "/etc/", "/bin/", "/opt/", "/System/", "/Library/", "/nix/")
# The kernel's random devices are no state, but reading them is worth telling.
_RANDOM = ("/dev/urandom", "/dev/random")
# A database is read and written, unless it says otherwise.
_OPENS = ("open", "sqlite3.connect")
_COMPILED = (".pyc", ".pyi", ".so", ".py")


def install(probe):
    import_roots = tuple({os.path.realpath(path) + os.sep for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)})
    # What lies in the run's own temporary directory was put there by the run.
    own = tuple(os.path.realpath(path) + os.sep for path in (probe.settings.trace_dir, os.environ.get("TMPDIR")) if path)
    seen = set()
    frames = probe.frames
    thread = probe.thread

    def audit(event, arguments):
        # Every audited event of the process comes by here.
        if event not in _OPENS or thread.busy:
            return
        try:
            path, mode, flags = arguments if event == "open" else (arguments[0], "r+", 0)
            if type(path) is not str or path.endswith(_COMPILED):
                return
            if path.startswith(_SYSTEM) and path not in _RANDOM:
                return
            path = os.path.abspath(path)
            if not frames.outside(path) or path.startswith(import_roots):
                return
            if path.startswith(_SYSTEM) and path not in _RANDOM:
                return
            if path.startswith(own) or "site-packages" in path or "dist-packages" in path:
                return
            thread.busy = True
            try:
                found, below = frames.doing(sys._getframe(1))
                if found is None or len(seen) >= _IN_ALL:
                    return
                where = frames.place(found, below)
                # A temporary file is new in every run.
                if where.lib == "tempfile":
                    return
                key = (path, mode, where.file, where.line)
                if key in seen:
                    return
                seen.add(key)
                if mode is None:
                    mode = "w" if flags & (os.O_WRONLY | os.O_RDWR) else "r"
                probe.emit("open", SOURCE, where, str(mode), _found(path))
            finally:
                thread.busy = False
        except Exception:
            pass

    sys.addaudithook(audit)


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
