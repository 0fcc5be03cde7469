import pytest

from keras_nst.errors import InputError, unknown


def test_input_error_is_a_value_error():
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize(
    ("received", "message"),
    [
        ("relu6_1", "Unknown tap of vgg16: 'relu6_1'. Did you mean 'relu5_1' or 'relu1_1'?"),
        ("pool", "Unknown tap of vgg16: 'pool'. Known: relu1_1, relu5_1."),
        ("", "Unknown tap of vgg16: ''. Known: relu1_1, relu5_1."),
    ],
)
def test_unknown_names_what_exists(received, message):
    error = unknown("tap of vgg16", received, ["relu5_1", "relu1_1"])
    assert isinstance(error, InputError)
    assert str(error) == message


def test_unknown_where_nothing_exists():
    assert str(unknown("style", "mosaic", [])) == "Unknown style: 'mosaic'. Known: none."
