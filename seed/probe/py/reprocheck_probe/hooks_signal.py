"""Holds a signal back while the probe works. What a handler of the user's raises would be lost there, as is all that goes wrong
in the probe: a training that an alarm has to stop would go on."""

from .standins import put


def install(probe):
    probe.imports.when("signal", lambda module: _hold(probe.thread, module))


class _Held:
    """The user's handler, called once the probe is no longer at work in the thread that Python runs handlers in."""

    def __init__(self, handler, thread):
        self.handler = handler
        self._thread = thread

    def __call__(self, number, frame):
        if self._thread.busy:
            self._thread.held += ((self.handler, number, frame),)
            return None
        return self.handler(number, frame)


def _hold(thread, module):
    handle, asked = module.signal, module.getsignal

    def signal(signalnum, handler):
        # KeyboardInterrupt is no Exception: the probe lets it pass.
        if callable(handler) and handler is not module.default_int_handler and not isinstance(handler, _Held):
            handler = _Held(handler, thread)
        return _users(handle(signalnum, handler))

    def getsignal(signalnum):
        return _users(asked(signalnum))

    put((module,), "signal", handle, signal)
    put((module,), "getsignal", asked, getsignal)


def _users(handler):
    return handler.handler if isinstance(handler, _Held) else handler
