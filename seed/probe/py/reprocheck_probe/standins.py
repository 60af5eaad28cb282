"""What stands in the place of a function of a library."""

import sys


class StandIn:
    """Stands in for a function. Not a function itself: as a class's attribute it is not bound, like a builtin.

    It equals the original, so that tables of functions hold the one where they hold the other: os.supports_dir_fd, or what a
    tensor's __torch_function__ looks up."""

    def __init__(self, original, name):
        self._original = original
        self.__wrapped__ = original
        self.__name__ = name
        self.__qualname__ = getattr(original, "__qualname__", name)
        self.__doc__ = getattr(original, "__doc__", None)
        self.__module__ = getattr(original, "__module__", None)

    def __getattr__(self, name):
        return getattr(self.__dict__["_original"], name)

    def __eq__(self, other):
        return self is other or self._original == (other._original if isinstance(other, StandIn) else other)

    def __hash__(self):
        return hash(self._original)

    def __reduce_ex__(self, protocol):
        # What is pickled must be found again without the probe too.
        from operator import attrgetter, itemgetter

        original = self._original
        try:
            found = attrgetter(self.__qualname__)(sys.modules[self.__module__])
        except (AttributeError, KeyError):
            found = None
        if found is self:
            return self.__qualname__
        # Another module has the original under that name: pickle takes that for another function, and so takes the original alone.
        return (itemgetter(0), ((original,),)) if found is original else original.__reduce_ex__(protocol)

    def __repr__(self):
        return repr(self._original)


# As in types, which is not imported for this alone when Python starts.
_Method = type(StandIn(id, "id").__repr__)


class Bindable:
    """Makes a stand-in one for a method, which is bound to the instance that it is asked of."""

    def __get__(self, instance, owner=None):
        return self if instance is None else _Method(self, instance)


def put(owners, name, original, replacement):
    """Puts a function in the place of the original in each owner that has it under that name."""
    replacement.__name__ = original.__name__
    replacement.__qualname__ = original.__qualname__
    replacement.__doc__ = original.__doc__
    replacement.__module__ = original.__module__
    replacement.__wrapped__ = original
    for owner in owners:
        if getattr(owner, name, None) is original:
            setattr(owner, name, replacement)


def put_global(module, name, original, replacement):
    """Puts a function in the place of a module's, where a pickle of it finds it: the original may be a method, or of another module."""
    put((module,), name, original, replacement)
    replacement.__module__, replacement.__qualname__ = module.__name__, name
