"""TorchScript, FX and Dynamo turn functions into graphs, and know torch's own by identity or by source: they must find those."""

import os

from .standins import put


def stand_aside(probe, torch, stream):
    """Puts what a stream and the sightings have replaced back while a graph is made."""
    def rest():
        stream.rest()
        for stand_in in probe.stand_ins:
            stand_in.rest()

    def during(original):
        def capturing(*args, **kwargs):
            watching = stream.watching
            rest()
            try:
                return original(*args, **kwargs)
            finally:
                if watching:
                    stream.rouse()

        return capturing

    def ever_after(original):
        def compiling(*args, **kwargs):
            # The capturing itself is done whenever the compiled function is called.
            rest()
            stream.retire()
            return original(*args, **kwargs)

        return compiling

    script = torch.jit.script
    put((torch.jit,), "script", script, during(script))
    if hasattr(torch, "compile"):
        put((torch,), "compile", torch.compile, ever_after(torch.compile))

    def watch_tracer(module):
        trace = module.Tracer.trace
        put((module.Tracer,), "trace", trace, during(trace))

    def watch_dynamo(module):
        # What torch.export and torch._dynamo itself compile goes by here, as all else does.
        kind = module.OptimizeContext
        put((kind,), "__init__", kind.__init__, ever_after(kind.__init__))

    probe.imports.when("torch.fx._symbolic_trace", watch_tracer)
    probe.imports.when("torch._dynamo.eval_frame", watch_dynamo)
    for module in ("torch._dynamo.trace_rules", "torch._dynamo.skipfiles"):
        probe.imports.when(module, _skip)


def _skip(module):
    """Has Dynamo leave the probe's own functions out of its graphs, where a compiled function calls them."""
    if hasattr(module, "SKIP_DIRS"):
        module.SKIP_DIRS.append(os.path.dirname(__file__) + os.sep)
        module._recompile_re()
