"""Every number that a command reads is finite and within limits, whatever is given."""

import math

import pytest

from keras_nst.app.limits import check_number
from keras_nst.commands.arguments import COMMANDS
from keras_nst.errors import InputError
from keras_nst.fields import Listed, Number, Weights, fields

NUMBERS = {
    f"{command} {name}": field.kind
    for command, options in COMMANDS.items()
    for name, field in fields(options).items()
    if isinstance(field.kind, Number | Listed | Weights)
}
ODD = [
    *("inf", "-inf", "nan", "NaN", "infinity", "1e400", "-1e400", "1e30", "-1", "-0.0", "1e-400", "4294967296"),
    *("1000000000000", "9" * 5000, "", " ", "0x10", "1,nan", "inf,1", "1e9,1e9", "nan,nan", "1e400,0", "0,0", "x"),
    *("99999999999x99999999999", "infxinf", "1,2,3,inf", "1e5,1,1,1", "1_0", "٣", "1e6", "--", "\0", "auto", "any"),
]


def numbers(value):
    """All numbers in a value."""
    if isinstance(value, tuple | list):
        return [number for each in value for number in numbers(each)]
    return [] if isinstance(value, str) else [value]


@pytest.mark.parametrize("option", NUMBERS)
def test_numbers_are_bounded_and_finite(option):
    kind = NUMBERS[option]
    for text in ODD:
        value = kind.read(text)
        if kind.allows({"term": value} if isinstance(kind, Weights) else value):
            for number in numbers(value):
                assert math.isfinite(number)
                assert abs(number) <= 2**32


def test_there_are_many_numbers():
    assert len(NUMBERS) > 60


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e30, -1, "0.5", None, [0.5]])
def test_no_slider_of_the_app_takes_what_is_no_number_of_its_own(number):
    with pytest.raises(InputError, match="from 0 to 1"):
        check_number(number, 0, 1, "It")
