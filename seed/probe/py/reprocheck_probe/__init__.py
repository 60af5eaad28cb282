"""The probe: watches, and where it is told to controls, the sources of randomness of one Python process.

It talks to reprocheck through files alone (docs/probe-protocol.md). It imports nothing beyond a few modules
written in C until the user's own program does, never draws from a stream, and never raises into user code.
"""


def start(path):
    """Starts the probe in this process, as the settings in the file at path say."""
    from . import settings

    told = settings.read(path)
    if told is None:
        return
    from .probe import Probe

    Probe(told).install()
