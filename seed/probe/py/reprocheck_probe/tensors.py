"""Digests of tensors and arrays. Bitwise: -0.0 is not 0.0, and the order of rows counts.

A tensor in the CPU's memory is read in place. One on a device is reduced there, in integers, and only the sums travel.
Nothing here draws a random number, records a gradient or changes a tensor.
"""

import sys
from zlib import crc32

from . import digest

# Elements of one process's parameters that are digested at a step; of more, every n-th is, so that a large model's
# training is not slowed down. What is digested at the beginning and at the end is digested whole.
BUDGET = 16 * 1024 * 1024

# The multiplier of elements on a device: the golden ratio in 32 bits, as in Knuth's multiplicative hashing.
_GOLDEN = 0x9E3779B1


def of_tensor(tensor, stride=1):
    """Returns "float32[64,8]:<8 hexadecimal digits>" for a dense tensor of which every stride-th element is read."""
    torch = sys.modules["torch"]
    with torch.no_grad():
        content = _content(torch, tensor, stride)
    return "%s[%s]:%s" % (str(tensor.dtype)[6:], ",".join(map(str, tensor.shape)), content)


def of_list(tensors, budget=None):
    """Returns a list of digests, "-" for None; of all elements, or of so many that budget is kept."""
    torch = sys.modules["torch"]
    stride = 1
    if budget is not None:
        total = sum([tensor.numel() for tensor in tensors if tensor is not None])
        stride = total // budget + 1
    with torch.no_grad():
        return ["-" if tensor is None else _content(torch, tensor, stride) for tensor in tensors]


def of_array(numpy, array):
    """Returns the digest of a NumPy array or scalar."""
    array = numpy.asarray(array)
    head = "%s[%s]" % (array.dtype, ",".join(map(str, array.shape)))
    if array.dtype.hasobject:
        return head + ":" + digest.of_text(repr(array.tolist())[:1 << 16])
    return "%s:%08x" % (head, crc32(numpy.ascontiguousarray(array).view(numpy.uint8) if array.size else b""))


def _content(torch, tensor, stride):
    try:
        size = tensor.numel()
        if size == 0:
            return "00000000"
        if tensor.layout is not torch.strided or tensor.is_quantized:
            return _special(torch, tensor)
        if stride > 1 and size > stride:
            tensor = tensor.detach().reshape(-1)[::stride]
        if tensor.is_cpu:
            return "%08x" % crc32(_memory(tensor))
        return _on_device(torch, tensor)
    except Exception:
        # A tensor without memory of its own (meta, fake, a wrapper subclass) is known by its shape alone.
        return "?"


def _memory(tensor):
    """Returns the elements in order as a buffer; the tensor's own memory when they lie there in order."""
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    if not tensor.is_contiguous():
        tensor = tensor.contiguous()
    size = tensor.numel() * tensor.element_size()
    view = (_char() * size).from_address(tensor.data_ptr())
    # The view does not own the memory.
    view.owner = tensor
    return view


def _char():
    # torch has imported ctypes by now; a program without torch need not.
    return sys.modules["ctypes"].c_char


def _on_device(torch, tensor):
    """Two sums over the bits, one of them weighted by position: equal sums with other contents or another order are
    as unlikely as equal 64-bit digests of random contents."""
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor).reshape(-1)
    size = tensor.element_size()
    bits = tensor.view({1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[size]).to(torch.int64)
    places = torch.arange(bits.numel(), device=bits.device, dtype=torch.int64)
    # An odd multiplier, and one that depends on the place: both wrap at 64 bits.
    weighted = (bits * _GOLDEN + 1) * (places * 2 + 1)
    first, second = torch.stack((bits.sum(), (weighted ^ (weighted >> 29)).sum())).tolist()
    return "%08x%08x" % (first & 0xFFFFFFFF, (second ^ second >> 32) & 0xFFFFFFFF)


def _special(torch, tensor):
    if tensor.layout is torch.sparse_coo:
        whole = tensor.detach().coalesce()
        return digest.of_text(_content(torch, whole.indices(), 1) + _content(torch, whole.values(), 1))
    if tensor.is_quantized:
        return _content(torch, tensor.int_repr(), 1)
    return _content(torch, tensor.detach().to_dense(), 1)
