"""
The first minutes with the project: two commands, and one plain sentence for each thing that can be in the way.

`make/install.sh` runs here with interpreters and installers of our own making, so that nothing is
installed; that it really installs, every run of these tests shows.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.story.server import free_port, run

HERE = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What make and the installer read, without an environment."""
    folder = tmp_path / "checkout"
    (folder / "requirements").mkdir(parents=True)
    (folder / "make").mkdir()
    for name in (
        "Makefile",
        "pyproject.toml",
        "make/install.sh",
        "requirements/runtime.txt",
        "requirements/dev.txt",
    ):
        shutil.copy(HERE / name, folder / name)
    return folder


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def in_checkout(checkout: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in the checkout, where neither uv nor any Python but the given one is found."""
    tools = checkout.parent / "tools"
    if not tools.exists():
        tools.mkdir()
        for name in ("sh", "make", "cat", "cksum", "mkdir", "chmod", "grep", "sed", "expand", "rm"):
            found = shutil.which(name)
            assert found is not None, name
            (tools / name).symlink_to(found)
    clean = {"PATH": str(tools), "HOME": str(checkout.parent), **environment}
    return subprocess.run(
        command, cwd=checkout, env=clean, capture_output=True, text=True, timeout=60, check=False
    )


def installed(checkout: Path, kind: str = "runtime", **environment: str) -> subprocess.CompletedProcess[str]:
    return in_checkout(checkout, "sh", "make/install.sh", kind, **environment)


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence that a person reads."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (said,) = done.stderr.splitlines()
    return said


# Python


def test_a_wrong_python_is_named_with_the_way_out(checkout: Path) -> None:
    old = script(
        checkout.parent / "python3.9",
        'case "$1" in -V) echo "Python 3.9.18";; -c) case "$2" in *version_info*) exit 1;; esac;; esac',
    )
    said = sentence(installed(checkout, PYTHON=str(old)))
    assert "Python 3.11 or newer is needed; this is Python 3.9.18" in said
    assert "make run PYTHON=" in said
    made = in_checkout(checkout, "make", "run", f"PYTHON={old}")
    assert made.returncode != 0
    assert said in made.stderr
    assert not (checkout / ".venv").exists()


def test_no_python_at_all_is_said(checkout: Path) -> None:
    assert "no python3 was found" in sentence(installed(checkout))


def test_a_python_without_venv_is_said(checkout: Path) -> None:
    bare = script(
        checkout.parent / "python3.11", 'case "$2" in *venv*) echo "No module named venv" >&2; exit 1;; esac'
    )
    said = sentence(installed(checkout, PYTHON=str(bare)))
    assert "no venv module" in said
    assert "apt-get install python3-venv" in said


def test_an_environment_that_cannot_be_made_is_said(checkout: Path) -> None:
    failing = script(checkout.parent / "python3.11", 'case "$2" in venv) exit 1;; esac')
    assert ".venv could not be made here" in sentence(installed(checkout, PYTHON=str(failing)))


# Installing


def python_that_installs(checkout: Path, *, fails_at: str = "nothing") -> Path:
    """
    A Python whose environments write down what pip is asked.

    The command is there only when the project itself was installed.
    """
    asked = checkout.parent / "asked"
    inner = (
        f'[ "$2" = "import pip" ] && exit 0\\necho "$@" >> {asked}\\n'
        f'case "$*" in *{fails_at}*) exit 1;; esac\\n'
        f'case "$*" in *--editable*) echo : > .venv/bin/cultuurinzicht; chmod +x .venv/bin/cultuurinzicht;; esac'
    )
    return script(
        checkout.parent / "python3.11",
        '[ "$2" = venv ] || exit 0\nmkdir -p .venv/bin\n'
        f"printf '%b\\n' '#!/bin/sh\\n{inner}' > .venv/bin/python\nchmod +x .venv/bin/python",
    )


def asked(checkout: Path) -> list[str]:
    file = checkout.parent / "asked"
    return file.read_text().splitlines() if file.exists() else []


def test_what_is_installed_is_locked_and_the_second_time_nothing_is(checkout: Path) -> None:
    python = str(python_that_installs(checkout))
    assert installed(checkout, PYTHON=python).returncode == 0
    requirements, project = asked(checkout)
    assert "--require-hashes -r requirements/runtime.txt" in requirements
    assert "--no-deps --no-build-isolation" in project
    assert installed(checkout, PYTHON=python).returncode == 0
    assert len(asked(checkout)) == 2, "nothing changed, so nothing is asked"
    lock = checkout / "requirements" / "runtime.txt"
    lock.write_text(f"{lock.read_text()}# newer\n")
    assert installed(checkout, PYTHON=python).returncode == 0
    assert len(asked(checkout)) == 4, "a changed lock is installed"


def test_an_environment_with_the_tests_serves_too(checkout: Path) -> None:
    python = str(python_that_installs(checkout))
    assert installed(checkout, "dev", PYTHON=python).returncode == 0
    assert installed(checkout, "runtime", PYTHON=python).returncode == 0
    assert len(asked(checkout)) == 2


@pytest.mark.parametrize("part", ["requirements", "editable"])
def test_a_failed_install_is_said_and_tried_again(checkout: Path, part: str) -> None:
    broken = str(python_that_installs(checkout, fails_at=part))
    for _ in range(2):
        assert "could not be installed" in sentence(installed(checkout, PYTHON=broken))
    if part == "requirements":
        assert not any("--editable" in line for line in asked(checkout)), "it stops where it fails"
    shutil.rmtree(checkout / ".venv")
    assert installed(checkout, PYTHON=str(python_that_installs(checkout))).returncode == 0


def test_an_environment_that_was_interrupted_is_made_again(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    script(checkout / ".venv" / "bin" / "python", "exit 1")
    assert installed(checkout, PYTHON=str(python_that_installs(checkout))).returncode == 0


# make


def test_make_help_lists_every_target(checkout: Path) -> None:
    done = in_checkout(checkout, "make", "help")
    assert done.returncode == 0, done.stderr
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    phony = next(
        line for line in (checkout / "Makefile").read_text().splitlines() if line.startswith(".PHONY:")
    )
    assert listed == set(phony.split()[1:])
    assert {"run", "test", "check", "help"} <= listed
    assert in_checkout(checkout, "make").stdout == done.stdout, "help is what make alone says"


# The demo


def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for command in ("demo", "serve"):
            done = run(command, "--port", str(port), data=tmp_path / "var")
            assert (
                sentence(done)
                == f"Port {port} is taken; choose another one, such as --port {port + 1} (with make: PORT={port + 1})."
            )
    assert not (tmp_path / "var").exists()


def test_an_address_of_another_machine_is_said(tmp_path: Path) -> None:
    done = run("demo", "--host", "192.0.2.1", "--port", str(free_port()), data=tmp_path / "var")
    assert "cannot be listened on" in sentence(done)


@pytest.mark.parametrize("place", ["below a file", "a file", "read-only"])
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, place: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    data = {"below a file": file / "var", "a file": file, "read-only": Path("/proc/cultuurinzicht")}[place]
    if place == "read-only" and not Path("/proc").is_dir():
        pytest.skip("no /proc here")
    done = run("demo", "--port", str(free_port()), data=data)
    assert done.returncode == 1
    said, step = done.stderr.splitlines()
    assert said == f"The folder {data} cannot be made or written; choose another one."
    assert "CULTUURINZICHT_DATA_DIR" in step


def test_a_scale_that_makes_no_sector_is_said(tmp_path: Path) -> None:
    for scale in ("0", "nan"):
        done = run("demo", "--no-serve", "--scale", scale, data=tmp_path / "var")
        assert "The scale is a number above 0" in sentence(done)
    assert not (tmp_path / "var").exists()


def test_a_real_platform_is_never_planted(tmp_path: Path) -> None:
    data = tmp_path / "var"
    assert run("migrate", "--create", "platform", data=data).returncode == 0
    assert "holds a real platform" in sentence(run("demo", "--no-serve", data=data))
    assert not (data / "demo-access.json").exists()


def test_the_access_file_is_for_its_owner_alone(planted: Path) -> None:
    assert os.stat(planted / "demo-access.json").st_mode & 0o077 == 0  # noqa: PTH116
