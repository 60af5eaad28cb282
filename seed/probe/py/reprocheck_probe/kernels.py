"""Kernels of a GPU that torch.use_deterministic_algorithms(True, warn_only=True) leaves without a fixed result.

Each is answered below autograd, whichever way it was reached: by an operator, by a module, by compiled code. The gradients of
attention heed the setting only without warn_only, which is on while they are computed. The others have no other kernel
(documentation of torch.use_deterministic_algorithms): they are computed on the CPU."""

_STRICT = ("_scaled_dot_product_flash_attention_backward", "_scaled_dot_product_efficient_attention_backward",
           "_flash_attention_backward", "_efficient_attention_backward")
_ON_CPU = ("grid_sampler_2d_backward", "grid_sampler_3d_backward", "_ctc_loss_backward", "_ctc_loss_backward.Tensor",
           "upsample_linear1d_backward", "upsample_bilinear2d_backward", "upsample_bicubic2d_backward",
           "upsample_trilinear3d_backward", "_upsample_bilinear2d_aa_backward", "_upsample_bicubic2d_aa_backward",
           "avg_pool3d_backward", "max_pool3d_with_indices_backward", "_adaptive_avg_pool2d_backward",
           "_adaptive_avg_pool3d_backward", "adaptive_max_pool2d_backward", "adaptive_max_pool3d_backward",
           "fractional_max_pool2d_backward", "fractional_max_pool3d_backward", "reflection_pad1d_backward",
           "reflection_pad2d_backward", "reflection_pad3d_backward", "replication_pad1d_backward",
           "replication_pad2d_backward", "replication_pad3d_backward", "nll_loss2d_forward", "bincount", "median.dim",
           "scatter_reduce.two", "scatter_reduce_.two")


def settle(torch, set_deterministic, concerned=None):
    """Answers them from now on, as long as what it returns is kept. set_deterministic is torch's own function, and
    concerned(tensor) reports whether a call with this first argument is to be answered; as a rule on a GPU."""
    if concerned is None:
        # What a graph captures has to stay on the GPU.
        concerned = lambda tensor: tensor.is_cuda and not torch.cuda.is_current_stream_capturing()
    answers = _Answers(torch, set_deterministic, concerned)
    if not answers.possible():
        return None
    library = torch.library.Library("aten", "IMPL")
    for names, instead in ((_STRICT, answers.strictly), (_ON_CPU, answers.on_cpu)):
        for name in names:
            operator, _, overload = name.partition(".")
            original = getattr(getattr(torch.ops.aten, operator, None), overload or "default", None)
            if original is not None:
                # None of them has a kernel under this key, so that none is replaced.
                library.impl(name, answers.by(original, instead), "BackendSelect")
    # cuDNN's attention has no deterministic gradient, and is passed over only where the setting is without warn_only.
    enable = getattr(torch.backends.cuda, "enable_cudnn_sdp", None)
    if enable is not None:
        enable(False)
    return library


class _Answers:
    def __init__(self, torch, set_deterministic, concerned):
        self._torch = torch
        self._set = set_deterministic
        self._concerned = concerned
        self._below = torch._C._dispatch_keyset_full_after(torch._C.DispatchKey.BackendSelect)
        self._meta = torch._C.DispatchKeySet(torch._C.DispatchKey.Meta)

    def possible(self):
        """Reports whether this release of torch can call the kernel below."""
        try:
            one = self._torch.ones(1)
            return self._torch.ops.aten.bincount.default.redispatch(self._keys((one,), {}), one.int()).numel() == 2
        except (AttributeError, TypeError):
            return False

    def by(self, original, instead):
        """Returns what answers for an operator: by its own kernel, or where it is concerned by instead(original, kernel, args, kwargs)."""
        torch = self._torch

        def answer(*args, **kwargs):
            shapes_only = torch._C._meta_in_tls_dispatch_include()
            keys = self._meta if shapes_only else self._keys(args, kwargs)

            def kernel(*args, **kwargs):
                return original.redispatch(keys, *args, **kwargs)

            if shapes_only or not self._concerned(args[0]):
                return kernel(*args, **kwargs)
            return instead(original, kernel, args, kwargs)

        return answer

    def _keys(self, args, kwargs):
        keys = self._torch._C._dispatch_keys(args[0])
        for item in (*args[1:], *kwargs.values()):
            if isinstance(item, self._torch.Tensor):
                keys = keys | self._torch._C._dispatch_keys(item)
        return keys & self._below

    def strictly(self, original, kernel, args, kwargs):
        before = self._torch.is_deterministic_algorithms_warn_only_enabled()
        self._set(True, warn_only=False)
        try:
            return kernel(*args, **kwargs)
        finally:
            self._set(True, warn_only=before)

    def on_cpu(self, original, kernel, args, kwargs):
        torch = self._torch
        halves = []

        def fetch(item):
            if not isinstance(item, torch.Tensor):
                return item
            if item.dtype not in (torch.float16, torch.bfloat16):
                return item.cpu()
            # Few kernels of the CPU take half precision.
            halves.append(item.dtype)
            return item.cpu().float()

        def bring(item):
            return item.to(args[0].device, halves[0] if halves and item.dtype == torch.float32 else item.dtype)

        try:
            result = original(*map(fetch, args), **{name: fetch(item) for name, item in kwargs.items()})
        except Exception:
            return kernel(*args, **kwargs)
        if original._schema.is_mutable:
            return args[0].copy_(result)
        return tuple(map(bring, result)) if isinstance(result, tuple) else bring(result)
