"""A house that signs: its devices, and what it hands in through the door."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from consent_ledger.passkeys import Assertion
from consent_ledger.vocabulary import AgreementId, SigningAlgorithm
from resolvers import keys as key_door
from resolvers import previews as preview_door
from resolvers import signing as signing_door
from resolvers.agreements import Changed
from resolvers.keys import KeyChanged, KeyOfHouse, Prepared, Registration
from tests.consent_ledger.authenticator import Authenticator
from tests.resolvers.scene import Scene, caller


class Signer:
    """What somebody at `name` does with passkeys; `devices` by the key's name."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.scene = scene
        self.name = name
        self.devices: dict[str, Authenticator] = {}

    def prepare(self, device: Authenticator) -> Prepared:
        with self.scene.inquiry(caller(self.name)) as ask:
            done = key_door.prepare_key(ask, SigningAlgorithm(device.algorithm), device.public_key)
        assert isinstance(done, Prepared), done
        return done

    def registration(
        self, device: Authenticator, prepared: Prepared, *, approved_by: str | None = None
    ) -> Registration:
        approval = None
        if approved_by is not None:
            approval = self.devices[approved_by].sign(prepared.challenge, key=approved_by)
        return Registration(
            key=prepared.key,
            algorithm=SigningAlgorithm(device.algorithm),
            public_key=device.public_key,
            rp_id=prepared.rp_id,
            credential_id=b"\x01\x02\x03",
            label="Signe van der Berg",
            possession=device.sign(prepared.challenge, key=prepared.key),
            approval=approval,
        )

    def register(self, given: Registration, *, key: str | None = None) -> KeyChanged:
        with self.scene.inquiry(caller(self.name)) as ask:
            done = key_door.register_own_key(ask, given, key=key or self.scene.key())
        assert isinstance(done, KeyChanged), done
        return done

    def enrol(
        self, device: Authenticator | None = None, *, approved_by: str | None = None, **changes: Any
    ) -> str:
        """Make a key and register it; returns its name."""
        device = device or Authenticator.make()
        given = self.registration(device, self.prepare(device), approved_by=approved_by)
        done = self.register(replace(given, **changes))
        self.devices[done.key] = device
        return done.key

    def retire(self, wanted: str, cause: Any, *, key: str | None = None) -> KeyChanged:
        with self.scene.inquiry(caller(self.name)) as ask:
            done = key_door.retire_own_key(ask, wanted, cause, key=key or self.scene.key())
        assert isinstance(done, KeyChanged), done
        return done

    def own_keys(self) -> list[KeyOfHouse]:
        with self.scene.inquiry(caller(self.name)) as ask:
            found = key_door.own_keys(ask)
        assert isinstance(found, list), found
        return found

    def preview(self, agreement: AgreementId) -> preview_door.Shown:
        with self.scene.inquiry(caller(self.name)) as ask:
            done = preview_door.make_preview(ask, agreement)
        assert isinstance(done, preview_door.Shown), done
        return done

    def accept(
        self, agreement: AgreementId, preview_sha256: str, assertion: Assertion, *, key: str | None = None
    ) -> Changed:
        with self.scene.inquiry(caller(self.name)) as ask:
            done = signing_door.sign_agreement(
                ask,
                agreement,
                preview_sha256=preview_sha256,
                assertion=assertion,
                key=key or self.scene.key(),
            )
        assert isinstance(done, Changed), done
        return done

    def sign(self, agreement: AgreementId, key: str) -> Changed:
        """Look at the preview, and accept with this key."""
        shown = self.preview(agreement)
        return self.accept(agreement, shown.sha256, self.devices[key].sign(shown.challenge, key=key))
