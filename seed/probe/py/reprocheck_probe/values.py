"""Digests and short texts of arbitrary values, without running any of the user's code: no __repr__, no __eq__, no __iter__.

The order of a list or of a dict is part of its value, the order in which a set happens to be walked is not.
Generators of random numbers, modules, functions and classes are known by name: what they hold shows where it is used.
"""

import sys
from _collections import deque
from itertools import islice
from math import prod
from os import DirEntry

from . import digest, tensors

# Texts longer than this are shown cut.
_SHOWN = 80
# Arrays and tensors of more elements are read at every n-th.
_ELEMENTS = 1 << 20

_ATOMS = (bool, float, complex, type(None), type(Ellipsis), type(NotImplemented), range, slice)
_SLOT = type(type(lambda: 0).__globals__)
NAMED = (type, type(sys), type(lambda: 0), type(len), type(object().__init__), type("".join))
_GENERATORS = ("random.Random", "random.SystemRandom", "numpy.random._generator.Generator",
               "numpy.random.mtrand.RandomState", "torch._C.Generator")
# Arrays of other frameworks, by package and class: what NumPy can be given, on whatever device it lies.
_ARRAYS = (("jaxlib", "ArrayImpl"), ("tensorflow", "EagerTensor"))


class Limits:
    """How deep, how wide and how far a value is followed."""

    __slots__ = ("depth", "width", "nodes")

    def __init__(self, depth, width, nodes):
        self.depth = depth
        self.width = width
        self.nodes = nodes


CLOSE = Limits(depth=3, width=64, nodes=512)
BATCH = Limits(depth=6, width=4096, nodes=65536)


def seen(value, limits):
    """Returns (digest, short text) of a value."""
    text = _Walk(limits).text(value, 0)
    return digest.of_text(text), text if len(text) <= _SHOWN else text[:_SHOWN - 1] + "\u2026"


# Of a set that a line walks, so many members are looked at.
_WALKED = 64


def walked(members):
    """Returns (digest, short text) of a set in the order in which it is walked."""
    each = Limits(depth=2, width=8, nodes=32)
    text = ", ".join([_Walk(each).text(member, 0) for member in islice(members, _WALKED)])
    return digest.of_text(text), text if len(text) <= _SHOWN else text[:_SHOWN - 1] + "\u2026"


def of_batch(batch):
    """Returns the digest of what a DataLoader hands out."""
    return digest.of_text(_Walk(BATCH).text(batch, 0))


