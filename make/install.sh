#!/bin/sh
# Make .venv hold exactly the locked requirements and the project. `install.sh runtime|dev`.
# Quick when nothing changed: a stamp remembers the lock and the project file it was made from.
set -eu
kind=$1
python=${PYTHON:-python3.11}

say() { printf '%s\n' "$1" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || python=python3
command -v "$python" >/dev/null 2>&1 || say "Python 3.11 or newer is needed, and no python3 was found. Install it and run this again."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  say "Python 3.11 or newer is needed; this is $("$python" -V 2>&1). Say which one to use: make run PYTHON=/path/to/python3.11"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
  say "This Python has no venv module. Install it (on Debian: apt-get install python3-venv) and run this again."

stamp=.venv/.installed-$kind
# an environment that has the tests has all that runs
if [ "$kind" = runtime ] && [ -f .venv/.installed-dev ]; then kind=dev; stamp=.venv/.installed-dev; fi
wanted=$(cat requirements/"$kind".txt pyproject.toml | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x .venv/bin/cultuurinzicht ]; then exit 0; fi

# an environment that was interrupted while it was made has a python and no pip: it is made again
.venv/bin/python -c 'import pip' 2>/dev/null || "$python" -m venv --clear .venv ||
  say "The environment .venv could not be made here; is this folder writable?"
# One `&&` list each: inside `if` before `||`, `set -e` does not stop at the first that fails.
if command -v uv >/dev/null 2>&1; then
  uv pip install -q --python .venv/bin/python --require-hashes -r requirements/"$kind".txt &&
    uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation --editable .
else
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/"$kind".txt &&
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi || say "The requirements could not be installed; the lines above say why."
printf '%s' "$wanted" > "$stamp"
