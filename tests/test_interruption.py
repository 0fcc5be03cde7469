"""Ctrl-C while a library is running that would swallow it."""

import os
import signal
import sys
import threading

import pytest

from keras_nst.interruption import orderly

LIBRARY = """
import os, signal

def swallow(seen):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        seen.append("library went on")
    except BaseException:
        seen.append("swallowed")

def call_back(seen, function):
    swallow(seen)
    function(seen)
    seen.append("called back")
"""

OURS = """
def use(library, seen):
    library["swallow"](seen)
    seen.append("ours went on")

def cleaning(library, seen):
    try:
        use(library, seen)
    finally:
        seen.append("cleaned")
        seen.append("up")

def callback(seen):
    seen.append("ours was called")

def call(library, seen):
    library["call_back"](seen, callback)
"""


def module(name, source):
    names = {"__name__": name}
    exec(source, names)
    return names


def interrupted(function, library):
    seen = []
    with pytest.raises(KeyboardInterrupt), orderly():
        module("keras_nst.fake", OURS)[function](library, seen)
    return seen


@pytest.fixture(autouse=True)
def pythons_handler_and_the_tracer_afterwards():
    """With Python's handler and without a tracer; shells make background jobs ignore Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals are heard by the main thread alone")
    handler, tracer = signal.signal(signal.SIGINT, signal.default_int_handler), sys.gettrace()
    yield
    sys.settrace(tracer)
    signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize("name", ["tensorflow.python", "keras", "jax._src"])
def test_a_fragile_library_ends_what_it_does_and_the_next_line_of_ours_is_interrupted(name):
    assert interrupted("use", module(name, LIBRARY)) == ["library went on"]


def test_another_library_is_interrupted_at_once():
    with orderly():
        seen = []
        module("keras_nst.fake", OURS)["use"](module("gradio", LIBRARY), seen)
    assert seen == ["swallowed", "ours went on"]


def test_what_a_library_calls_is_interrupted():
    assert interrupted("call", module("keras.src", LIBRARY)) == ["library went on"]


def test_what_finds_modules_for_a_library_is_not_interrupted():
    ours, seen = module("keras_nst.fake", OURS), []
    ours["callback"] = module("keras_nst.startup", OURS)["callback"]
    with pytest.raises(KeyboardInterrupt), orderly():
        ours["call"](module("keras.src", LIBRARY), seen)
    assert seen == ["library went on", "ours was called", "called back"]


def test_cleaning_up_is_not_interrupted():
    assert interrupted("cleaning", module("tensorflow", LIBRARY)) == ["library went on", "cleaned", "up"]


def test_a_second_one_is_raised_at_once():
    twice = LIBRARY.replace('seen.append("library went on")', "os.kill(os.getpid(), signal.SIGINT)")
    with orderly():
        seen = []
        library = module("tensorflow", twice)
        library["swallow"](seen)
    assert seen == ["swallowed"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, lambda *_: None])
def test_what_is_ignored_or_heard_by_another_stays_so(handler):
    signal.signal(signal.SIGINT, handler)
    with orderly():
        assert signal.getsignal(signal.SIGINT) is handler
    assert signal.getsignal(signal.SIGINT) is handler


def test_pythons_own_handler_is_back_afterwards():
    interrupted("use", module("tensorflow", LIBRARY))
    assert sys.gettrace() is None
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_and_a_closed_terminal_interrupt_like_ctrl_c(number):
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), orderly():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_without_an_interruption_a_tracer_stays():
    def tracer(*_):
        return None

    sys.settrace(tracer)
    with orderly():
        pass
    assert sys.gettrace() is tracer


def test_another_thread_is_left_alone():
    raised = []

    def work():
        try:
            with orderly():
                pass
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert raised == []
