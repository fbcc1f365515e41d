"""What a resolver of the schema is given: the inquiry of its request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from strawberry.types import Info
from strawberry.types.nodes import FragmentSpread, InlineFragment, SelectedField, Selection

from resolvers.gate import Inquiry


@dataclass(frozen=True, slots=True)
class Context:
    """Of one request."""

    ask: Inquiry


Asked = Info[Context, None]


def selected(info: Asked) -> frozenset[str]:
    """The fields selected below this one, through fragments; what a directive skips is not selected."""
    # one answer may be asked in several places of a document; they are one selection (GraphQL 6.3.2)
    return frozenset(name for field in info.selected_fields for name in _names(field.selections))


def _names(selections: Iterable[Selection]) -> Iterable[str]:
    for selection in selections:
        if _is_skipped(selection):
            continue
        if isinstance(selection, SelectedField):
            yield selection.name
        elif isinstance(selection, FragmentSpread | InlineFragment):
            yield from _names(selection.selections)


def _is_skipped(selection: Selection) -> bool:
    directives = selection.directives
    return bool(directives.get("skip", {}).get("if", False)) or not directives.get("include", {}).get(
        "if", True
    )
