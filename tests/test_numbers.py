"""Every number that a command takes is finite and bounded, whatever is written for it."""

import argparse
import math

import pytest

from keras_nst import cli
from keras_nst.app.workshop import check_number
from keras_nst.errors import InputError

COMMANDS = cli._parser()._subparsers._group_actions[0].choices
TYPED = {
    f"{name} {action.option_strings[-1]}": action.type
    for name, command in COMMANDS.items()
    for action in command._actions
    if action.type is not None and action.option_strings and not action.choices
}
ODD = [
    *("inf", "-inf", "nan", "NaN", "infinity", "1e400", "-1e400", "1e30", "-1", "-0.0", "1e-400", "4294967296"),
    *("1000000000000", "9" * 5000, "", " ", "0x10", "1,nan", "inf,1", "1e9,1e9", "nan,nan", "1e400,0", "0,0", "x"),
    *("99999999999x99999999999", "infxinf", "1,2,3,inf", "1e5,1,1,1", "1_0", "٣", "1e6", "--", "\0", "auto", "any"),
]


@pytest.mark.parametrize("option", TYPED)
def test_numbers_are_bounded_and_finite(option):
    for text in ODD:
        try:
            value = TYPED[option](text)
        except (argparse.ArgumentTypeError, ValueError):  # Which argparse tells in one line.
            continue
        for number in value if isinstance(value, tuple | list) else [value]:
            if not isinstance(number, str | None):
                assert math.isfinite(number)
                assert abs(number) <= 2**32


def test_there_are_many_numbers():
    assert len(TYPED) > 70


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e30, -1, "0.5", None, [0.5]])
def test_no_slider_of_the_app_takes_what_is_no_number_of_its_own(number):
    with pytest.raises(InputError, match="from 0 to 1"):
        check_number(number, 0, 1, "It")
