"""JAX: it has no stream to watch, so what counts is the value that each key is made from."""

from .sightings import Calls, Sightings

SOURCE = "jax-key"

_OF_A_LINE = 8


def install(probe):
    probe.imports.when("jax", lambda jax: probe.emit("fact", value=str(jax.__version__), detail={"name": "jax"}))
    probe.imports.when("jax.random", lambda module: _watch(probe, module))


def _watch(probe, module):
    sightings = Sightings(probe, _OF_A_LINE)

    def made(api):
        def look(frame, args, kwargs):
            value = args[0] if args else kwargs.get("seed")
            # While JAX traces a function the value is none yet, and its text would name an object.
            if not isinstance(value, int) and getattr(value, "__module__", type(value).__module__) != "numpy":
                return
            sightings.seed(SOURCE, api, frame, value, int(value))

        return look

    for name in ("PRNGKey", "key"):
        Calls(probe, module, name, made("jax.random." + name))
