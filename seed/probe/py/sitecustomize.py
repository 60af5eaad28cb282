"""Starts reprocheck's probe, then hands over to the sitecustomize that this file shadows."""

import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, PathFinder
from marshal import dumps, loads

_HERE = os.path.dirname(os.path.abspath(__file__))


class _Modules:
    """Finds and loads the modules of the probe, whose sources lie in one file beside this one: a line with the name and
    the length of each, then its text. Compiled, by the first process of each kind of Python, they lie in another."""

    def __init__(self):
        self._file = os.path.join(_HERE, "reprocheck_probe.modules")
        self._codes = self._compiled()

    def find_spec(self, name, path=None, target=None):
        if name not in self._codes:
            return None
        spec = ModuleSpec(name, self, origin=_path(name), is_package="." not in name)
        spec.has_location = True
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(loads(self._codes[module.__name__]), module.__dict__)

    def get_source(self, name):
        return dict(self._sources()).get(name)

    def _sources(self):
        with open(self._file, encoding="utf-8", newline="") as file:
            for line in iter(file.readline, ""):
                name, length = line.split()
                yield name, file.read(int(length))

    def _compiled(self):
        kept = "%s.%s-%s-%d" % (self._file, sys.implementation.cache_tag, MAGIC_NUMBER.hex(), sys.flags.optimize)
        try:
            with open(kept, "rb") as file:
                codes = loads(file.read())
            if type(codes) is dict:
                return codes
        except (OSError, ValueError, EOFError, TypeError):
            pass
        codes = {name: dumps(compile(text, _path(name), "exec", dont_inherit=True)) for name, text in self._sources()}
        try:
            new = "%s.%d" % (kept, os.getpid())
            with open(new, "xb") as file:
                file.write(dumps(codes))
            os.replace(new, kept)
        except OSError:
            pass  # another process is at it, or the next one compiles too
        return codes


def _path(name):
    """Names the file that a module was embedded from, as if it lay here."""
    return os.path.join(_HERE, *name.split(".")) + (".py" if "." in name else os.sep + "__init__.py")


def _start():
    if not os.environ.get("REPROCHECK_PROBE") or "reprocheck_probe" in sys.modules:
        return  # not asked for, or started already by the probe of a reprocheck inside this one
    try:
        modules = _Modules()
        # First for the probe's own sake, and last for that of the user's imports, which it would only delay.
        sys.meta_path.insert(0, modules)
        try:
            import reprocheck_probe
        finally:
            sys.meta_path.remove(modules)
            sys.meta_path.append(modules)
        reprocheck_probe.start(os.environ["REPROCHECK_PROBE"])
    except Exception as error:  # the user's program goes on, unobserved, whatever is wrong with the probe
        if os.environ.get("REPROCHECK_PROBE_DEBUG"):
            raise error


def _hand_over():
    """Runs the sitecustomize that Python would have found after this one, where there is one."""
    paths = [os.path.abspath(entry) for entry in sys.path]
    after = paths.index(_HERE) + 1 if _HERE in paths else 0
    spec = PathFinder.find_spec("sitecustomize", paths[after:])
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_start()
_hand_over()
