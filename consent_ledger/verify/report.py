"""What holds, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Report:
    """What holds of an export."""

    origin: str
    size: int
    root: str
    recorded: str
    """Recorded time of the last entry."""
    is_sandbox: bool
    key_was_given: bool
    """Whether the signature was checked with a key from the caller; else only with the export's own."""
    signed: int = 0
    """Acceptances of agreements that the houses signed themselves."""
    signed_with_enrolled: int = 0
    """Of these, the ones that were signed with a key that the operator enrolled."""
    attested: int = 0
    """Acceptances that are the operator's word."""
    enrolled: int = 0
    """Keys of houses that no key of the same house approved: the operator enrolled them."""
    enrolled_for: tuple[str, ...] = ()
    """The houses of these keys."""
    enrolled_after_loss: tuple[str, ...] = ()
    """Houses that had a key before, and got another from the operator."""
    witnesses: tuple[str, ...] | None = None
    """Who of the policy co-signed; None when no policy was given."""
    cosigned: int | None = None
    """When a quorum of the policy had co-signed, in seconds since 1970."""
    since: tuple[int, ...] = ()
    """The sizes of earlier checkpoints that this ledger goes on from."""

    def statement(self) -> str:
        """For people, a few lines."""
        with_enrolled = self.signed_with_enrolled
        by_houses = f"{self.signed} signed by the houses themselves"
        if with_enrolled:
            by_houses += f" (of which {with_enrolled} with keys that the operator enrolled)"
        said = [
            f"The ledger {self.origin} holds: {self.size} entries, in order, unchanged, and signed.",
            f"root      {self.root}",
            f"recorded  until {self.recorded}{', in a sandbox of invented data' if self.is_sandbox else ''}",
            f"accepted  {by_houses}, {self.attested} attested by the operator",
        ]
        if self.enrolled:
            lost = ", ".join(self.enrolled_after_loss)
            said.append(
                f"keys      {self.enrolled} enrolled by the operator, for {', '.join(self.enrolled_for)}"
                + (f"; after a loss, for {lost}" if lost else "")
                + ": ask them whether it was theirs"
            )
        said += [f"since     it goes on from the checkpoint of {size} entries" for size in self.since]
        said += _cosigned(self.witnesses, self.cosigned)
        said.append(signature(given=self.key_was_given))
        return "\n".join(said)


@dataclass(frozen=True)
class Proven:
    """One entry, and that it is in the ledger."""

    origin: str
    position: int
    kind: str
    recorded: str
    size: int
    """Of the signed checkpoint under which it was proven."""
    witnesses: tuple[str, ...] | None = None
    cosigned: int | None = None
    consent: str | None = None
    """Of a consent receipt: what the person had said, as proven."""

    def statement(self) -> str:
        """For people, a few lines."""
        said = (
            f"Entry {self.position} ({self.kind}, {self.recorded}) is in the ledger {self.origin},"
            f" under a signed checkpoint of {self.size} entries."
        )
        consent = [] if self.consent is None else [self.consent]
        return "\n".join([said, *consent, *_cosigned(self.witnesses, self.cosigned)])


def _cosigned(witnesses: tuple[str, ...] | None, time: int | None) -> list[str]:
    if witnesses is None:
        return []
    who = ", ".join(witnesses) or "nobody"
    if time is None:
        return [f"co-signed by {who}; the policy asks for nobody"]
    return [f"co-signed by {who}; a quorum of the policy, at {_told(time)}"]


def _told(time: int) -> str:
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time} seconds after 1970"


def signature(*, given: bool) -> str:
    """Whose key was believed."""
    if given:
        return "signature valid for the key you gave"
    return (
        "signature valid, but only for the key that came with the export: this shows that nothing"
        " changed since it was signed, not who signed. Give --key with a key from elsewhere."
    )