class _Walk:
    def __init__(self, limits):
        self._limits = limits
        self._nodes = limits.nodes
        self._torch = sys.modules.get("torch")
        self._numpy = sys.modules.get("numpy")
        self._pandas = sys.modules.get("pandas")
        self._pathlib = sys.modules.get("pathlib")

    def text(self, value, depth):
        """Returns a text that two values share exactly when they are equal as far as they are followed."""
        kind = type(value)
        if kind is str:
            return _string(value)
        if kind is int:
            return repr(value) if -1 << 256 < value < 1 << 256 else "int:" + digest.of_text("%x" % value)
        if kind in _ATOMS:
            return repr(value)
        if kind is bytes or kind is bytearray:
            return repr(value) if len(value) <= _SHOWN else "%s[%d]:%s" % (kind.__name__, len(value), digest.of_bytes(value))
        self._nodes -= 1
        if self._nodes < 0:
            return "\u2026"
        try:
            return self._other(value, kind, depth)
        except Exception:
            return _name(kind)

    def _other(self, value, kind, depth):
        if issubclass(kind, NAMED):
            return "<%s %s>" % (_name(kind), getattr(value, "__qualname__", getattr(value, "__name__", "")))
        if _name(kind) in _GENERATORS:
            return _name(kind)
        if self._torch is not None and issubclass(kind, self._torch.Tensor):
            return _tensor(value)
        if self._numpy is not None and issubclass(kind, (self._numpy.ndarray, self._numpy.generic)):
            return _array(self._numpy, value)
        if self._numpy is not None and (kind.__module__.partition(".")[0], kind.__name__) in _ARRAYS:
            return _array(self._numpy, self._numpy.asarray(value)) if prod(value.shape) <= _ELEMENTS else _name(kind)
        if self._pandas is not None and issubclass(kind, (self._pandas.DataFrame, self._pandas.Series, self._pandas.Index)):
            return "%s:%s" % (kind.__name__, _array(self._numpy, value.to_numpy()))
        if self._pathlib is not None and issubclass(kind, self._pathlib.PurePath):
            return "%s(%s)" % (kind.__name__, _string(self._pathlib.PurePath.__str__(value)))
        if kind is DirEntry:
            return "DirEntry(%s)" % self.text(value.path, depth)
        if depth >= self._limits.depth:
            return _name(kind)
        if issubclass(kind, dict):
            items = islice(dict.items(value), self._limits.width)
            inner = ", ".join([self.text(key, depth + 1) + ": " + self.text(item, depth + 1) for key, item in items])
            return "%s{%s}" % (_head(kind, dict, dict.__len__(value)), inner)
        for base in (list, tuple, deque):
            if issubclass(kind, base):
                inner = ", ".join([self.text(item, depth + 1) for item in islice(base.__iter__(value), self._limits.width)])
                return "%s[%s]" % (_head(kind, base, base.__len__(value)), inner)
        for base in (set, frozenset):
            if issubclass(kind, base):
                return self._set(value, kind, base, depth)
        fields = _fields(value, kind)
        text = _name(kind)
        if fields is not None:
            text += self.text(fields, depth + 1)
        # In angle brackets where a set or a dict places the object by its address.
        return "<%s>" % text if kind.__hash__ is object.__hash__ else text

    def _set(self, value, kind, base, depth):
        # Which of a large set's elements came first would depend on its order: they are all looked at, or none.
        size = base.__len__(value)
        if size > self._limits.width * 16:
            return _head(kind, base, size)
        # Each element is followed as far as any other, for the same reason.
        each = Limits(self._limits.depth, self._limits.width, self._limits.nodes // 16)
        inner = sorted(_Walk(each).text(item, depth + 1) for item in base.__iter__(value))
        return "%s{%s}" % (_head(kind, base, size), ", ".join(inner))


def _fields(value, kind):
    """Returns the attributes that an object itself has, those in slots included, or None where it has no place for any."""
    slots = {name: member for base in reversed(kind.__mro__) if "__slots__" in vars(base)
             for name, member in vars(base).items() if type(member) is _SLOT}
    fields = {}
    for name, member in slots.items():
        try:
            fields[name] = member.__get__(value)
        except AttributeError:
            pass  # not set yet
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return fields if slots else None
    if type(own) is dict:
        fields.update(own)
    return fields


def _name(kind):
    module = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", "?")
    return name if module in (None, "builtins", "__main__") else "%s.%s" % (module, name)


def _head(kind, base, size):
    """Names a container where its text does not show what it is."""
    name = "" if kind in (list, dict) else _name(kind)
    return name if size <= CLOSE.width else "%s(%d)" % (name, size)


def _string(value):
    if "0x" in value:
        import re

        # An address in a text is the address of some object: no two runs have it in common.
        value = re.sub("0x[0-9a-fA-F]{6,}", "0x\u2026", value)
    return repr(value) if len(value) <= 4096 else "str[%d]:%s" % (len(value), digest.of_text(value))


def _tensor(tensor):
    stride = tensor.numel() // _ELEMENTS + 1
    return tensors.of_tensor(tensor, stride)


def _array(numpy, array):
    if array.size > _ELEMENTS:
        array = array.reshape(-1)[:: array.size // _ELEMENTS + 1]
    if array.size == 1 and not array.dtype.hasobject and isinstance(array, numpy.generic):
        return "%s(%r)" % (array.dtype, array.item())
    return tensors.of_array(numpy, array)
