"""Decides at which counts something is looked at closely: densely at first, then ever more sparsely."""


def sampled(count):
    """Reports whether count (from 0) is one of 0 to 15 or of about four in each doubling after that."""
    if count < 16:
        return True
    return count % (1 << (count.bit_length() - 3)) == 0
