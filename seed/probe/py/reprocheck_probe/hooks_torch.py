"""torch: its global generators, facts and flags."""

import os
import sys

from . import digest, tracers
from .standins import put
from .streams import Stream
from .weights import Weights

CPU = "torch-cpu"
CUDA = "torch-cuda"

_FUNCTIONS = ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson", "rand_like",
              "randn_like", "randint_like", "dropout", "feature_dropout", "alpha_dropout")
_FUNCTIONAL = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "rrelu",
               "gumbel_softmax", "scaled_dot_product_attention", "multi_head_attention_forward",
               "fractional_max_pool2d", "fractional_max_pool3d")
_METHODS = ("uniform_", "normal_", "random_", "bernoulli_", "exponential_", "log_normal_", "cauchy_", "geometric_",
            "bernoulli", "multinomial")


def install(probe):
    probe.imports.when("torch", lambda module: _hook(probe, module))


def _hook(probe, torch):
    probe.emit("fact", value=str(torch.__version__), detail={"name": "torch"})
    set_seed = torch._C.default_generator.manual_seed
    cpu = Stream(probe, CPU, lambda: _cpu_state(torch), set_seed)
    weights = probe.weights = Weights(torch)
    cpu.drew = lambda where, target: weights.drew((where.file, where.line), target)
    cuda = cpu.beside = _Cuda(probe, torch) if has_gpu() else None
    for name in _FUNCTIONS:
        cpu.watch(torch, name)
    for name in _METHODS:
        cpu.watch(torch.Tensor, name, method=True)
    # random_split has taken the function into a name of its own.
    dataset = sys.modules.get("torch.utils.data.dataset")
    if dataset is not None:
        cpu.watch(dataset, "randperm")
    for name in _FUNCTIONAL:
        cpu.watch(torch.nn.functional, name)
    _watch_seeding(probe, torch, cpu, cuda)
    _pin_generators(probe, torch, {"cpu": cpu, "cuda": cuda})
    tracers.stand_aside(probe, torch, cpu)
    _set_flags(probe, torch)


class _Cuda(Stream):
    """The generators of the CUDA devices. There is none to read before CUDA has been initialised.

    A device's state is its seed and the offset of the next draw, 8 bytes each; a fresh one has offset 0."""


    def __init__(self, probe, torch):
        self._torch = torch
        super().__init__(probe, CUDA, self._states, self._seed_all)

    def _states(self):
        cuda = self._torch.cuda
        if not cuda.is_initialized():
            return b""
        return b"".join(_bytes(cuda.get_rng_state(device)) for device in range(cuda.device_count()))

    def used(self, now):
        if self._set != digest.of_bytes(b""):
            return super().used(now)
        states = self._states()
        return states != _fresh(states)

    def before(self, earlier, later):
        # The call may have initialised CUDA, which is no draw.
        return super().before(earlier or _fresh(later), later)

    def _seed_all(self, seed):
        # Before CUDA is initialised the call is queued until it is.
        self._torch.cuda.manual_seed_all(seed % 2**63)


def _fresh(states):
    """Returns the states of CUDA generators as they were before the first draw."""
    return b"".join(states[start : start + 8] + bytes(8) for start in range(0, len(states), 16))


