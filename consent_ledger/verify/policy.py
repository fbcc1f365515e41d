"""
Who must have co-signed: a C2SP tlog-policy file, and the cosignatures of C2SP tlog-cosignature.

    log cultuurinzicht.example/ledger+0e3a5d9c+AbC…
    witness museum museum.example/witness+41c1e6b0+BFq…
    witness theatre theatre.example/witness+9d7f2a11+BKe…
    witness library library.example/witness+6620cc4e+BPp…
    group sector 2 museum theatre library
    quorum sector

A witness signs what it saw and when, so a checkpoint that a quorum co-signed was the same for all of them:
whoever was shown another ledger would need other witnesses. It says nothing of what the entries mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from consent_ledger.verify.note import LOG, MAX_NOTE, WITNESS, Checkpoint, Key, check_signed, read_key
from consent_ledger.verify.refused import Refused

LEEWAY = 300
"""Seconds by which the clock of a witness may be ahead of ours."""

_MOST = 256
"""Logs, witnesses and groups of each at most."""
_LAST = 2**63 - 1


@dataclass(frozen=True)
class Cosigned:
    """By which witnesses of the policy, and at what time a whole quorum of them had."""

    witnesses: tuple[str, ...]
    time: int | None
    """Seconds since 1970: of the youngest cosignatures that make a quorum, the oldest. None: none is asked."""


@dataclass
class Policy:
    """Logs that are accepted, witnesses that are known, and how many of them must have signed."""

    logs: list[Key] = field(default_factory=list)
    witnesses: dict[str, Key] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = ""

    def check_log(self, checkpoint: Checkpoint) -> None:
        """Return when one of the logs signed this checkpoint, or the policy names none. Raises `Refused`."""
        known = [one for one in self.logs if one.name == checkpoint.origin and checkpoint.by(one)]
        if self.logs and not known:
            raise Refused("The checkpoint is signed by none of the logs in the policy.")
        for one in known:
            check_signed(checkpoint, one)

    def check(self, checkpoint: Checkpoint, now: float, max_age: float | None = None) -> Cosigned:
        """
        Return by whom the checkpoint is co-signed, when that is enough, and recent enough.

        A witness counts once, with its youngest cosignature; one dated in the future does not count.
        Raises `Refused`.
        """
        times: dict[str, int] = {}
        for name, key in self.witnesses.items():
            for signature in checkpoint.by(key):
                time = _checked(key, signature, checkpoint)
                if time <= now + LEEWAY:
                    times[name] = max(time, times.get(name, 0))
        if self.quorum == "none":
            if max_age is not None:
                raise Refused("The policy asks for no cosignature, so none is recent enough.")
            return Cosigned(tuple(sorted(times)), None)
        reached = self._reached(self.quorum, times)
        if reached is None:
            who = ", ".join(sorted(times)) or "none of them"
            raise Refused(f"The checkpoint is not co-signed by a quorum of the policy: {who} signed it.")
        if max_age is not None and now - reached > max_age:
            old = int(now - reached)
            raise Refused(
                f"A quorum of the policy co-signed the checkpoint {old} seconds ago, which is too old."
            )
        return Cosigned(tuple(sorted(times)), reached)

    def _reached(self, name: str, times: dict[str, int]) -> int | None:
        """Since when a witness, or enough of a group, had signed."""
        if name not in self.groups:
            return times.get(name)
        threshold, members = self.groups[name]
        signed = sorted(
            (time for one in members if (time := self._reached(one, times)) is not None), reverse=True
        )
        return signed[threshold - 1] if len(signed) >= threshold else None


def _checked(key: Key, signature: bytes, checkpoint: Checkpoint) -> int:
    """The time of a cosignature: 8 bytes, then Ed25519 over it and the whole text of the checkpoint."""
    time = int.from_bytes(signature[:8], "big")
    if len(signature) != 72 or not 0 < time <= _LAST:
        raise Refused(f"The cosignature of {key.name} is not formed like one.")
    try:
        key.check(signature[8:], f"cosignature/v1\ntime {time}\n{checkpoint.text}".encode())
    except Refused:
        raise Refused(f"The cosignature of {key.name} does not fit the checkpoint.") from None
    return time


def read_policy(data: bytes) -> Policy:
    """The policy in a file. Raises `Refused`, naming the line."""
    if len(data) > MAX_NOTE or re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data):
        raise Refused("The policy is too long, or no text.")
    policy, members = Policy(), set[str]()
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for number, line in enumerate(lines, 1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            _take(policy, members, words)
        except Refused as refused:
            raise Refused(f"Line {number} of the policy cannot be followed: {refused}") from None
    if not policy.quorum:
        raise Refused("The policy has no line that names the quorum.")
    return policy


def _take(policy: Policy, members: set[str], words: list[str]) -> None:
    match words:
        case ["log", vkey] | ["log", vkey, _]:
            policy.logs.append(_new(policy.logs, read_key(vkey, LOG)))
        case ["witness", name, vkey] | ["witness", name, vkey, _]:
            _check_name(policy, name)
            policy.witnesses[name] = _new(list(policy.witnesses.values()), read_key(vkey, WITNESS))
        case ["group", name, threshold, *those] if those:
            _check_name(policy, name)
            for one in those:
                _check_known(policy, one)
                if one in members:
                    raise Refused("a name is a member twice.")
                members.add(one)
            policy.groups[name] = _threshold(threshold, len(those)), those
        case ["quorum", name]:
            if policy.quorum:
                raise Refused("there is more than one quorum.")
            if name != "none":
                _check_known(policy, name)
            policy.quorum = name
        case _:
            raise Refused("it is none of log, witness, group and quorum as they are written.")


def _new(known: list[Key], key: Key) -> Key:
    if len(known) == _MOST or any(one.public == key.public for one in known):
        raise Refused("this key stands there already, or there are too many.")
    return key


def _check_name(policy: Policy, name: str) -> None:
    if name == "none" or name in policy.witnesses or name in policy.groups or len(policy.groups) == _MOST:
        raise Refused("this name is taken, or there are too many groups.")


def _check_known(policy: Policy, name: str) -> None:
    if name not in policy.witnesses and name not in policy.groups:
        raise Refused("it names a witness or group that no line above it defines.")


def _threshold(written: str, members: int) -> int:
    if written in ("all", "any"):
        return members if written == "all" else 1
    if re.fullmatch(r"[1-9][0-9]{0,3}", written) is None or int(written) > members:
        raise Refused("the number of a group lies between 1 and its members.")
    return int(written)


def seconds(written: str) -> float:
    """An age: seconds, or a whole number with `s`, `m`, `h` or `d`. Raises `Refused`."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd]?)", written)
    if found is None:
        raise Refused("An age is written as seconds, or like 30m, 1h or 2d.")
    return int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}[found[2]]
