"""Digests of tensors on a device: they are reduced there, in integers, and only the sums travel, once for all."""

# Elements that are worked on at a time: what is needed beside the user's tensors stays below 64 MB of the device's memory.
_PIECE = 1 << 20

_BITS = 0xFFFFFFFFFFFFFFFF
# Multipliers of Knuth's multiplicative hashing (the golden ratio in 64 bits) and of splitmix64, as signed numbers.
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX = 0xBF58476D1CE4E5B9 - (1 << 64)


def digests(torch, tensors, stride=1):
    """Returns a digest of 16 hexadecimal digits for each of the dense tensors, which lie on one device; every stride-th
    element is read.

    A digest is the sum of the elements' bits, each times an odd number of 64 bits that depends on its place, modulo 2**64:
    other contents, or another order, have the same sum as seldom as random ones. "?" stands for each while CUDA captures a
    graph."""
    if capturing(torch):
        return ["?"] * len(tensors)
    pieces = [piece for index, tensor in enumerate(tensors) for piece in _pieces(torch, index, tensor, stride)]
    found = [0] * len(tensors)
    if not pieces:
        return ["%016x" % value for value in found]
    batches = list(_batches(pieces))
    weights = _weights(torch, max([sum([bits.numel() for _, bits in batch]) for batch in batches]), pieces[0][1].device)
    totals = iter(torch.cat([_sums(torch, [bits for _, bits in batch], weights) for batch in batches]).tolist())
    for batch in batches:
        before = 0
        for index, _ in batch:
            upto = next(totals)
            # The pieces of a tensor are taken in order, so that two that change places are seen.
            found[index] = (found[index] * _GOLDEN + upto - before) & _BITS
            before = upto
    return ["%016x" % value for value in found]


def capturing(torch):
    """Reports whether CUDA captures a graph: what a tensor will hold is not there yet, and reading it would end the capture."""
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def _pieces(torch, index, tensor, stride):
    """Returns the bits of a tensor as integers, in one or more views of at most _PIECE elements."""
    tensor = tensor.detach()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    if tensor.is_neg():
        tensor = tensor.resolve_neg()
    bits = tensor.reshape(-1).view({1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()])
    if 1 < stride < bits.numel():
        bits = bits[::stride]
    if bits.numel() <= _PIECE:
        return [(index, bits)] if bits.numel() else []
    return [(index, piece) for piece in bits.split(_PIECE)]


def _batches(pieces):
    """Joins pieces of one element size that follow one another, so that many small tensors cost no more than a large one."""
    batch, size, kind = [], 0, pieces[0][1].dtype
    for piece in pieces:
        n = piece[1].numel()
        if size + n > _PIECE and batch or piece[1].dtype is not kind:
            yield batch
            batch, size, kind = [], 0, piece[1].dtype
        batch.append(piece)
        size += n
    yield batch


def _weights(torch, n, device):
    """Returns n odd numbers that look random: a round of splitmix64 over the places."""
    weights = torch.arange(1, n + 1, device=device, dtype=torch.int64).mul_(_GOLDEN)
    weights ^= weights >> 30
    return weights.mul_(_MIX).bitwise_or_(1)


def _sums(torch, pieces, weights):
    """Returns the weighted sums over the pieces up to and with each, modulo 2**64."""
    if len(pieces) == 1:
        return (pieces[0] * weights[: pieces[0].numel()]).sum().reshape(1)
    bits = torch.cat(pieces)
    ends = torch.tensor([piece.numel() for piece in pieces]).cumsum(0) - 1
    # The copy does not wait for the device.
    return (bits * weights[: bits.numel()]).cumsum(0)[ends.to(bits.device, non_blocking=True)]
