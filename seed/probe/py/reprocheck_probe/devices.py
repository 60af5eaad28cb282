"""Digests of tensors on a device: they are reduced there, in integers, and only the sums travel, once for all."""

# Elements that are worked on at a time: what is needed beside the user's tensors stays below 100 MB of the device's memory.
_PIECE = 1 << 20

# The multiplier of elements: the golden ratio in 32 bits, as in Knuth's multiplicative hashing.
_GOLDEN = 0x9E3779B1
_BITS = 0xFFFFFFFFFFFFFFFF


def digests(torch, tensors):
    """Returns a digest of 16 hexadecimal digits for each of the dense tensors, which lie on one device.

    A tensor is cut into pieces. Of each piece two sums are taken over the bits, one of them weighted by position: equal sums
    with other contents or another order are as unlikely as equal 64-bit digests of random contents. "?" stands for each
    while CUDA captures a graph."""
    if capturing(torch):
        return ["?"] * len(tensors)
    pieces = [piece for index, tensor in enumerate(tensors) for piece in _pieces(torch, index, tensor)]
    sums = [_sums(torch, [bits for _, bits in batch]) for batch in _batches(pieces)]
    totals = iter(torch.cat(sums, dim=1).t().tolist() if sums else ())
    found = [0] * len(tensors)
    for batch in _batches(pieces):
        before = (0, 0)
        for index, _ in batch:
            upto = next(totals)
            first, second = (upto[0] - before[0]) & _BITS, (upto[1] - before[1]) & _BITS
            before = upto
            # Pieces are taken in order, so that two that change places are seen.
            found[index] = (found[index] * _GOLDEN + (first ^ _turned(second))) & _BITS
    return ["%016x" % value for value in found]


def capturing(torch):
    """Reports whether CUDA captures a graph: what a tensor will hold is not there yet, and reading it would end the capture."""
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def _turned(value):
    return (value << 32 | value >> 32) & _BITS


def _pieces(torch, index, tensor):
    tensor = tensor.detach().resolve_conj().resolve_neg()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    tensor = tensor.contiguous().reshape(-1)
    bits = tensor.view({1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()])
    return [(index, piece) for piece in bits.split(_PIECE) if piece.numel()]


def _batches(pieces):
    """Joins pieces of one element size that follow one another, so that many small tensors cost no more than a large one."""
    batch, size = [], 0
    for piece in pieces:
        bits = piece[1]
        if batch and (size + bits.numel() > _PIECE or bits.dtype is not batch[0][1].dtype):
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += bits.numel()
    if batch:
        yield batch


def _sums(torch, pieces):
    """Returns the two sums over the pieces up to and with each, modulo 2**64: a tensor of shape [2, pieces]."""
    device = pieces[0].device
    sizes = torch.tensor([piece.numel() for piece in pieces])
    ends = sizes.cumsum(0)
    bits = (pieces[0] if len(pieces) == 1 else torch.cat(pieces)).to(torch.int64)
    places = torch.arange(bits.numel(), device=device, dtype=torch.int64)
    if len(pieces) > 1:
        places -= torch.repeat_interleave((ends - sizes).to(device), sizes.to(device), output_size=bits.numel())
    # An odd multiplier, and one that depends on the place: both wrap at 64 bits.
    weighted = (bits * _GOLDEN + 1) * (places * 2 + 1)
    weighted ^= weighted >> 29
    last = (ends - 1).to(device)
    return torch.stack((bits.cumsum(0)[last], weighted.cumsum(0)[last]))
