"""Fields of options: their kinds, defaults and help, declared once for Python and the command line."""

import contextlib
import dataclasses
import inspect
import os
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, dataclass_transform

from keras_nst.errors import InputError, unknown

MOST = 1_000_000
"""Limit of a number that has no other limit."""

LARGEST_SIDE = 65_536
"""Limit of a picture's sides in pixels. Beyond it, libraries cannot hold the number of bytes."""


@dataclasses.dataclass(frozen=True)
class Text:
    """A text, such as a path.

    Attributes:
        metavar: Stands for the value in the help.
    """

    metavar: str
    expected: ClassVar[str] = "a text"

    def read(self, text: str) -> Any:
        """Convert a command-line argument; an argument that cannot be converted is returned as it is."""
        return text

    def allows(self, value: Any) -> bool:
        """Whether this is a value of the kind."""
        return isinstance(value, str | os.PathLike)


@dataclasses.dataclass(frozen=True)
class Number:
    """A finite number between two limits.

    Attributes:
        low: The minimum.
        high: The maximum.
        metavar: As in `Text`.
    """

    low: float
    high: float = MOST
    metavar: str = "N"
    _type: ClassVar[type] = float
    _number: ClassVar[type] = Real

    @property
    def expected(self) -> str:
        """The kind in words."""
        return f"a number from {self.low:g} to {self.high:.9g}"

    def read(self, text: str) -> Any:
        """As in `Text`."""
        with contextlib.suppress(ValueError):
            return self._type(text)
        return text

    def allows(self, value: Any) -> bool:
        """As in `Text`."""
        is_number = isinstance(value, self._number) and not isinstance(value, bool)
        return is_number and bool(self.low <= value <= self.high)


class Whole(Number):
    """A whole number between two limits."""

    _type = int
    _number = Integral

    @property
    def expected(self) -> str:
        """The kind in words."""
        return f"a whole number from {self.low:g} to {self.high:.9g}"


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        values: The values.
    """

    values: Sequence[str] | Sequence[int]

    @property
    def metavar(self) -> str:
        """As in `Text`."""
        return "{" + ",".join(map(str, self.values)) + "}"

    @property
    def expected(self) -> str:
        """The kind in words."""
        return " or ".join(map(str, self.values))

    def read(self, text: str) -> Any:
        """As in `Text`."""
        return next((value for value in self.values if str(value) == text), text)

    def allows(self, value: Any) -> bool:
        """As in `Text`."""
        return value in self.values


@dataclasses.dataclass(frozen=True)
class Either:
    """A value of one of two kinds.

    Attributes:
        first: The kind that is tried first.
        second: The other.
    """

    first: Text | Number | Choice
    second: Text | Number | Choice

    @property
    def metavar(self) -> str:
        """As in `Text`."""
        return f"{self.first.metavar}|{self.second.metavar}"

    @property
    def expected(self) -> str:
        """The kind in words."""
        return f"{self.first.expected}, or {self.second.expected}"

    def read(self, text: str) -> Any:
        """As in `Text`."""
        value = self.first.read(text)
        return value if self.first.allows(value) else self.second.read(text)

    def allows(self, value: Any) -> bool:
        """As in `Text`."""
        return self.first.allows(value) or self.second.allows(value)


@dataclasses.dataclass(frozen=True)
class Listed:
    """Several values of a kind, separated by commas on the command line.

    Attributes:
        kind: Kind of each value.
        metavar: As in `Text`. It shows the separator and, if `exact`, the number of values.
        exact: Whether the number of values is that of the metavar.
        separator: Separates the values.
    """

    kind: Text | Number | Choice
    metavar: str
    exact: bool = False
    separator: str = ","

    @property
    def expected(self) -> str:
        """The kind in words."""
        return f"{self.metavar}, each {self.kind.expected}"

    def read(self, text: str) -> Any:
        """As in `Text`."""
        values = tuple(map(self.kind.read, text.split(self.separator)))
        return values if self.allows(values) else text

    def allows(self, value: Any) -> bool:
        """As in `Text`."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            return False
        right = not self.exact or len(value) == len(self.metavar.split(self.separator))
        return right and len(value) > 0 and all(map(self.kind.allows, value))


@dataclasses.dataclass(frozen=True)
class Shares(Listed):
    """Shares of a whole, each in parts of their sum."""

    kind: Text | Number | Choice = Number(0)
    metavar: str = "A,B"

    @property
    def expected(self) -> str:
        """The kind in words."""
        return f"{super().expected}, and not all 0"

    def allows(self, value: Any) -> bool:
        """As in `Text`."""
        return super().allows(value) and sum(value) > 0


