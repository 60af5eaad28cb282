"""The close look: the lines of the user's own files as they run, and the local values that each of them changed.

Only the thread that starts Python is traced: the order of lines in others is not the same in two runs."""

import sys

from . import digest, values
from .trace import shared_now

# A line is written each of the first times that it runs, then at powers of two.
_DENSELY = 32

# What Python 3.15 has between the name of what a comprehension walks and its GET_ITER.
_BEFORE_ITER = ("LOAD_FAST_AND_CLEAR", "SWAP", "BUILD_LIST", "BUILD_SET", "BUILD_MAP")
# What takes the members of the set that was loaded last, one by one: operations, and functions and methods called with it alone.
_WALKS = ("GET_ITER", "LIST_EXTEND", "BUILD_LIST_UNPACK")
_TAKES = ("list", "tuple", "enumerate", "iter", "join", "fromkeys")
_BESIDE = ("PUSH_NULL", "PRECALL", "RESUME", "CACHE", "EXTENDED_ARG")

# What calls a key function once for each of its items, in whatever order they come.
_SORTS = ("sorted", "sort", "min", "max", "nlargest", "nsmallest")
# Of one line that sorts, so many calls of key functions are looked at, or none.
_KEYS = 1 << 12

_SKIPPED_CODE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>")
_UNKNOWN = (None, None)
_NOTHING = {}


class Zoom:
    """Traces lines until an optimizer step is complete or the events are used up; then it takes itself away."""

    def __init__(self, probe):
        self._probe = probe
        self._left = probe.settings.line_events
        self._until = probe.settings.until_step
        self._runs = {}
        self._mentions = {}
        self._on = True
        probe.after_fork(self._after_fork)
        sys.settrace(self._enter)

    def stepped(self):
        """Is told that an optimizer step is complete."""
        if self._on and self._until and self._probe.steps >= self._until:
            self._stop()

    def _stop(self):
        self._on = False
        frame = sys._getframe(1)
        while frame is not None:
            if isinstance(frame.f_trace, (_Lines, _Key)):
                frame.f_trace = None
            frame = frame.f_back
        # A user who traces has replaced us, and keeps what is theirs.
        if sys.gettrace() == self._enter:
            sys.settrace(None)

    def _after_fork(self):
        self._left = self._probe.settings.line_events
        self._runs.clear()

    def _enter(self, frame, event, argument):
        """The global trace function: Python calls it for each function that is entered."""
        if not self._on or event != "call":
            return None
        thread = self._probe.thread
        if thread.busy:
            return None
        thread.busy = True
        try:
            if not self._probe.frames.is_user(frame):
                return None
            above = frame.f_back.f_trace if frame.f_back is not None else None
            if type(above) is _Key:
                return _Key(above.lines, None)
            if type(above) is _Lines and above.sorts_in(frame.f_back):
                return _Key(above, frame)
            if frame.f_code.co_name in _SKIPPED_CODE:
                return None
            # A generator that goes on is entered, but not called.
            first = frame.f_lasti <= 0 or frame.f_lineno == frame.f_code.co_firstlineno
            if first and frame.f_code.co_name != "<module>" and self._counted((frame.f_code, 0)):
                self._call(frame)
            return _Lines(self, frame)
        except Exception:
            return None
        finally:
            thread.busy = False

    def _counted(self, key):
        """Counts a run of a line, and reports whether it is to be written."""
        count = self._runs[key] = self._runs.get(key, 0) + 1
        return count <= _DENSELY or count & (count - 1) == 0

    def _call(self, frame):
        code = frame.f_code
        seen = _arguments(frame)
        above = frame.f_back
        given = above is None or not self._probe.frames.is_user(above)
        where = self._probe.where(frame if given else above)
        where.lib = None
        where.function = code.co_name
        self._write("call", where, seen, given)

    def line(self, frame, line, changed):
        where = self._probe.where(frame)
        where.lib = None
        where.line = line
        self._write("line", where, changed)

    def keys(self, where, text, total):
        """Writes what a key function gave: the text of one result, and a number made of all arguments and results."""
        where.lib = None
        self._write("line", where, [("return", "%016x" % total, text)])

    def _write(self, kind, where, seen, given=False):
        if self._left <= 0:
            self._stop()
            return
        self._left -= 1
        value = digest.of_text(";".join(["%s=%s" % (name, known) for name, known, _ in seen])) if seen else None
        detail = {"clock": shared_now()}
        if seen:
            detail["vars"] = seen
        if given:
            detail["given"] = True
        self._probe.emit(kind, None, where, value, detail)

    def mentioned(self, code):
        """Returns the names that each line of a code object mentions, and whether it gives them a value, since what a line
        changes, it names; those of them that it walks in an order that it does not sort; and where it calls what takes a key."""
        lines = self._mentions.get(code)
        if lines is None:
            lines = self._mentions[code] = _names(code)
        return lines


