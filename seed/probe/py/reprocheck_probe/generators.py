"""Generators that a program made for itself, without a seed: did anybody draw from them?"""

# More generators than this are written when they are made, but not followed.
_FOLLOWED = 256
_WRITTEN = 4096


class Generators:
    """Keeps the unseeded generators of one stream, and says at the end of the process which of them have moved."""

    def __init__(self, probe, stream):
        self._probe = probe
        self._stream = stream
        self._kept = []
        self._number = 0
        self._written = 0
        probe.at_exit(self._end)
        probe.after_fork(self._kept.clear)

    def made(self, frame, api, generator, state):
        """Writes that generator was made without a seed; state(generator) returns the digest of its state."""
        self.made_at(self._probe.frames.found(frame), api, generator, state, state(generator))

    def made_at(self, found, api, generator, state, first):
        """Does as made, for a generator that was made at found and whose first state has the digest first."""
        self._number += 1
        if self._number > _WRITTEN:
            return
        where, importing = found
        self._stream.made_at(where, api, None, first, self._number, importing)
        if len(self._kept) < _FOLLOWED:
            self._kept.append((self._number, where, generator, state, first))

    def seeded(self, frame, api, seed):
        """Writes that a generator was made from a seed, the first few times."""
        self._written += 1
        if self._written <= _FOLLOWED:
            self._stream.made(frame, api, seed)

    def _end(self):
        for number, where, generator, state, first in self._kept:
            now = state(generator)
            self._probe.emit("stream", self._stream.source, where, now,
                             {"at": "exit", "id": number, "used": now != first, "seeded": False})
