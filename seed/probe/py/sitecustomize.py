"""Starts reprocheck's probe, then hands over to the sitecustomize that this file shadows."""

import os
import sys


def _start():
    if not os.environ.get("REPROCHECK_PROBE"):
        return
    # Compiled once for all runs, in a directory that is the probe's own, even where the user's environment says not to.
    compiled, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        import reprocheck_probe

        reprocheck_probe.start(os.environ["REPROCHECK_PROBE"])
    except Exception as error:  # the user's program goes on, unobserved, whatever is wrong with the probe
        if os.environ.get("REPROCHECK_PROBE_DEBUG"):
            raise error
    finally:
        sys.dont_write_bytecode = compiled


def _shadowed():
    """Returns the spec of the user's own sitecustomize, or None."""
    from importlib.machinery import PathFinder

    here = os.path.dirname(os.path.abspath(__file__))
    return PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if os.path.abspath(entry) != here])


def _hand_over():
    spec = _shadowed()
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_start()
_hand_over()
