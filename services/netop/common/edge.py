# SPDX-License-Identifier: Apache-2.0
"""The typed edge between text (JSON, YAML) and frozen dataclasses.

A `Field` is a value together with the path that leads to it, so that every
complaint names the place: ``vrfs[2].vni: 0 is not between 1 and 16777215``.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from dataclasses import dataclass


class FieldError(ValueError):
    """A value that does not fit; `path`, `value` and `reason` say where, what and why."""

    def __init__(self, path: str, value: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.value = value
        self.reason = reason


@dataclass(frozen=True)
class Field:
    """A value of unknown type at a known path.

    The getters either return the type they name or raise `FieldError`.
    """

    value: object
    path: str = ""

    def fail(self, reason: str) -> FieldError:
        """Return the error that says what is wrong with this very value."""
        return FieldError(self.path, self.value, reason)

    def misfit(self, reason: str) -> FieldError:
        """Return the error of a value that is missing or of another type than wanted."""
        return self.fail("is missing" if self.absent else f"{show(self.value)} is {reason}")

    def __getitem__(self, key: str) -> Field:
        """Return the member `key` of this object; an absent one is a Field of None."""
        if not isinstance(self.value, dict):
            raise self.misfit("not an object")
        path = f"{self.path}.{key}" if self.path else key
        return Field(self.value.get(key), path)

    @property
    def absent(self) -> bool:
        """True where the key is missing or null; the two mean the same to us."""
        return self.value is None

    def keys(self) -> tuple[str, ...]:
        """Return the keys of this object; raises FieldError where one is not text."""
        if not isinstance(self.value, dict):
            raise self.misfit("not an object")
        for key in self.value:
            if not isinstance(key, str):
                raise self.fail(f"the key {show(key)} is not text; put it into quotes")
        return tuple(self.value)

    def text(self, longest: int = 4096) -> str:
        """Return this value as text of at most `longest` characters."""
        if not isinstance(self.value, str):
            raise self.misfit("not text")
        if len(self.value) > longest:
            raise self.fail(f"is longer than {longest} characters")
        return self.value

    def optional_text(self, longest: int = 4096) -> str | None:
        """Return text, or None where it is absent."""
        return None if self.absent else self.text(longest)

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        # bool is an int to Python, but `vni: yes` is a slip of the pen.
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.misfit("not a whole number")
        if not low <= self.value <= high:
            raise self.fail(f"{show(self.value)} is not between {low} and {high}")
        return self.value

    def optional_integer(self, low: int, high: int) -> int | None:
        """Return a whole number from `low` to `high`, or None where it is absent."""
        return None if self.absent else self.integer(low, high)

    def number(self, low: float, high: float) -> float:
        """Return a number from `low` to `high`, both included."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.misfit("not a number")
        if not low <= self.value <= high:
            raise self.fail(f"{show(self.value)} is not between {low} and {high}")
        return float(self.value)

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.misfit("neither true nor false")
        return self.value

    def items(self) -> Iterator[Field]:
        """Yield the members of this list; an absent list is an empty one."""
        if self.absent:
            return
        if not isinstance(self.value, list):
            raise self.misfit("not a list")
        for index, value in enumerate(self.value):
            yield Field(value, f"{self.path}[{index}]")


def show(value: object) -> str:
    """Return a short picture of a value for an error message, free of control characters."""
    picture = _Picture().repr(value)
    return picture if len(picture) <= 60 else f"{picture[:57]}..."


class _Picture(reprlib.Repr):
    """repr() within bounds: YAML aliases make it easy to nest a list a billion times."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = 60

    def repr_int(self, x: int, level: int) -> str:
        # Python writes no number of more than 4,300 digits but in hexadecimal
        # (sys.set_int_max_str_digits), and YAML may bring one that is written so.
        return super().repr_int(x, level) if x.bit_length() < 14_000 else hex(x)


def encodable(text: str) -> str:
    """Return a text that is UTF-8 in any case: a file's name need not be (os.fsdecode)."""
    return text.encode(errors="backslashreplace").decode()
