import numpy as np
import pytest

from keras_nst.errors import InputError, one_line
from keras_nst.fields import (
    Choice,
    Either,
    Listed,
    Number,
    Shares,
    Switch,
    Text,
    Weights,
    Whole,
    field,
    fields,
    options,
    values,
)


@options
class Example:
    """An example.

    keras-nst example
    """

    share: float = field("a share", Number(0, 1), default=0.5)
    count: int | None = field("a count", Whole(1, 10), unset="the usual one")
    method: str = field("a method", Choice(("fast", "slow")), default="fast")
    point: tuple = field("a point", Listed(Whole(0), "X,Y", exact=True), default=(0, 0))
    names: list = field("names", Text("NAME"), default=(), several="any")
    weights: dict = field("weight of {}", Weights(("one", "two")), default={})
    blend: list | None = field("shares", Shares(), unset="equal ones")
    size: str | float = field("a size", Either(Choice(("small", "large")), Number(1, 3)), default="small")
    loud: bool = field("whether it is loud", Switch(), default=False)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("share", [0, 1, 0.5, np.float32(0.25)], [-0.1, 1.1, "0.5", float("nan"), True, [0.5], None]),
        ("count", [1, 10, np.int64(3), None], [0, 11, 2.5, "2", True]),
        ("method", ["slow"], ["slwo", None, 1]),
        ("point", [(3, 4), [3, 4]], [(3,), (3, 4, 5), (3, -1), "3,4", 3, ()]),
        ("names", ["a", ["a", "b"], ()], [3, [3], None]),
        ("weights", [{"one": 2}, {}], [{"one": -1}, {"one": "2"}, [2], None]),
        ("blend", [(1, 0), [0.5, 2], None], [(0, 0), (1, -1), (), "1,2"]),
        ("size", ["large", 2.5], ["huge", 0.5, 4, True, None]),
        ("loud", [True, False], [1, "yes", None]),
    ],
)
def test_a_field_takes_values_of_its_kind_alone(name, right, wrong):
    for value in right:
        Example(**{name: value})
    for value in wrong:
        with pytest.raises(InputError, match="`one_weight`" if value in ({"one": -1}, {"one": "2"}) else f"`{name}`"):
            Example(**{name: value})


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'slow'"):
        Example(method="slwo")


def test_an_error_names_the_field_in_python_and_the_flag_on_the_command_line():
    error = InputError("Lower `learning_rate`.")
    assert str(error) == "Lower `learning_rate`."
    assert one_line(error) == "error: Lower --learning-rate."


def test_what_is_declared_is_in_the_docstring():
    for name, known in fields(Example).items():
        assert f"{name}: {known.described[0].upper()}" in Example.__doc__
    assert "A share (default: 0.5)." in Example.__doc__
    assert "A count (default: the usual one)." in Example.__doc__


def test_the_values_of_a_class_are_its_own_fields_alone():
    @options
    class More(Example):
        """More of it."""

        output: str | None = field("a file", Text("OUT"))

    more = More(share=0.25, output="out.png")
    assert values(more, Example) == {**values(Example(), Example), "share": 0.25}


def test_dicts_are_not_shared():
    first, second = Example(), Example()
    first.weights["one"] = 3.0
    assert second.weights == {}
