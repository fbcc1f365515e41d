"""Persons taken out of the lines: what was sold stays, who bought it goes, for good."""

from __future__ import annotations

from sqlalchemy import Connection, update

from consent_ledger.permit import Permit, Write
from consent_ledger.question import Subject
from consent_ledger.vocabulary import PersonRef
from insight.store import WrongPermit
from insight.tables import ticket_line


def sever(permit: Permit[Write], connection: Connection, person: PersonRef) -> int:
    """
    Take one person out of every line of the permit's controller; returns how many lines that were.

    In the caller's transaction, which is that of `subject.erased`. A severed line is linked to nobody
    again, whatever is imported later. A visitor's permit severs that visitor alone.
    """
    if permit.subject not in {Subject.CONSENT, Subject.PERSON} or permit.person not in {None, person}:
        raise WrongPermit(permit.subject)
    lines = update(ticket_line).where(
        ticket_line.c.institution == permit.controller, ticket_line.c.person == person
    )
    return connection.execute(lines.values(person=None, severed=1)).rowcount
