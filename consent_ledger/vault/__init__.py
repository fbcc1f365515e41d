"""Who is behind a reference, and how that is forgotten. Nothing else of the ledger imports this."""

from consent_ledger.vault.sealing import VaultRefused
from consent_ledger.vault.tables import metadata
from consent_ledger.vault.vault import Opening, Statement, Vault, VaultConflict

__all__ = ["Opening", "Statement", "Vault", "VaultConflict", "VaultRefused", "metadata"]