class _Lines:
    """The trace function of one frame. A line is written when the next one begins: then its values are there."""

    __slots__ = ("_zoom", "_line", "_wanted", "_known", "_mentioned", "_walked", "_keyed", "_keys", "_calls")

    def __init__(self, zoom, frame):
        self._zoom = zoom
        self._line = None
        self._wanted = False
        self._known = {}
        self._mentioned, self._walked, self._keyed = zoom.mentioned(frame.f_code)
        self._keys = {}
        self._calls = 0

    def __call__(self, frame, event, argument):
        zoom = self._zoom
        if not zoom._on:
            return None
        thread = zoom._probe.thread
        if thread.busy or event == "exception":
            return self
        thread.busy = True
        try:
            if self._wanted:
                self._wanted = False
                self._flush()
                changed = self._orders(frame, self._line) + self._changed(frame, self._line)
                if event == "return" and argument is not None:
                    changed.append(("return",) + values.seen(argument, values.CLOSE))
                zoom.line(frame, self._line, changed)
            if event == "line":
                self._line = frame.f_lineno
                self._wanted = zoom._counted((frame.f_code, self._line))
                if self._wanted:
                    # What lines that were not written have changed is not this line's doing.
                    self._changed(frame, self._line)
        except Exception:
            pass
        finally:
            thread.busy = False
        return self if zoom._on else None

    def thread(self):
        return self._zoom._probe.thread

    def sorts_in(self, frame):
        """Reports whether a frame is within a call that takes a key."""
        return frame.f_lasti in self._keyed

    def key(self, frame, given, result):
        """Is told what a key function gave for its arguments. The order of its calls is no part of what it gives."""
        self._calls += 1
        if not self._wanted or self._calls > _KEYS:
            return
        known, text = values.seen(result, values.CLOSE)
        place = (frame.f_code.co_filename, frame.f_lineno)
        results = self._keys.get(place)
        if results is None:
            results = self._keys[place] = _Results(self._zoom._probe.where(frame))
        results.add(given, known, text)

    def _flush(self):
        keys, calls = self._keys, self._calls
        self._calls = 0
        if keys:
            self._keys = {}
            for _, results in sorted(keys.items()) if calls <= _KEYS else ():
                self._zoom.keys(results.where, results.text, results.total)

    def _orders(self, frame, line):
        """Returns ["order of " + name, digest, text] of each set that the line walks: no part of its value until somebody does."""
        orders = []
        local, outer = frame.f_locals, frame.f_globals
        for name in self._walked.get(line, ()):
            members = local.get(name, outer.get(name))
            if type(members) in (set, frozenset) and len(members) > 1:
                orders.append(("order of " + name,) + values.walked(members))
        return orders

    def _changed(self, frame, line):
        """Returns [name, digest, text] of each value that the line mentions and that is not what it was."""
        changed = []
        local, outer = frame.f_locals, frame.f_globals
        for name, stored in self._mentioned.get(line, _NOTHING).items():
            value = local.get(name, outer.get(name, _UNKNOWN))
            # Functions and classes that a line only calls are what they are; one that it takes from somewhere is a value.
            if value is _UNKNOWN or not stored and type(value) in values.NAMED:
                continue
            known, text = values.seen(value, values.CLOSE)
            if self._known.get(name) != known:
                self._known[name] = known
                changed.append((name, known, text))
        return changed


class _Results:
    """What a line of a key function has given, whatever the order of its calls."""

    __slots__ = ("where", "text", "total", "_first")

    def __init__(self, where):
        self.where = where
        self.text = self._first = None
        self.total = 0

    def add(self, given, known, text):
        if self._first is None or given < self._first:
            self._first, self.text = given, text
        self.total = (self.total + int(digest.of_text(given + known), 16)) & 0xFFFFFFFFFFFFFFFF


class _Key:
    """The trace function of a key function, and of what it calls: nothing is written of their lines, which come in any order."""

    __slots__ = ("lines", "_given")

    def __init__(self, lines, frame):
        self.lines = lines
        self._given = None if frame is None else ";".join([known for _, known, _ in _arguments(frame)])

    def __call__(self, frame, event, argument):
        thread = self.lines.thread()
        if event == "return" and self._given is not None and not thread.busy:
            thread.busy = True
            try:
                self.lines.key(frame, self._given, argument)
            except Exception:
                pass
            finally:
                thread.busy = False
        return self


def _arguments(frame):
    """Returns [name, digest, text] of the arguments that a function has been called with."""
    code, local = frame.f_code, frame.f_locals
    names = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)]
    return [(name,) + values.seen(local[name], values.CLOSE) for name in names if name in local]


def _names(code):
    from dis import findlinestarts, get_instructions

    starts = dict(findlinestarts(code))
    lines, walked, sorts, keyed = {}, {}, set(), set()
    sorting, words = set(), None  # lines that name what sorts, and the keywords of the call to come
    line = code.co_firstlineno
    last = callee = before = None
    function = False  # a function has just been made, and at most a name loaded since
    for instruction in get_instructions(code):
        line = starts.get(instruction.offset) or line
        operation = instruction.opname
        if operation in _BESIDE:
            continue
        if instruction.argval in _SORTS:
            sorting.add(line)
        if operation.startswith("CALL") and type(words) is tuple and "key" in words and line in sorting:
            keyed.add(instruction.offset)
        words = code.co_consts[instruction.arg] if operation in ("LOAD_CONST", "KW_NAMES") else None
        # From Python 3.15 on a generator expression is called with what it walks.
        taken = operation.startswith("CALL") and before in _TAKES or operation == "CALL" and instruction.arg == 0 and function
        if last is not None and (operation in _WALKS or taken):
            walked.setdefault(line, []).append(last)
        if operation in _BEFORE_ITER:
            continue
        function = operation == "MAKE_FUNCTION" or function and operation.startswith("LOAD_")
        before, last = callee, None
        callee = instruction.argval if operation.startswith("LOAD_") else None
        if callee == "sorted":
            sorts.add(line)
        if operation.startswith(("LOAD_", "STORE_")) and operation.endswith(("FAST", "NAME", "GLOBAL", "DEREF", "CHECK", "BORROW")):
            mentioned = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            known = lines.setdefault(line, {})
            stores = operation.startswith("STORE_")
            for name in mentioned:
                if isinstance(name, str) and not name.startswith(("__", ".")):
                    known[name] = known.get(name, False) or stores
            last = mentioned[-1]
    return lines, {line: names for line, names in walked.items() if line not in sorts}, keyed
