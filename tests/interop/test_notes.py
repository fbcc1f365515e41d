"""Notes that others signed are read by our functions, and no changed one is."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files

import pytest

from consent_ledger.checkpoint import NoteRefused, read_note

GO_KEY = "go.example/log+bd73a0b8+AZ+ImVPiBrNDoWcp1wieB+rys0b7RzBRMPsox0fO0Qe3"
GO_NOTE = """\
go.example/log
20852163
PAb5plclr2BSYfY2ZyyWINQJcx2JpFHXRV/pxK4WeCk=

— witness.example/go xUNDAVGHg3TK/+xBsPOHrSIEKDlBB6Ih1hXZO+7QgjtUj7/LaPczufZGmM81K7del2CEuPI10nUQJNeylw2XYhlbMwM=
— go.example/log vXOguI/obd3S65Gu12upGuYDIW9i75r3BUzK+dsUBntm2HBn2+8BG8AQU7/GwVhiJdls4sH01YrGlSg7e+BblExkHQ0=
"""
"""Signed by golang.org/x/mod/sumdb/note with two new keys (`check sign` in tests/interop/go)."""

REKOR = "log2025-alpha3.rekor.sigstage.dev"
REKOR_NOTE = f"""\
{REKOR}
4026479
5iaX4xK6PMnp4ZFTP4iywMcwLgaTjzgRTkrTOUFIrfY=

— {REKOR} 09OnDHwVrKeXjBYQ4NJ5EoENdtpBwZcV3X8n+cAZFIk+8LBPKEpZcKqoN2CfjGw0zlQwt+U2pLt5UyYEFv+STPHPmQg=
— witness.stagemole.eu Z/euoAAAAABqBM+21mV7JbHwWmLP20ZSpNWneHMkITOPopt+Vj1MoJSILqOIPpx93pbRfA0U+Eq5IiJjEUhG1JwGhPCJEUT5yDcFDg==
— staging.witness.transparency.goog/ring-any-bells LhqNyQAAAABqBM+2Ob9EtpF9h6IUMXc/LTRkkXiNAgbbohBxHekby1oASdDtPLkgZLmBHH73DF25f2L8xGgp/qVwoZK5thKXc6XnCw==
— witness.navigli.sunlight.geomys.org o+AP4gAAAABqBM+2NoYlK4g3lkC5QltDB6f2F9U8yF6+8kXKjLKHAYvSDJ3u5dZufSU3bz+AtJMdOoMixoFJBkQ397WY/mE0i9tlCg==
"""
"""What Sigstore's Rekor (staging) published in 2026, with the signatures of three public witnesses."""


def rekor_key() -> str:
    """Its key, as sigstore-python ships it, written as a verifier key of C2SP."""
    shipped = files("sigstore._store").joinpath(
        "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev", "trusted_root.json"
    )
    logs = {log["baseUrl"]: log for log in json.loads(shipped.read_text())["tlogs"]}
    der = base64.b64decode(logs[f"https://{REKOR}"]["publicKey"]["rawBytes"])
    key = b"\x01" + der[-32:]
    key_id = hashlib.sha256(REKOR.encode() + b"\n" + key).hexdigest()[:8]
    return f"{REKOR}+{key_id}+{base64.b64encode(key).decode()}"


OTHERS = [
    pytest.param(GO_KEY, GO_NOTE, 20852163, id="go"),
    pytest.param(rekor_key(), REKOR_NOTE, 4026479, id="rekor"),
]


@pytest.mark.parametrize(("key", "note", "size"), OTHERS)
def test_a_note_that_others_signed_is_read(key: str, note: str, size: int) -> None:
    read = read_note(note, [key])
    assert (read.origin, read.size) == (key.partition("+")[0], size)
    assert base64.b64encode(read.root).decode() == note.split("\n")[2]


@pytest.mark.parametrize(("key", "note", "size"), OTHERS)
def test_no_letter_of_what_others_signed_can_be_changed(key: str, note: str, size: int) -> None:
    """In the text, and in the signature of the log. Others' signatures are not ours to judge."""
    lines = note.split("\n")
    origin = key.partition("+")[0]
    judged = {0, 1, 2, 3} | {at for at, line in enumerate(lines) if line.startswith(f"— {origin} ")}
    start, accepted = 0, []
    for at, line in enumerate(lines):
        for place in range(start, start + len(line) + 1) if at in judged else ():
            changed = note[:place] + ("A" if note[place] != "A" else "B") + note[place + 1 :]
            try:
                read_note(changed, [key])
            except NoteRefused:
                continue
            accepted.append((at, place - start))
        start += len(line) + 1
    assert accepted == []


def test_a_note_of_go_is_not_read_with_the_key_of_another() -> None:
    with pytest.raises(NoteRefused):
        read_note(GO_NOTE, [rekor_key()])