@dataclasses.dataclass(frozen=True)
class Weights:
    """Weights of a loss's terms, {term: weight}; on the command line, one option per term.

    Attributes:
        terms: Names of the terms with an option on the command line.
    """

    terms: Sequence[str]
    metavar: ClassVar[str] = "W"
    _weight: ClassVar[Number] = Number(0)

    @property
    def expected(self) -> str:
        """The kind in words."""
        return f"terms, each with {self._weight.expected}"

    def read(self, text: str) -> Any:
        """Convert the command-line argument of one weight, as in `Text`."""
        return self._weight.read(text)

    def allows(self, value: Any) -> bool:
        """As in `Text`."""
        return isinstance(value, Mapping) and all(map(self._weight.allows, value.values()))

    def check(self, value: Any) -> None:
        """Raise an `InputError` that names the option of a weight that is not allowed, if that is what is wrong."""
        for term, weight in value.items() if isinstance(value, Mapping) else ():
            if not self._weight.allows(weight):
                raise InputError(f"`{term}_weight` takes {self._weight.expected}. Received: {weight!r}.")


class Switch:
    """True or False; on the command line, an option without a value."""

    expected = "True or False"

    def allows(self, value: Any) -> bool:
        """As in `Text`."""
        return isinstance(value, bool)


@dataclasses.dataclass(frozen=True)
class Field:
    """The declaration of a field.

    Attributes:
        help: Its meaning, in a line or two.
        kind: The kind of its values.
        default: Its default; `dataclasses.MISSING` if it is required.
        unset: The meaning of the default None, for the help.
        group: Heading in the command's help.
        several: "some" for a sequence of at least one value; "any" for a sequence that may be empty.
        positional: Whether it has no flag on the command line.
        short: A second, short flag.
    """

    help: str
    kind: Any
    default: Any
    unset: str = ""
    group: str = ""
    several: str = ""
    positional: bool = False
    short: str = ""

    @property
    def described(self) -> str:
        """The help with the default."""
        shown = self.unset if self.default is None else self.default
        plain = isinstance(shown, bool | tuple | Mapping) or shown is dataclasses.MISSING or not str(shown)
        return self.help if plain else f"{self.help} (default: {shown})"

    def check(self, name: str, value: Any) -> None:
        """Check a value.

        Args:
            name: Name of the field.
            value: The value.

        Raises:
            InputError: The field does not allow this value.
        """
        if value is None and self.default is None:
            return
        values: Sequence[Any] = [value]
        if self.several:
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise InputError(f"`{name}` takes a list of values. Received: {value!r}.")
            if self.several == "some" and not value:
                raise InputError(f"`{name}` takes at least one value. Received: none.")
            values = value
        for each in values:
            if self.kind.allows(each):
                continue
            if isinstance(self.kind, Weights):
                self.kind.check(each)
            if isinstance(self.kind, Choice):
                raise unknown(f"`{name}`", each, self.kind.values)
            raise InputError(f"`{name}` takes {self.kind.expected}. Received: {each!r}.")


def field(help: str, kind: Any, default: Any = None, **more: Any) -> Any:
    """Declare a field of a class of options. The arguments are those of `Field`."""
    known = Field(help, kind, default, **more)
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=lambda: dict(default), metadata={"field": known})
    return dataclasses.field(default=default, metadata={"field": known})


def fields(options: type) -> dict[str, Field]:
    """The fields of a class of options, by name."""
    return {each.name: each.metadata["field"] for each in dataclasses.fields(options)}


def values(chosen: Any, options: type) -> dict[str, Any]:
    """The values of the fields of a class of options, by name; fields of subclasses are left out."""
    return {name: getattr(chosen, name) for name in fields(options)}


def changed(chosen: Any, options: type) -> list[str]:
    """The names of the fields of a class of options that do not have their default."""
    return [name for name, known in fields(options).items() if getattr(chosen, name) != known.default]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def options(cls: type) -> type:
    """Make a class with fields a class of options: a frozen dataclass that checks and documents its fields."""
    cls.__post_init__ = _check  # type: ignore[attr-defined]
    cls = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
    lines = [f"    {name}: {known.described[0].upper()}{known.described[1:]}." for name, known in fields(cls).items()]
    cls.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", "Attributes:", *lines])
    return cls


def _check(self) -> None:
    for name, known in fields(type(self)).items():
        if known.several and known.kind.allows(getattr(self, name)):  # A single value means a list of one.
            object.__setattr__(self, name, [getattr(self, name)])
        known.check(name, getattr(self, name))
