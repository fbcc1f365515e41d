"""What a party was shown of agreements before it accepted them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from consent_ledger.permit import Permit, Read
from consent_ledger.question import Subject
from insight.store import require
from insight.tables import agreement_preview


def preview_body(permit: Permit[Read], connection: Connection, sha256: str) -> str | None:
    """The preview of this SHA-256 as it was shown to the permit's own party; None when it never was."""
    require(permit, Subject.AGREEMENTS)
    query = select(agreement_preview.c.body).where(
        agreement_preview.c.party == permit.controller, agreement_preview.c.sha256 == sha256
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found
