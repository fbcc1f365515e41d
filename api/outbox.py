"""
The outbox: mails as files, one each, for whoever sends them (RFC 5322; `.eml`).

A mail is readable by the server's user alone, appears whole or not at all, and holds an address and a link
that opens that person's records: what was not fetched within the hour is removed, because its link has
ended by then.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime, make_msgid
from pathlib import Path
from urllib.parse import urlsplit

from consent_ledger.reasons import Text

_OURS = re.compile(r"\.?[0-9]{20}-[0-9a-f]{16}\.(eml|part)", re.ASCII)
_HOUR = 3_600

_MAILABLE = re.compile(r"""[^\s<>()\[\]\\,;:"@\x00-\x1f\x7f]+@[^\s<>()\[\]\\,;:"@\x00-\x1f\x7f]+""")
"""No sign with a meaning of its own in a header (RFC 5322, 3.2.3), which nobody's address has in practice."""

_SUBJECT = Text("Uw link naar uw gegevens", "Your link to your records")
_BODY = Text(
    """\
Iemand vroeg om deze link voor dit adres. Was u dat niet, dan hoeft u niets te doen.

{link}

De link werkt één keer, een half uur lang. U ziet ermee welke huizen u kennen en waarvoor zij uw gegevens
gebruiken. U kunt alles stoppen, iets intrekken, uw gegevens meenemen of zich laten vergeten.

Geef de link aan niemand: wie hem heeft, ziet uw gegevens.
""",
    """\
Somebody asked for this link for this address. If it was not you, you need do nothing.

{link}

The link works once, for half an hour. It shows which houses know you and for what they use your data. You
can stop everything, take something back, take your data with you, or be forgotten.

Give the link to nobody: whoever has it sees your records.
""",
)


_STOPPED_SUBJECT = "Alles is gestopt / Everything was stopped"
_STOPPED_BODY = """\
Met een link uit een mail van {house} is alles gestopt: geen enkel huis gebruikt uw gegevens nog, en geen enkel
huis neemt uw adres nog op. Was u dat, dan hoeft u niets te doen. Uw kaartjes blijven geldig.

Was u dat niet? Met deze link ziet u wat er is vastgelegd, en beslist u het anders. Laat het ons weten: dan heeft
iemand anders een link gebruikt die voor u was.

{link}

De link werkt één keer, een dag lang. Geef hem aan niemand: wie hem heeft, ziet uw gegevens.

---

By a link from a mail of {house} everything was stopped: no house uses your data any more, and no house takes your
address in any more. If it was you, you need do nothing. Your tickets stay valid.

If it was not you: this link shows what was recorded, and lets you decide otherwise. Tell us: then somebody else
used a link that was for you.

{link}

The link works once, for a day. Give it to nobody: whoever has it sees your records.
"""


class OutboxRefused(Exception):
    """A mail cannot be left. Carries a code, a plain sentence and what to do next."""

    code = "OUTBOX_NOT_WRITABLE"
    sentence = "A mail could not be left in the outbox."
    next_step = "See that the folder that CULTUURINZICHT_OUTBOX names can be written."


def link_mail(address: str, link: str, *, dutch: bool) -> EmailMessage:
    """The mail with a one-time link, in plain text. Raises `ValueError` when no mail can go to this address."""
    subject, body = (_SUBJECT.nl, _BODY.nl) if dutch else (_SUBJECT.en, _BODY.en)
    return _mail(address, link, subject, body.format(link=link), "nl" if dutch else "en")


def stopped_mail(address: str, house: str, link: str) -> EmailMessage:
    """That everything was stopped by a link of this house, in both languages. Raises as `link_mail`."""
    return _mail(address, link, _STOPPED_SUBJECT, _STOPPED_BODY.format(house=house, link=link), "nl, en")


def _mail(address: str, link: str, subject: str, body: str, languages: str) -> EmailMessage:
    if _MAILABLE.fullmatch(address) is None:
        raise ValueError("no mail can be sent to this address")
    name, _, domain = address.partition("@")
    host = urlsplit(link).hostname or "localhost"
    mail = EmailMessage(policy=SMTPUTF8)
    mail["From"] = Address("Cultuurinzicht", "no-reply", host)
    mail["To"] = Address(username=name, domain=domain)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=host)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer by a machine
    mail.set_content(body)
    mail["Content-Language"] = languages  # after: setting the content clears what tells of it
    return mail


class Outbox:
    """A folder of mails. Safe between threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, mail: EmailMessage) -> Path:
        """Leave a mail; durable and whole when its name ends in `.eml`. Raises `OutboxRefused`."""
        name = f"{time.time_ns():020d}-{secrets.token_hex(8)}"
        partial, whole = self._folder / f".{name}.part", self._folder / f"{name}.eml"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.clear()
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(mail.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            partial.rename(whole)  # a crash before this leaves a part that `clear` removes
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError:
            raise OutboxRefused from None
        return whole

    def clear(self) -> int:
        """Remove mails of more than an hour ago, whose links have ended; returns how many. Touches no other file."""
        removed, before = 0, time.time() - _HOUR
        try:
            for path in self._folder.iterdir():
                if _OURS.fullmatch(path.name) and path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
                    removed += 1
        except OSError:  # no folder yet, or somebody fetched the mail at this moment
            return removed
        return removed
