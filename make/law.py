"""
Lint of the law: no call goes around a closed value.

`python make/law.py PATH...` prints each breach and exits 1. Types refuse the constructor and
`closed` refuses copies at run time; what is left is what Python allows anybody: a cast, a bare
`object.__new__`, and reaching for the makers.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

CLOSED = ("Permit", "Snapshot", "Caller")
MAKERS = {
    "mint": {"consent_ledger/permit.py", "consent_ledger/snapshot.py", "consent_ledger/parties.py"},
    "pin_snapshot": {"consent_ledger/log.py"},
    "platform_caller": {"api", "seeds", "resolvers/releases.py", "resolvers/gate.py"},
}
RAW = {"__new__", "__setattr__", "__reduce_ex__"}
RAW_ALLOWED = {"consent_ledger/closed.py", "consent_ledger/question.py"}
COPIERS = {"copy", "pickle", "marshal", "shelve"}


def breaches(path: Path, name: str) -> Iterator[str]:
    """Each breach in one file, as a line for people."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        place = f"{name}:{getattr(node, 'lineno', 0)}"
        match node:
            case ast.Call(func=ast.Name(id="cast") | ast.Attribute(attr="cast"), args=[first, *_]) if any(
                word in ast.unparse(first) for word in CLOSED
            ):
                yield f"{place}: a cast to a closed value; ask for one instead"
            case ast.Attribute(value=ast.Name(id="object"), attr=attr) if (
                attr in RAW and name not in RAW_ALLOWED
            ):
                yield f"{place}: object.{attr} goes around closed values"
            case ast.Import(names=names) if any(alias.name in COPIERS for alias in names):
                yield f"{place}: nothing here is copied or pickled"
            case ast.ImportFrom(module=module) if module in COPIERS:
                yield f"{place}: nothing here is copied or pickled"
            case ast.ImportFrom(names=names):
                for alias in names:
                    makers = MAKERS.get(alias.name)
                    if makers is not None and not any(
                        name == one or name.startswith(one + "/") for one in makers
                    ):
                        yield f"{place}: {alias.name} is for {', '.join(sorted(makers))} alone"
            case _:
                pass


def main(arguments: list[str]) -> int:
    found = [
        line
        for argument in arguments
        for path in sorted(Path(argument).rglob("*.py") if Path(argument).is_dir() else [Path(argument)])
        for line in breaches(path, path.as_posix())
    ]
    for line in found:
        print(line)  # noqa: T201 -- a lint speaks to the terminal
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