def has_gpu():
    """Reports whether there may be a GPU of NVIDIA's or AMD's, by what their drivers put there."""
    return any(map(os.path.exists, ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")))


def _cpu_state(torch):
    return _bytes(torch._C.default_generator.get_state())


def _bytes(tensor):
    from ctypes import string_at

    return string_at(tensor.data_ptr(), tensor.numel())


def _watch_seeding(probe, torch, cpu, cuda):
    """Watches the functions that seed, under each name that a user may call them by."""
    def manual(api, owners, name, streams):
        original = getattr(owners[0], name)

        def seeding(*args, **kwargs):
            if probe.thread.busy:
                return original(*args, **kwargs)
            probe.thread.busy = True
            try:
                result = original(*args, **kwargs)
            finally:
                probe.thread.busy = False
            frame = sys._getframe(1)
            value = args[0] if args else kwargs.get("seed")
            for stream in streams:
                if stream is not None:
                    stream.guarded(stream.set, frame, api, value)
            return result

        put(owners, name, original, seeding)

    def from_entropy(api, owners, name, streams):
        original = getattr(owners[0], name)

        def seeding():
            if probe.thread.busy:
                return original()
            frame = sys._getframe(1)
            instead = cpu.guarded(cpu.instead_of_none, api)
            probe.thread.busy = True
            try:
                if instead is None:
                    result = original()
                else:
                    result = instead % 2**63
                    torch.manual_seed(result)
            finally:
                probe.thread.busy = False
            for stream in streams:
                if stream is not None:
                    stream.guarded(stream.set, frame, api, None)
            return result

        put(owners, name, original, seeding)

    def initial(original):
        def initial_seed():
            value = original()
            frame = sys._getframe(1)
            if not probe.thread.busy and probe.frames.is_user(frame):
                probe.origins.hand_out(CPU, value, probe.frames.line(frame))
            return value

        return initial_seed

    def restoring(api, owners, name, stream):
        original = getattr(owners[0], name)

        def restore(*args, **kwargs):
            result = original(*args, **kwargs)
            if not probe.thread.busy and stream is not None:
                frame = sys._getframe(1)
                stream.guarded(lambda: stream.set(frame, api, None, "state:" + stream.digest(), again=False))
            return result

        put(owners, name, original, restore)

    manual("torch.manual_seed", (torch, torch.random), "manual_seed", (cpu, cuda))
    from_entropy("torch.seed", (torch, torch.random), "seed", (cpu, cuda))
    put((torch, torch.random), "initial_seed", torch.initial_seed, initial(torch.initial_seed))
    restoring("torch.set_rng_state", (torch, torch.random), "set_rng_state", cpu)
    for name in ("manual_seed", "manual_seed_all"):
        manual("torch.cuda." + name, (torch.cuda, torch.cuda.random), name, (cuda,))
    restoring("torch.cuda.set_rng_state", (torch.cuda, torch.cuda.random), "set_rng_state", cuda)


def _pin_generators(probe, torch, streams):
    """Answers Generator.seed(), which cannot be watched: the class is written in C. So its name is given to a subclass,
    and only where a stream is pinned. streams are those of the kinds of device that a generator may be for."""
    if all(stream is None or _seed_of(probe, stream) is None for stream in streams.values()):
        return
    made_in_c = torch._C.Generator

    class Kind(type(made_in_c)):
        def __instancecheck__(cls, instance):
            return isinstance(instance, made_in_c)

    class Generator(made_in_c, metaclass=Kind):
        def seed(self):
            stream = streams.get(self.device.type)
            instead = stream and stream.guarded(stream.instead_of_none, "torch.Generator.seed")
            if instead is None:
                return super().seed()
            self.manual_seed(instead % 2**63)
            return instead % 2**63

    # Under its own name it would show in a zoom as a difference.
    Generator.__module__, Generator.__qualname__ = made_in_c.__module__, made_in_c.__qualname__
    torch.Generator = Generator


def _seed_of(probe, stream):
    level = probe.level(stream.source)
    return None if level is None else level.seed


def _set_flags(probe, torch):
    """Sets what the levels of torch's flags ask for; each flag is a source of its own."""
    backends = torch.backends
    level = probe.level("torch-nondeterministic-ops")
    if level is not None and level.level == "pin":
        torch.use_deterministic_algorithms(True, warn_only=True)
        deterministic = getattr(torch.utils, "deterministic", None)
        if deterministic is not None:
            # Filling is another source's business (uninitialised-memory), and would change the values of a faulty program.
            deterministic.fill_uninitialized_memory = False
        original = _keep_deterministic(torch)
        if has_gpu():
            from . import kernels

            probe.settled = kernels.settle(torch, original)
    level = probe.level("matmul-precision")
    if level is not None and level.level == "pin":
        # TF32 is the environment's to forbid: a program that sets it by torch's newer names may not be set by the older.
        backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    level = probe.level("threads")
    if level is not None and level.value is not None:
        torch.set_num_threads(int(level.value))


def _keep_deterministic(torch):
    """Lets a program ask for more than the pin does, and not for less. Returns torch's own function."""
    original = torch._C._set_deterministic_algorithms

    def setting(mode, warn_only=False):
        original(True, warn_only=warn_only or not mode)

    setting.__name__ = original.__name__
    setting.__wrapped__ = original
    torch._C._set_deterministic_algorithms = setting
    return original


def facts(torch):
    """Returns the settings in force as a dict of text."""
    backends = torch.backends
    found = {}
    for name, read in {
        "torch.num_threads": torch.get_num_threads,
        "torch.deterministic": torch.are_deterministic_algorithms_enabled,
        "torch.cuda": lambda: torch.version.cuda or "none",
        "torch.default_dtype": torch.get_default_dtype,
        "torch.device": lambda: torch.cuda.get_device_name() if torch.cuda.is_initialized() else None,
        "cudnn.benchmark": lambda: backends.cudnn.benchmark,
        "cudnn.deterministic": lambda: backends.cudnn.deterministic,
        "cublas.workspace": lambda: os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        "matmul.precision": torch.get_float32_matmul_precision,
    }.items():
        try:
            value = read()
        except Exception:
            # torch refuses to tell the precision to a program that sets it by its older and its newer names.
            continue
        if value is not None:
            found[name] = str(value)
    return found
