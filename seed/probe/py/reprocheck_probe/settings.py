"""What reprocheck tells the probe."""

PROTOCOL = 1


class Level:
    """What to do with one source: level is "pin" or "vary". seed is what pinned values are derived from, None for a
    source that is varied without one; value is None where it was not given."""

    __slots__ = ("level", "seed", "value")

    def __init__(self, level, seed=None, value=None):
        self.level = level
        self.seed = seed
        self.value = value


class Settings:
    """The probe's settings; the document of the protocol explains each."""

    __slots__ = ("trace_dir", "root", "levels", "until_step", "line_events")

    def __init__(self, told):
        self.trace_dir = told["trace_dir"]
        self.root = told["root"]
        self.levels = {}
        for source, level in (told.get("levels") or {}).items():
            if level.get("level") in ("pin", "vary"):
                self.levels[source] = Level(
                    level["level"], level.get("seed", 0 if level["level"] == "pin" else None), level.get("value"))
        zoom = told.get("zoom")
        # None: no close look.
        self.until_step = zoom.get("until_step", 0) if zoom else None
        self.line_events = zoom.get("events", 200000) if zoom else 0


def read(path):
    """Returns the Settings in the file at path, or None when they cannot be read or are of another protocol."""
    try:
        with open(path, encoding="utf-8") as file:
            told = _parse(file.read())
        if told.get("protocol") != PROTOCOL:
            return None
        return Settings(told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None


class _Scan:
    """What the C scanner of CPython's json asks of its decoder, array_hook from Python 3.15 on."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo = {}


def _parse(text):
    """Parses JSON. The json package would import re and enum, which cost more than all of the probe's start."""
    try:
        from _json import make_scanner

        scan = make_scanner(_Scan())
    except (ImportError, AttributeError):  # a Python that has none, or one whose scanner asks for more
        import json

        return json.loads(text)
    value, _ = scan(text.strip(), 0)
    return value
