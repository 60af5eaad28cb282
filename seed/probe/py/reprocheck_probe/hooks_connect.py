"""Connections that a user's line makes to programs outside of the run, which may send something else every time."""

import os
import sys

SOURCE = "external-state"

# Events written by one process.
_IN_ALL = 64

# Libraries that report on a training and read nothing of it back.
_REPORTING = ("aim", "clearml", "comet_ml", "logging", "mlflow", "neptune", "prometheus_client", "sentry_sdk", "smtplib",
              "swanlab", "tensorboard", "tensorboardX", "wandb")

# Where Linux lists the sockets of the machine.
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def install(probe):
    probe.imports.when("socket", lambda module: _watch(probe, module))


def _watch(probe, socket):
    peers = _Peers(probe, socket)

    def watched(name):
        original = getattr(socket.socket, name)

        def connect(self, address):
            try:
                result = original(self, address)
            except BlockingIOError:
                # Under way: what an event loop does.
                peers.met(self, address, sys._getframe(1))
                raise
            peers.met(self, address, sys._getframe(1))
            return result

        connect.__name__ = name
        connect.__doc__ = original.__doc__
        connect.__wrapped__ = original
        setattr(socket.socket, name, connect)

    watched("connect")
    watched("connect_ex")


class _Peers:
    def __init__(self, probe, socket):
        self._probe = probe
        self._families = (socket.AF_INET, socket.AF_INET6)
        # Connecting a datagram socket sends nothing; programs do it to learn their own address.
        self._type = socket.SOCK_STREAM
        # Every process of a run has the variable that the probe was started by.
        self._mark = os.environb.get(b"REPROCHECK_PROBE", b"\0")
        self._seen = set()
        probe.after_fork(self._seen.clear)

    def met(self, socket, address, frame):
        thread = self._probe.thread
        if thread.busy:
            return
        thread.busy = True
        try:
            if socket.family not in self._families or socket.type & 15 != self._type or len(self._seen) >= _IN_ALL:
                return
            found, below = self._probe.frames.doing(frame)
            if found is None:
                return
            where = self._probe.frames.place(found, below)
            if where.lib is not None and where.lib.split(".")[0] in _REPORTING:
                return
            peer = "%s:%d" % (address[0], address[1])
            key = (peer, where.file, where.line)
            if key in self._seen:
                return
            self._seen.add(key)
            if not self._of_this_run(socket, *address[:2]):
                self._probe.emit("connect", SOURCE, where, peer, {"api": "socket.connect"})
        except Exception:
            pass
        finally:
            thread.busy = False

    def _of_this_run(self, socket, host, port):
        """Reports whether the other end is a process of the same run, as far as the system tells."""
        try:
            if not (host.startswith("127.") or host in ("localhost", "::1", socket.getsockname()[0])):
                return False
            held = {"socket:[%s]" % inode for inode in _at(port)}
            return any(_holds(process, held, self._mark) for process in os.listdir("/proc") if process.isdigit())
        except OSError:
            return False


def _at(port):
    """Lists the sockets whose own port this is, by inode."""
    for table in _TABLES:
        try:
            with open(table) as rows:
                next(rows)
                for row in rows:
                    fields = row.split()
                    if int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
                        yield fields[9]
        except OSError:
            continue


def _holds(process, sockets, mark):
    """Reports whether a process has one of these sockets, and mark among its variables."""
    try:
        with open("/proc/%s/environ" % process, "rb") as variables:
            if mark not in variables.read():
                return False
        folder = "/proc/%s/fd/" % process
        return any(_link(folder + descriptor) in sockets for descriptor in os.listdir(folder))
    except OSError:
        return False


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None
