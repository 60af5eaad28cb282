"""What becomes of the random numbers that are drawn into a model's parameters, until an optimizer takes them: a layer draws its
weights when it is made, and a program's own initialisation draws them again."""

import weakref


class Weights:
    """Remembers which line drew into which parameter. A draw made in place into anything else is no draw of weights."""

    def __init__(self, torch):
        self._torch = torch
        self._drawn = {}  # by line: a reference to each parameter drawn into, None for anything else
        self._last = {}  # by address and size: the line that drew there last

    def drew(self, line, tensor):
        """Notes a draw of a line, into tensor where it was made in place, else None."""
        self._drawn.setdefault(line, []).append(weakref.ref(tensor) if isinstance(tensor, self._torch.nn.Parameter) else None)
        if tensor is not None:
            self._last[_place(tensor)] = line

    def overwritten(self, parameters):
        """Lists, as texts, the lines that drew into nothing but these parameters, of which none holds what the line drew: another
        line has drawn there since, or it was filled with one value."""
        known = set(map(id, parameters))

        def gone(reference, line):
            tensor = reference() if reference is not None else None
            return id(tensor) in known and (self._last.get(_place(tensor)) != line or self._filled(tensor))

        return ["%s:%d" % line for line, drawn in self._drawn.items() if all(gone(reference, line) for reference in drawn)]

    def _filled(self, tensor):
        with self._torch.no_grad():
            flat = tensor.reshape(-1)
            return flat.numel() > 0 and bool((flat == (flat[0] if flat.numel() > 1 else 0)).all())


def _place(tensor):
    return tensor.data_ptr(), tensor.numel()
