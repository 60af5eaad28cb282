"""The content digest of docs/checkpoint-digest.md, for comparison with the Go implementation."""
import hashlib
import json


def field(s):
    s = s.encode() if isinstance(s, str) else s
    return str(len(s)).encode() + b":" + s


def digest(type_, shape, attrs, data):
    h = hashlib.sha256(field("rc1") + field(type_) + field(shape) + field(attrs))
    for at in range(0, len(data), 4 << 20):
        h.update(hashlib.sha256(data[at:at + (4 << 20)]).digest())
    return h.digest()


def file_digest(entries):
    """entries maps names to digests."""
    h = hashlib.sha256(field("rc1") + field("file"))
    for name, d in sorted((k.encode("utf-8", "surrogatepass"), d) for k, d in entries.items()):
        h.update(field(name) + d)
    return "rc1:" + h.hexdigest()


class Expect:
    """Collects the expected digests of one file, one JSON list per line."""

    def __init__(self):
        self.lines = []

    def tensor(self, name, dtype, shape, data, attrs=""):
        shape_text = "[" + ",".join(map(str, shape)) + "]"
        self.lines.append([name, dtype, shape, "rc1:" + digest(dtype, shape_text, attrs, data).hex()])

    def write(self, path):
        with open(path, "w") as f:
            for line in self.lines:
                f.write(json.dumps(line) + "\n")
