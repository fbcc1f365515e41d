"""
sigstore-python: the signature on the checkpoint and every inclusion proof, as for an entry of Rekor.

Asked is the step of its `Verifier` that verifies an entry's place in the log; it is internal, so the lock
pins the version. It has no consistency proofs. That the index lies below the size is checked by the model
of its proofs, not by its inclusion function: entries are therefore read from JSON, as in its bundles.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
from sigstore._internal.trust import Keyring, RekorKeyring
from sigstore.errors import VerificationError
from sigstore.models import TransparencyLogEntry
from sigstore_models.common.v1 import PublicKey
from sigstore_models.rekor.v1 import TransparencyLogEntry as Model

from tests.interop.exports import Proof, leaves, proofs
from tests.interop.verifiers import Counted, Part, Refused


class SigstorePython:
    """sigstore-python, with our key as that of a log."""

    name = "sigstore-python"
    version = version("sigstore")
    reads = frozenset({Part.NOTE, Part.LEAVES, Part.PATHS})

    def check(self, folder: Path) -> Counted:
        """Raises `Refused`."""
        name, _, blob = (folder / "key").read_text().strip().split("+", 2)
        key = base64.b64decode(blob)
        keyring = RekorKeyring(Keyring([_public_key(key[1:])]))
        log_id = hashlib.sha256(name.encode() + b"\n" + key).digest()
        newest = (folder / "checkpoint").read_text()
        counted = Counted()
        try:
            for leaf, proof in zip(leaves(folder), proofs(folder), strict=True):
                if proof.note != newest:
                    raise AssertionError("a proof ends in another checkpoint")
                TransparencyLogEntry(_entry(leaf, proof, log_id))._verify(keyring)
                counted += Counted(notes=1, inclusions=1)
        except (VerificationError, ValidationError) as error:
            raise Refused(f"sigstore-python: {error}") from None
        return counted


def _entry(leaf: bytes, proof: Proof, log_id: bytes) -> Model:
    said = SignedCheckpoint.from_text(proof.note).checkpoint
    return Model.from_json(
        json.dumps(
            {
                "logIndex": str(proof.index),
                "logId": {"keyId": _written(log_id)},
                "kindVersion": {"kind": "entry", "version": "1"},
                "inclusionProof": {
                    "logIndex": str(proof.index),
                    "rootHash": _written(bytes.fromhex(said.log_hash)),
                    "treeSize": str(said.log_size),
                    "hashes": [_written(one) for one in proof.hashes],
                    "checkpoint": {"envelope": proof.note},
                },
                "canonicalizedBody": _written(leaf),
            }
        )
    )


def _public_key(raw: bytes) -> PublicKey:
    der = Ed25519PublicKey.from_public_bytes(raw).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return PublicKey.from_json(json.dumps({"rawBytes": _written(der), "keyDetails": "PKIX_ED25519"}))


def _written(data: bytes) -> str:
    return base64.b64encode(data).decode()
