"""The parts of the documentation that are written from the code: one function per part."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from api.cli import _parser
from api.errors import Code, Problem
from api.settings import SETTINGS
from consent_ledger.reasons import EXPLAINED
from consent_ledger.steps import ROLE_MAY
from consent_ledger.vocabulary import Purpose, Reason, Scope
from insight.rulebook import HIGH_RISK, POSSIBLE
from schema.build import build
from schema.scopes import SchemaScopes
from tests.docs.pages import DOCS, ROOT, read

SDL = ROOT / "schema" / "schema.graphql"


def sdl() -> str:
    """The schema as it is served."""
    return build().as_str().rstrip() + "\n"


def settings() -> str:
    return "\n\n".join(
        f"## `{one.variable}`\n\n{one.meaning[0].upper()}{one.meaning[1:]}.\n\n"
        f"- Default: {_code(one.default)}\n- When wrong: {one.when_wrong}"
        for one in SETTINGS
    )


def _code(default: str) -> str:
    return default.replace("<", "\\<") if " " in default else f"`{default}`"


def commands() -> str:
    return "\n\n".join(_command(name, parser, told) for name, parser, told in each_command())


def each_command() -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Every command that does something, with its parser and its help."""
    yield from _below("cultuurinzicht", _parser())


def _below(
    prefix: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        told = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, below in action.choices.items():
            if any(isinstance(one, argparse._SubParsersAction) for one in below._actions):
                yield from _below(f"{prefix} {name}", below)
            else:
                yield f"{prefix} {name}", below, told[name]


def _command(name: str, parser: argparse.ArgumentParser, told: str) -> str:
    arguments = [_argument(one) for one in parser._actions if "-h" not in one.option_strings]
    parts = (f"## `{name}`", f"{told[0].upper()}{told[1:]}.", "\n".join(arguments))
    return "\n\n".join(part for part in parts if part)


def _argument(one: argparse.Action) -> str:
    name = ", ".join(f"`{option}`" for option in one.option_strings) or f"`{one.dest.upper()}`"
    said = [one.help or ""]
    if one.choices:
        said.append("one of " + ", ".join(f"`{choice}`" for choice in one.choices))
    if one.default not in (None, False, []) and one.default is not argparse.SUPPRESS:
        said.append(f"default `{one.default}`")
    if one.required and one.option_strings:
        said.append("required")
    told = "; ".join(part for part in said if part)
    return f"- {name}: {told}" if told else f"- {name}"


def roles() -> str:
    """Which role may ever hold which scope."""
    lines = ["| role | may ever hold |", "|---|---|"]
    lines += [
        f"| `{kind}` | {', '.join(f'`{scope}`' for scope in sorted(may))} |" for kind, may in ROLE_MAY.items()
    ]
    return "\n".join(lines)


def coordinates() -> str:
    """Every coordinate that asks something of a token; those that only repeat their type's rule are left out."""
    rules = SchemaScopes.read(build()).rules
    lines = ["| coordinate | needs |", "|---|---|"]
    for coordinate, rule in sorted(rules.items()):
        parent = coordinate.partition("(")[0] if "(" in coordinate else coordinate.partition(".")[0]
        inherits = parent != coordinate and rules.get(parent) == rule
        if not rule.is_open and not inherits:
            lines.append(f"| `{coordinate}` | {rule.phrase()} |")
    return "\n".join(lines)


def purposes() -> str:
    told = tomllib.loads(read(ROOT / "insight" / "data" / "purposes.toml"))
    return "\n\n".join(
        f"## `{one}`\n\n{told[one]['en']}\n\n*{told[one]['nl']}*\n\n"
        f"- Possible lawful bases: {', '.join(f'`{basis}`' for basis in POSSIBLE[one])}"
        + ("\n- High risk: each controller records the hash of its DPIA first" if one in HIGH_RISK else "")
        for one in Purpose
    )


def reasons() -> str:
    return "\n\n".join(
        f"## `{one}`\n\n{EXPLAINED[one].sentence.en} {EXPLAINED[one].fix.en}\n\n"
        f"*{EXPLAINED[one].sentence.nl} {EXPLAINED[one].fix.nl}*\n\n"
        f"- Who can change it: {EXPLAINED[one].who.replace('_', ' ')}"
        for one in Reason
    )


def edge() -> str:
    """What can go wrong before anything is decided, with the status when it is all there is to answer."""
    lines = ["| code | HTTP status |", "|---|---|"]
    lines += [f"| `{code}` | {Problem(code, '', '').status} |" for code in Code]
    return "\n".join(lines)


PARTS: dict[tuple[Path, str], Callable[[], str]] = {
    (DOCS / "settings.md", "settings"): settings,
    (DOCS / "commands.md", "commands"): commands,
    (DOCS / "scopes.md", "roles"): roles,
    (DOCS / "scopes.md", "coordinates"): coordinates,
    (DOCS / "purposes.md", "purposes"): purposes,
    (DOCS / "reasons.md", "reasons"): reasons,
    (DOCS / "reasons.md", "edge"): edge,
}
"""Each generated part: the page, the name of its markers, and who writes it."""

HEADED = {
    "settings.md": [one.variable for one in SETTINGS],
    "scopes.md": [one.value for one in Scope],
    "purposes.md": [one.value for one in Purpose],
    "reasons.md": [one.value for one in Reason],
}
"""The words of the code that each have a heading, by page."""
