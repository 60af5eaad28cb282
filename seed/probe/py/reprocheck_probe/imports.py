"""Calls the probe back when the user's program has imported a module."""

import sys


class Finder:
    """A meta path finder that lets the others find the modules of interest and learns when they have been executed."""

    def __init__(self, fault):
        """fault(what, error) is called where a callback fails; what names the module that the callback comes from."""
        self._fault = fault
        self._waiting = {}
        self._before = {}

    def install(self):
        sys.meta_path.insert(0, self)

    def when(self, name, callback):
        """Calls callback(module) once the module name has been imported, at once if it is there already."""
        module = sys.modules.get(name)
        if module is not None:
            self._call(callback, module)
        else:
            self._waiting.setdefault(name, []).append(callback)

    def before(self, name, callback):
        """Calls callback() before the module name is executed, at once if it has been already."""
        if name in sys.modules:
            callback()
        else:
            self._before.setdefault(name, []).append(callback)

    def find_spec(self, name, path=None, target=None):
        for callback in self._before.pop(name, ()):
            callback()
        if name not in self._waiting:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self._waiting.pop(name), self._call)
                return spec
        return None

    def _call(self, callback, module):
        try:
            callback(module)
        except Exception as error:
            self._fault(callback.__module__.rpartition(".")[2], error)


class _Loader:
    """Stands in for a module's own loader until the module has been executed."""

    def __init__(self, loader, callbacks, call):
        self._loader = loader
        self._callbacks = callbacks
        self._call = call

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        # From here on nothing shows that the probe stood between.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for callback in self._callbacks:
            self._call(callback, module)
