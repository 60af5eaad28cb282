"""Finds the line of the user's own code that an event happened on behalf of."""

import os
import sys

# A stack deeper than this is not searched further.
DEEPEST = 120

# Names under which libraries wrap the functions that they are called by: what they wrap says more than they do.
_WRAPPERS = frozenset(("wrapper", "wrapped", "inner", "inner_f", "decorate_context", "_call_impl", "_wrapped_call_impl"))

# Where a file name leads: a str is the user's file, as it is to be shown.
_LIBRARY = 0  # a package, the standard library
_NEUTRAL = 1  # the probe: neither the user's nor a library that stood between
_IMPORT = 2  # the import system
_TYPED = 3  # "<string>", "<stdin>": the user's when it is the main module, generated code (a dataclass's) otherwise


class Where:
    """A place in the user's code; lib is the library whose code stood between it and the event, or None."""

    __slots__ = ("file", "line", "function", "lib")

    def __init__(self, file, line, function, lib):
        self.file = file
        self.line = line
        self.function = function
        self.lib = lib


class Frames:
    """Tells the user's frames from all others, by file. Files below root are the user's, packages below it are not."""

    def __init__(self, root):
        self._start = os.getcwd()
        self._roots = []
        for path in (root, os.path.realpath(root)):
            path = path.rstrip(os.sep) + os.sep
            if path not in self._roots:
                self._roots.append(path)
        self._outside = (os.path.dirname(os.__file__) + os.sep,)
        self._probe = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
        self._kinds = {}
        self._notebook = None

    def user(self, frame):
        """Returns the Where of the innermost user frame from frame outwards, or None."""
        found, below = self.search(frame)
        return None if found is None else self.place(found, below)

    def place(self, found, below):
        """Returns the Where of what search or doing has found."""
        code = found.f_code
        return Where(self.name(found), found.f_lineno, code.co_name, library(below))

    def doing(self, frame):
        """Returns search(frame), but no user frame when all that the user's line did was to import a library."""
        found, below = self.search(frame)
        while frame is not None and frame is not found:
            if self._kinds.get(frame.f_code.co_filename) is _IMPORT:
                return None, below
            frame = frame.f_back
        return found, below

    def found(self, frame):
        """Returns the Where of the innermost user frame or None, and whether all it did was to import a library."""
        found, below = self.search(frame)
        if found is None:
            return None, False
        return self.place(found, below), self.doing(frame)[0] is None

    def search(self, frame):
        """Returns the innermost user frame and the library frame that it called, either of them None."""
        kinds = self._kinds
        below = None
        for _ in range(DEEPEST):
            if frame is None:
                return None, below
            file = frame.f_code.co_filename
            kind = kinds.get(file)
            if kind is None:
                kind = kinds[file] = self._classify(file)
            if kind is _LIBRARY:
                if below is None or frame.f_code.co_name not in _WRAPPERS:
                    below = frame
            elif kind is not _NEUTRAL and kind is not _IMPORT:
                if kind is not _TYPED or _typed(frame):
                    return frame, below
            frame = frame.f_back
        return None, below

    def is_user(self, frame):
        """Reports whether frame itself runs the user's code."""
        file = frame.f_code.co_filename
        kind = self._kinds.get(file)
        if kind is None:
            kind = self._kinds[file] = self._classify(file)
        if kind is _TYPED:
            return _typed(frame)
        return type(kind) is str

    def name(self, frame):
        """Returns the name under which the file of a user frame is shown."""
        file = frame.f_code.co_filename
        kind = self._kinds.get(file)
        return kind if type(kind) is str else file

    def line(self, frame):
        """Returns the file and the line that a user frame is at."""
        return self.name(frame), frame.f_lineno

    def below_root(self, path):
        """Returns path relative to the root when it lies below it, else path as it is."""
        absolute = os.path.join(self._start, path)
        for root in self._roots:
            if absolute.startswith(root):
                return absolute[len(root):]
        return path

    def outside(self, path):
        """Reports whether an absolute path lies outside the root."""
        return not any(path.startswith(root) or path + os.sep == root for root in self._roots)

    def _classify(self, file):
        if file.startswith("<"):
            if file in ("<string>", "<stdin>"):
                return _TYPED
            if file.startswith("<frozen importlib"):
                return _IMPORT
            if file.startswith("<frozen runpy"):
                return _NEUTRAL
            return self._cell(file) if file.startswith("<ipython-input") else _LIBRARY  # frozen or generated
        if os.path.basename(os.path.dirname(file)).startswith("ipykernel_"):
            return self._cell(file)
        file = os.path.normpath(os.path.join(self._start, file))
        if file.startswith(self._probe):
            return _NEUTRAL
        if file.startswith(self._outside):
            return _LIBRARY
        for root in self._roots:
            if file.startswith(root):
                rest = file[len(root):]
                inside = os.sep + rest
                if os.sep + "site-packages" + os.sep in inside or os.sep + "dist-packages" + os.sep in inside:
                    return _LIBRARY
                return rest
        return _LIBRARY


    def _cell(self, file):
        """Returns the name under which a notebook's cell is shown, to which IPython has given this file name."""
        if self._notebook is None:
            from .notebook import Notebook

            self._notebook = Notebook(self.below_root)
        return self._notebook.name(file)


def _typed(frame):
    """Reports whether the program itself came from the command line or from standard input."""
    scope = frame.f_globals
    return scope.get("__name__") == "__main__" and scope.get("__file__", "<stdin>") == "<stdin>"


def library(frame):
    """Names the public module of a library's frame: sklearn.model_selection for sklearn.model_selection._split."""
    if frame is None:
        return None
    parts = (frame.f_globals.get("__name__") or "").split(".")
    public = []
    for part in parts:
        if part.startswith("_"):
            break
        public.append(part)
    return ".".join(public or parts) or None


def caller(depth=1):
    """Returns the frame that called the function that calls this one."""
    return sys._getframe(depth + 1)
