"""Short digests of states and values, equal in two processes exactly when the contents are."""

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b


def of_bytes(data):
    """Returns 16 hexadecimal digits for a bytes-like object."""
    return blake2b(data, digest_size=8).hexdigest()


def of_text(text):
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def number(*parts):
    """Returns an integer of 64 bits made from the parts' repr: the seed of a thing named by them."""
    return int.from_bytes(blake2b(repr(parts).encode("utf-8", "replace"), digest_size=8).digest(), "big")


def short(value, longest=80):
    """Returns repr(value), or a digest of it when it is longer than that. Only for values of builtin types."""
    text = repr(value)
    if len(text) <= longest:
        return text
    return "%s:%s" % (type(value).__name__, of_text(text))
