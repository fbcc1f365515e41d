"""
Closed values: made by one module, and by nobody else.

`mint` makes one; import-linter lets only the makers import this module's `mint`. The types refuse
the constructor (`Never`), the methods below refuse copying, replacing, pickling, changing and
subclassing at run time. What Python cannot stop (`object.__setattr__` by a determined author
inside the process) is banned by lint; see docs/threat-model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Never, NoReturn, TypeVar


class Forged(TypeError):
    """Someone tried to make or change a value that only its maker may make."""


class Closed:
    """Base of the closed values. Only direct subclasses exist."""

    __slots__ = ()

    def __init__(self, _forbidden: Never, /) -> None:
        raise Forged(f"{type(self).__name__} is made by its maker alone")

    def __new__(cls, *_: Any, **__: Any) -> NoReturn:
        raise Forged(f"{cls.__name__} is made by its maker alone")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if Closed not in cls.__bases__:
            raise Forged(f"{cls.__name__} cannot extend a closed value")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise Forged(f"{type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise Forged(f"{type(self).__name__} cannot be changed")

    def __copy__(self) -> NoReturn:
        raise Forged(f"{type(self).__name__} cannot be copied")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise Forged(f"{type(self).__name__} cannot be copied")

    def __replace__(self, **_: object) -> NoReturn:
        raise Forged(f"{type(self).__name__} cannot be replaced")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise Forged(f"{type(self).__name__} cannot be pickled")


ClosedT = TypeVar("ClosedT", bound=Closed)


def mint(cls: type[ClosedT], **fields: object) -> ClosedT:
    """Make a closed value with these slots filled. For the makers named in the import contracts."""
    value: ClosedT = object.__new__(cls)
    for name, field in fields.items():
        object.__setattr__(value, name, field)
    return value


def minting(cls: type[ClosedT], *names: str) -> Callable[..., ClosedT]:
    """A quicker `mint` for a value that every request makes: takes the fields of these slots, in this order."""
    puts = tuple(vars(cls)[name].__set__ for name in names)

    def made(*fields: object) -> ClosedT:
        value: ClosedT = object.__new__(cls)
        for put, field in zip(puts, fields, strict=True):
            put(value, field)
        return value

    return made
