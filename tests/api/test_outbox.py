"""Mails wait as whole files for this user alone, and not longer than their links hold."""

from __future__ import annotations

import email
import os
import stat
import time
from email.policy import default
from pathlib import Path

import pytest

from api.outbox import Outbox, OutboxRefused, link_mail

LINK = "https://pool.example.nl/v/" + "a" * 43


@pytest.mark.parametrize("address", ["ada@example.org", "zoë@example.org", "o'neill+a/b=c@sub.example.org"])
def test_a_mail_is_read_back_as_it_was_meant(tmp_path: Path, address: str) -> None:
    path = Outbox(tmp_path / "outbox").put(link_mail(address, LINK, dutch=True))
    mail = email.message_from_bytes(path.read_bytes(), policy=default)
    assert mail["To"] == address
    assert mail["From"] == "Cultuurinzicht <no-reply@pool.example.nl>"
    assert LINK in mail.get_content()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "address", ["a@b@example.org", "<a@example.org>", "a@example.org\nBcc: b@example.org", ""]
)
def test_nothing_that_is_no_address_becomes_a_header(address: str) -> None:
    with pytest.raises(ValueError, match="no mail"):
        link_mail(address, LINK, dutch=False)


def test_mails_are_removed_when_their_links_have_ended_and_other_files_stay(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    old, young = (outbox.put(link_mail("ada@example.org", LINK, dutch=True)) for _ in range(2))
    left, other = tmp_path / f".{old.stem}.part", tmp_path / "notes.txt"
    for path in (left, other):
        path.write_text("x")
    for path in (old, left, other):
        os.utime(path, (0, time.time() - 3_700))
    assert outbox.clear() == 2
    assert sorted(tmp_path.iterdir()) == sorted([young, other])


def test_a_mail_without_a_folder_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutboxRefused):
        Outbox(tmp_path / "file").put(link_mail("ada@example.org", LINK, dutch=True))
    assert Outbox(tmp_path / "nowhere").clear() == 0
