"""Digests of tensors and arrays. Bitwise: -0.0 is not 0.0, and the order of rows counts.

A tensor in the CPU's memory is read in place, one on a device is reduced there. Nothing here draws a random number, records
a gradient or changes a tensor.
"""

import sys
from zlib import crc32

from . import devices, digest

# Elements of one process's parameters that are digested at a step; of more, every n-th is, so that a large model's
# training is not slowed down. What is digested at the beginning and at the end is digested whole.
BUDGET = 16 * 1024 * 1024
# A device computes faster than it can be asked to: there a quarter of that has to do.
_OF_DEVICE = 4


def of_tensor(tensor, stride=1):
    """Returns "float32[64,8]:<8 hexadecimal digits>" for a dense tensor of which every stride-th element is read."""
    torch = sys.modules["torch"]
    with torch.no_grad():
        content = _content(torch, tensor, stride)
    return "%s[%s]:%s" % (str(tensor.dtype)[6:], ",".join(map(str, tensor.shape)), content)


def of_list(tensors, budget=None):
    """Returns a list of digests, "-" for None; of all elements, or of so many that budget is kept."""
    torch = sys.modules["torch"]
    total = sum([tensor.numel() for tensor in tensors if tensor is not None])
    stride, on_device = (1, 1) if budget is None else (total // budget + 1, total * _OF_DEVICE // budget + 1)
    found = ["-"] * len(tensors)
    there = {}
    with torch.no_grad():
        for index, tensor in enumerate(tensors):
            if tensor is None:
                continue
            if _lies_on_device(torch, tensor):
                there.setdefault(tensor.device, []).append(index)
            else:
                found[index] = _content(torch, tensor, stride)
        for indices in there.values():
            try:
                those = devices.digests(torch, [tensors[index] for index in indices], on_device)
            except Exception:
                those = ["?"] * len(indices)
            for index, content in zip(indices, those):
                found[index] = content
    return found


def of_array(numpy, array):
    """Returns the digest of a NumPy array or scalar."""
    array = numpy.asarray(array)
    head = "%s[%s]" % (array.dtype, ",".join(map(str, array.shape)))
    if array.dtype.hasobject:
        return head + ":" + digest.of_text(repr(array.tolist())[:1 << 16])
    return "%s:%08x" % (head, crc32(numpy.ascontiguousarray(array).view(numpy.uint8) if array.size else b""))


def _content(torch, tensor, stride):
    try:
        inner = None if _plain(torch, tensor) else getattr(tensor, "__tensor_flatten__", None)
        if inner is not None:
            # A wrapper (a DTensor, a nested or quantised tensor) has no memory of its own, its parts have.
            return digest.of_text(",".join([_content(torch, getattr(tensor, name), stride) for name in inner()[0]]))
        if tensor.numel() == 0:
            return "00000000"
        if tensor.layout is not torch.strided or tensor.is_quantized:
            return _special(torch, tensor)
        if not tensor.is_cpu:
            return devices.digests(torch, [tensor], stride)[0]
        if stride > 1 and tensor.numel() > stride:
            tensor = tensor.detach().reshape(-1)[::stride]
        return "%08x" % crc32(_memory(tensor))
    except Exception:
        # A tensor without memory of its own (meta, fake) is known by its shape alone.
        return "?"


def _lies_on_device(torch, tensor):
    """Reports whether a tensor is a dense one, of torch's own kind, in a device's memory."""
    return (_plain(torch, tensor) and tensor.layout is torch.strided
            and not tensor.is_quantized and not tensor.is_cpu and not tensor.is_meta)


def _plain(torch, tensor):
    return type(tensor) in (torch.Tensor, torch.nn.Parameter)


def _memory(tensor):
    """Returns the elements in order as a buffer; the tensor's own memory when they lie there in order."""
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    if not tensor.is_contiguous():
        tensor = tensor.contiguous()
    size = tensor.numel() * tensor.element_size()
    if not tensor.data_ptr():
        raise ValueError("no memory")
    view = (_char() * size).from_address(tensor.data_ptr())
    # The view does not own the memory.
    view.owner = tensor
    return view


def _char():
    # torch has imported ctypes by now; a program without torch need not.
    return sys.modules["ctypes"].c_char


def _special(torch, tensor):
    if tensor.layout is torch.sparse_coo:
        whole = tensor.detach().coalesce()
        return digest.of_text(_content(torch, whole.indices(), 1) + _content(torch, whole.values(), 1))
    if tensor.is_quantized:
        return _content(torch, tensor.int_repr(), 1)
    return _content(torch, tensor.detach().to_dense(), 1)
