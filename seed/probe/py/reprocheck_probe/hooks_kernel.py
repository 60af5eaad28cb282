"""Files that the kernel makes when they are read, below /proc and /sys: its clock, its entropy, what the machine and the process
are at.

What one is taken for is decided by its path. Pinned, a user's line is handed a file with a text that is the same in every run."""

import os

from .sightings import Sightings

CLOCK = "wall-clock"
ENTROPY = "os-entropy"
HOST = "host"

_OF_A_LINE = 8
_MOST = 1 << 16
# Where a pinned /proc/uptime begins, in seconds.
_UP = 100000

_UUID = "/proc/sys/kernel/random/uuid"
_CLOCKS = ("/proc/uptime", "/proc/driver/rtc")
_OF_A_CLOCK = ("/time", "/date", "/since_epoch")

# By the last part of the path: of the machine, and of a process. Its addresses follow from the layout, which has a level of its own.
_COUNTS = frozenset((
    "loadavg", "meminfo", "stat", "vmstat", "interrupts", "softirqs", "diskstats", "schedstat", "zoneinfo", "buddyinfo", "slabinfo",
    "timer_list", "sched_debug", "entropy_avail", "file-nr", "inode-nr", "inode-state", "dentry-state", "ns_last_pid", "numastat",
    "statm", "status", "sched", "io", "dev", "sockstat", "snmp", "netstat", "cpu", "memory",
    "scaling_cur_freq", "cpuinfo_cur_freq", "temp", "uevent_seqnum", "energy_uj", "energy_now", "charge_now", "power_now", "voltage_now"))
_MEASURES = ("_input", "_average")


def source(path):
    """Returns the source that a file of the kernel's belongs to, or None where its text is the same in every run."""
    if path == _UUID:
        return ENTROPY
    if path in _CLOCKS or path.startswith("/sys/") and "/rtc" in path and path.endswith(_OF_A_CLOCK):
        return CLOCK
    name = path.rpartition("/")[2]
    if name in _COUNTS or "/statistics/" in path or path.startswith("/sys/") and name.endswith(_MEASURES):
        return HOST
    return None


class Kernel:
    """What a user's line reads of the kernel."""

    def __init__(self, probe):
        self._probe = probe
        self._sightings = Sightings(probe, _OF_A_LINE)
        self._read = 0
        probe.at_task(self._begin_task)

    def _begin_task(self):
        self._read = 0

    def opened(self, original, frame, path):
        """Notes that a line opens path for reading, and returns a descriptor to take in its place, or None."""
        kind = source(path)
        if kind is None:
            return None
        found, below = self._probe.frames.doing(frame)
        if found is None:
            return None
        level = self._probe.level(kind)
        pinned = level is not None and level.seed is not None and hasattr(os, "memfd_create")
        with original(path, "rb") as file:
            text = file.read(_MOST).decode("utf-8", "replace")
        if pinned:
            text = self._instead(kind, path, text)
        self._note(kind, path, text, found, below)
        if not pinned:
            return None
        descriptor = os.memfd_create("kernel")
        os.write(descriptor, text.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def _note(self, kind, path, text, found, below):
        value = text.strip()
        place = self._probe.frames.line(found)
        if kind == CLOCK:
            for number in _numbers(value):
                self._probe.origins.hand_out("clock", number, place)
        elif kind == ENTROPY:
            self._probe.origins.hand_out("uuid", int(value.replace("-", ""), 16), place)
            self._probe.origins.hand_out("uuid", value, place)
            self._probe.origins.hand_out("uuid", value.replace("-", ""), place)
        if self._sightings.first(path, found):
            event = {CLOCK: "clock", ENTROPY: "entropy", HOST: "host"}[kind]
            self._probe.emit(event, kind, self._probe.frames.place(found, below), value[:200], {"api": path})

    def _instead(self, kind, path, text):
        self._read += 1
        if kind == ENTROPY:
            digits = "%016x%016x" % tuple(self._probe.derived(kind, "uuid", self._read, half) for half in range(2))
            return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "8" + digits[17:20], digits[20:])) + "\n"
        if path == "/proc/uptime":
            # It moves on, so that loops on time still end.
            return "%d.%02d %d.00\n" % (_UP + self._read // 100, self._read % 100, _UP)
        import re

        if kind == CLOCK:
            return re.sub(r"\d", "1", text)  # a date stays one
        # Not 0, as programs divide by what they find.
        return re.sub(r"(?<![\w.])\d+(\.\d+)?(?!\w)", "1", text)


def _numbers(text):
    for word in text.split():
        try:
            yield float(word) if "." in word else int(word)
        except ValueError:
            pass
