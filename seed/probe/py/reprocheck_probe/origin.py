"""Remembers what clocks and entropy have just handed out, to recognise it in a seed."""

import os
import time

# A value handed out longer ago than this many others is forgotten.
_REMEMBERED = 64

# A seed this close to the present, in seconds, was made from a clock although nobody was seen to read one.
_CLOSE = 5.0

_now = time.time


class Origins:
    """The values last handed out, each with its kind (clock, entropy, uuid or pid) and the file and line that got it."""

    def __init__(self):
        self._values = []
        # What the process was given by the one that started it.
        self._given = frozenset(os.environ.values())

    def hand_out(self, kind, value, place):
        self._values.append((kind, value, place))
        if len(self._values) > _REMEMBERED:
            del self._values[0]

    def detail(self, value):
        """Returns what a seed event tells of where its value comes from, empty where that is not known."""
        found = self._of(value)
        if found is None:
            return {}
        kind, place = found
        return {"origin": kind} if place is None else {"origin": kind, "origin_file": place[0], "origin_line": place[1]}

    def _of(self, value):
        """Returns the kind of handed-out value that a seed was made from, and its place, or None."""
        if type(value) is float:
            given = {value, int(value)} if value - value == 0 else {value}
        elif type(value) is int:
            given = {value}
        elif isinstance(value, (bytes, bytearray, str)):
            for kind, known, place in reversed(self._values):
                if known == value or (type(known) is not int and str(known) == value):
                    return kind, place
            return ("environment", None) if value in self._given and len(value) > 3 else None
        else:
            try:
                given = {int(value)}
            except Exception:
                return None
        # Small numbers are what people choose; they prove nothing.
        given = {number for number in given if abs(number) > 1000}
        if not given:
            return None
        for kind, known, place in reversed(self._values):
            if given & _forms(known):
                return kind, place
            # Seeds made from a pid are most often multiples of it.
            if kind == "pid" and any(number % known == 0 for number in given):
                return kind, place
        now = _now()
        for number in given:
            for unit in (1, 1e3, 1e6, 1e9):
                if abs(number / unit - now) < _CLOSE:
                    return "clock", None
        if any(str(number) in self._given for number in given):
            return "environment", None
        return None


def _forms(value):
    """Returns the numbers that programs make from a value before they seed with it."""
    whole = set()
    if isinstance(value, str):
        return whole
    if isinstance(value, (bytes, bytearray)):
        for data in (value, value[:4], value[:8]):
            whole.add(int.from_bytes(data, "big"))
            whole.add(int.from_bytes(data, "little"))
    elif isinstance(value, float):
        for unit in (1, 1e3, 1e6, 1e7, 1e9):
            whole.add(int(value * unit))
    else:
        whole.add(int(value))
    forms = {value} if isinstance(value, float) else set()
    for number in whole:
        forms.add(number)
        for bits in (16, 31, 32, 63, 64):
            forms.add(number % (1 << bits))
        for modulus in (2**31 - 1, 2**32 - 1, 10**4, 10**5, 10**6, 10**8, 10**9):
            forms.add(number % modulus)
        for shift in (32, 64, 96):
            forms.add(number >> shift)
    return forms
