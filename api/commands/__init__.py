"""
The commands, one noun per module: `add(commands)` puts the module's commands under the parser it is given.

A command is a function from its arguments to an exit code; what it refuses, it raises, and `api.cli`
says it in one sentence. What a command needs of the house is imported when it runs, so that asking for
help stays quick.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 -- it has no public name
    """What `add_subparsers` gives, and `add` takes."""


class CommandRefused(Exception):
    """What was asked on the command line cannot be done. The message is one plain sentence."""

    code = "COMMAND_REFUSED"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
