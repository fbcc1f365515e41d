"""Who is behind a reference, and how that is forgotten. Nothing else of the ledger imports this."""

from consent_ledger.vault.batches import Batch
from consent_ledger.vault.erasing import Erased, Planned
from consent_ledger.vault.links import Link, LinkKind
from consent_ledger.vault.sealing import VaultRefused, normalised
from consent_ledger.vault.sessions import SESSION
from consent_ledger.vault.statements import Opening, Statement, VaultConflict
from consent_ledger.vault.tables import metadata
from consent_ledger.vault.vault import Vault

__all__ = [
    "SESSION",
    "Batch",
    "Erased",
    "Link",
    "LinkKind",
    "Opening",
    "Planned",
    "Statement",
    "Vault",
    "VaultConflict",
    "VaultRefused",
    "metadata",
    "normalised",
]
