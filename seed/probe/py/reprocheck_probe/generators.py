"""Generators that a program made for itself, without a seed: did anybody draw from them?"""

# More generators than this are written when they are made, but not followed.
_FOLLOWED = 256
_WRITTEN = 4096


class Generators:
    """Keeps the unseeded generators of one stream, and says at the end of the process which of them have moved."""

    def __init__(self, probe, stream, reseed):
        """reseed(generator, seed) sets a generator's state from 64 bits."""
        self._reseed = reseed
        self._probe = probe
        self._stream = stream
        self._kept = []
        self._number = 0
        self._written = 0
        probe.at_exit(self._end)
        probe.after_fork(self._kept.clear)
        probe.at_task(self._begin_task)

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
            self._kept.append((self._number, found, generator, state, first))

    def seeded(self, frame, api, seed):
        """Writes that a generator was made from a seed, the first few times."""
        self._written += 1
        if self._written <= _FOLLOWED:
            self._stream.made(frame, api, seed)

    def _begin_task(self):
        """Where the stream is pinned, has what a process of a pool made for all its tasks begin each of them in a state of the
        task's own, as the global streams do: which process takes it is chance."""
        source = self._stream.source
        level = self._probe.level(source)
        if level is None or level.seed is None:
            return
        for number, _, generator, _, _ in self._kept:
            self._stream.guarded(self._reseed, generator, self._probe.derived(source, "generator", number))

    def _end(self):
        for number, (where, importing), generator, state, first in self._kept:
            now = state(generator)
            detail = {"at": "exit", "id": number, "used": now != first, "seeded": False}
            if importing:
                detail["importing"] = True
            self._probe.emit("stream", self._stream.source, where, now, detail)
