"""Operators of torch whose kernel, or whose gradient's kernel, has no fixed result: sums by atomic additions.

The list follows the documentation of torch.use_deterministic_algorithms. On the CPU, accumulating index_put_ (the gradient of
indexing by a tensor) is split over threads and shares their trouble; a GPU sorts there. On a GPU, attention's gradient and the
loss of a map of classes were seen to vary (PyTorch 2.11 on an H200), and what torch.compile makes for one: it times its kernels
before it takes one."""

from .hooks_torch import has_gpu
from .sightings import Calls, Sightings

SOURCE = "torch-nondeterministic-ops"

_OF_A_LINE = 4

_METHODS = ("index_add_", "index_add", "index_put_", "index_put", "index_copy_", "index_copy", "scatter_add_",
            "scatter_add", "scatter_reduce_", "scatter_reduce", "scatter_", "scatter", "put_", "put", "histc", "bincount",
            "kthvalue", "median", "cumsum")
# Their gradients add up where two places meet.
_GRADIENTS = ("index_select", "gather", "take", "repeat_interleave")
# Those whose own kernel adds up on a GPU, not only their gradient's.
_FORWARD = frozenset(("index_add_", "index_add", "index_put_", "index_put", "scatter_add_", "scatter_add", "scatter_reduce_",
                      "scatter_reduce", "put_", "put", "histc", "bincount", "cumsum", "cross_entropy", "nll_loss", "torch.compile"))
_FUNCTIONS = ("index_add", "index_copy", "scatter_add", "scatter_reduce", "bincount", "histc", "cumsum", "kthvalue", "median")
_FUNCTIONAL = ("embedding", "embedding_bag", "interpolate", "grid_sample", "ctc_loss", "nll_loss", "pad", "max_unpool2d",
               "fractional_max_pool2d", "adaptive_avg_pool2d", "max_pool3d", "avg_pool3d")
_ON_GPU = ("scaled_dot_product_attention", "cross_entropy")


def install(probe):
    sightings = Sightings(probe, _OF_A_LINE)

    def seen(op, frame):
        # It is the user's line that is counted, not the library's.
        found, below = probe.frames.search(frame)
        if found is not None and sightings.first(op, found):
            detail = {"op": op}
            if op in _FORWARD:
                detail["forward"] = True
            probe.emit("op", SOURCE, probe.frames.place(found, below), None, detail)

    def always(op):
        return lambda frame, args, kwargs: seen(op, frame)

    def watch(torch):
        def with_gradient(op):
            def look(frame, args, kwargs):
                tensors = (item for item in (*args, *kwargs.values()) if isinstance(item, torch.Tensor))
                if any(tensor.requires_grad for tensor in tensors):
                    seen(op, frame)

            return look

        def on_gpu(op):
            look = with_gradient(op)

            def only(frame, args, kwargs):
                tensor = args[0] if args else kwargs.get("query", kwargs.get("input"))
                # The loss of single classes is summed in order.
                if tensor.is_cuda and (op != "cross_entropy" or tensor.dim() > 2):
                    look(frame, args, kwargs)

            return only

        def indexed(frame, args, kwargs):
            tensor, index = args
            parts = index if type(index) is tuple else (index,)
            if tensor.requires_grad and tensor.is_cpu and any(isinstance(part, (torch.Tensor, list)) for part in parts):
                seen("__getitem__", frame)

        for name in _METHODS:
            Calls(probe, torch.Tensor, name, always(name), method=True)
        for name in _GRADIENTS:
            Calls(probe, torch.Tensor, name, with_gradient(name), method=True)
            Calls(probe, torch, name, with_gradient(name))
        for name in _FUNCTIONS:
            Calls(probe, torch, name, always(name))
        for name in _FUNCTIONAL:
            Calls(probe, torch.nn.functional, name, with_gradient(name))
        for name in _ON_GPU:
            Calls(probe, torch.nn.functional, name, on_gpu(name))
        Calls(probe, torch.Tensor, "__getitem__", indexed, method=True)
        if has_gpu():
            Calls(probe, torch, "compile", always("torch.compile"))

    probe.imports.when("torch", watch)
