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
wanted=$(cat requirements/"$kind".txt pyproject.toml | cksum)
if [ "$kind" = runtime ] && [ -f .venv/.installed-dev ]; then stamp=.venv/.installed-dev; wanted=$(cat requirements/dev.txt pyproject.toml | cksum); fi
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x .venv/bin/cultuurinzicht ]; then exit 0; fi
[ "$(basename "$stamp")" = .installed-dev ] && kind=dev

[ -x .venv/bin/python ] || "$python" -m venv .venv || say "The environment .venv could not be made here; is this folder writable?"
if command -v uv >/dev/null 2>&1; then
  uv pip install -q --python .venv/bin/python --require-hashes -r requirements/"$kind".txt
  uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation --editable .
else
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/"$kind".txt
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi || say "The requirements could not be installed; the lines above say why."
printf '%s' "$wanted" > "$stamp"
