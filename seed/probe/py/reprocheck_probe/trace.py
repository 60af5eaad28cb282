"""The trace file of one process: a JSON object a line, each written by a single write."""

import os
import time
from itertools import count

try:
    from _json import encode_basestring_ascii as _quote
except ImportError:
    from json import dumps as _quote

# A line that would be longer than this loses its details. The reader's limit is 1 MiB.
LONGEST = 900_000

# Descriptors that the user's program sees stay as low as they are without the probe.
_LOWEST_DESCRIPTOR = 500

_now = time.time_ns
# All processes of a machine share this clock, and no level of wall-clock moves it: it puts what they do in order.
shared_now = time.monotonic_ns


class Trace:
    """Appends events to the file of this process. A forked child calls reopen to begin a file of its own."""

    def __init__(self, directory):
        self._directory = directory
        self.reopen()

    def reopen(self):
        self.written = 0
        self._numbers = count(1)
        self._path = os.path.join(self._directory, "%d-%d.jsonl" % (os.getpid(), _now()))
        self._open()

    def _open(self):
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
        self._descriptor = _out_of_the_way(descriptor)
        status = os.fstat(self._descriptor)
        self._identity = (status.st_dev, status.st_ino)

    def write(self, event):
        """Writes one event, a dict of JSON values. Raises nothing: an event that cannot be written is lost."""
        try:
            line = _encode(event)
            if len(line) > LONGEST:
                line = _encode({key: value for key, value in event.items() if key != "d"})
            data = (line + "\n").encode("ascii")
            # A program that closes every descriptor (a daemon) may have been given ours for a file of its own.
            try:
                status = os.fstat(self._descriptor)
                if (status.st_dev, status.st_ino) != self._identity:
                    self._open()
            except OSError:
                self._open()
            os.write(self._descriptor, data)
            self.written = next(self._numbers)
        except Exception:
            pass


def _out_of_the_way(descriptor):
    """Moves a descriptor to a high number where the platform allows."""
    try:
        from fcntl import F_DUPFD_CLOEXEC, fcntl

        high = fcntl(descriptor, F_DUPFD_CLOEXEC, _LOWEST_DESCRIPTOR)
    except (ImportError, OSError):
        return descriptor
    os.close(descriptor)
    return high


def _encode(value):
    kind = type(value)
    if kind is str:
        return _quote(value)
    if kind is int:
        return repr(value)
    if kind is dict:
        return "{" + ",".join([_quote(key) + ":" + _encode(item) for key, item in value.items()]) + "}"
    if kind is list or kind is tuple:
        return "[" + ",".join([_encode(item) for item in value]) + "]"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is float and value - value == 0:
        return repr(value)
    return _quote(str(value))
