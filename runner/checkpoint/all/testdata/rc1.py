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


def name_of(dtype):
    """The name of a NumPy dtype."""
    kind, size = dtype.kind, dtype.itemsize
    if dtype.subdtype:
        return name_of(dtype.base) + "[" + ",".join(map(str, dtype.shape)) + "]"
    if dtype.names:
        fields = [f"{n}:{name_of(dtype.fields[n][0])}@{dtype.fields[n][1]}" for n in dtype.names]
        return "{" + ",".join(fields) + "}"
    if kind in "SUV":
        return {"S": "bytes", "U": "str", "V": "void"}[kind] + str(size // 4 if kind == "U" else size)
    if kind == "g" or (kind == "f" and size > 8):
        return f"longdouble{size}"
    return dtype.newbyteorder("<").name if kind not in "Mm" else dtype.name


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
