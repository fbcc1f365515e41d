"""Documents of accountability as GraphQL shows them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

import strawberry

from consent_ledger.accounting import notice as notices
from consent_ledger.accounting import record as records
from consent_ledger.accounting.breach import Breach, Duty, Left, Reach, Taken
from consent_ledger.accounting.essence import Essence
from consent_ledger.accounting.notice import WHEN, Notice
from consent_ledger.accounting.record import Record
from consent_ledger.accounting.standing_at import Agreed
from consent_ledger.accounting.words import BUCKETS, RIGHTS
from consent_ledger.reasons import Text
from consent_ledger.vocabulary import (
    ControllerRole,
    FieldGroup,
    Granularity,
    Package,
    PartyId,
    Purpose,
    Scope,
)
from resolvers.accountability import Account
from schema.agreement import AGREEMENT
from schema.directives import ScopeName, requires
from schema.ids import global_id
from schema.refused import said
from schema.viewer import INSTITUTION
from schema.words import InLanguage, Language

READ = requires(Scope.LEDGER_READ)

_MOST_POSITIONS = 1_000

AfterPosition = Annotated[int, strawberry.argument(description="The last position that you have.")]


def _sentences(texts: Sequence[Text], language: Language) -> list[str]:
    return [said(text, language) for text in texts]


def _party(party: PartyId) -> strawberry.ID:
    return strawberry.ID(global_id(INSTITUTION, party))


@strawberry.interface(
    description="A document made from the ledger alone: as known at one position, as valid on one day.",
    directives=READ,
)
class AccountingDocument:
    account: strawberry.Private[Account[Record] | Account[Essence] | Account[Notice] | Account[Breach]]

    @strawberry.field(description="How many entries of the ledger it rests on.")
    def size(self) -> int:
        return self.account.document.stands.size

    @strawberry.field(description="The RFC 9162 root of these entries, in hexadecimal.")
    def root(self) -> str:
        return self.account.document.stands.root

    @strawberry.field(description="The day for which it holds.")
    def day(self) -> date:
        return self.account.document.stands.day

    @strawberry.field(
        description="The whole document as Markdown: the same bytes for the same position and day."
    )
    def markdown(self, language: InLanguage = Language.NL) -> str:
        return self.account.markdown(dutch=language is Language.NL)


@strawberry.type(description="One purpose for which a controller recorded a lawful basis.", directives=READ)
class ProcessingActivity:
    purpose: Purpose = strawberry.field(description="The purpose.")
    purpose_version: int = strawberry.field(description="Its version.")
    basis: str = strawberry.field(description="The lawful basis, as W3C DPV names it.")
    since: date = strawberry.field(description="Since when this basis is recorded.")
    told_since: date | None = strawberry.field(
        description="Since when the visitors are told of it; null when no notice names it."
    )
    needs_dpia: bool = strawberry.field(description="Whether it needs an impact assessment.")
    dpia_sha256: str | None = strawberry.field(description="Checksum of that assessment, as recorded.")
    position: int = strawberry.field(description="The entry that recorded the basis.")


@strawberry.type(description="An agreement that stands or stood, as accounts tell it.", directives=READ)
class AccountedAgreement:
    agreement: strawberry.ID = strawberry.field(description="Global id of the agreement.")
    package: Package = strawberry.field(description="Which of the six kinds it is.")
    status: str = strawberry.field(description="`proposed`, `active`, `ended` or `expired`.")
    sources: list[strawberry.ID] = strawberry.field(description="Global ids of who gives.")
    recipients: list[strawberry.ID] = strawberry.field(description="Global ids of who receives.")
    purposes: list[Purpose] = strawberry.field(description="For which purposes.")
    groups: list[FieldGroup] = strawberry.field(description="Which field groups.")
    granularity: Granularity = strawberry.field(description="How fine at most.")
    minimum_group: int = strawberry.field(description="Figures about fewer persons are withheld.")
    productions: int | None = strawberry.field(description="How many productions it names; null: all.")
    period_start: date | None = strawberry.field(description="First day of performances.")
    period_end: date | None = strawberry.field(description="Day after the last.")
    onward: bool = strawberry.field(description="Whether the recipient may pass data on.")
    since: date = strawberry.field(description="The day on which the last party accepted.")
    until: date | None = strawberry.field(description="The day on which it expires or expired.")
    over: date | None = strawberry.field(description="The day on which a party ended it.")
    positions: list[int] = strawberry.field(description="Its entries.")


def _agreed(one: Agreed) -> AccountedAgreement:
    return AccountedAgreement(
        agreement=strawberry.ID(global_id(AGREEMENT, one.id)),
        package=one.package,
        status=one.status,
        sources=list(map(_party, one.sources)),
        recipients=list(map(_party, one.recipients)),
        purposes=list(one.purposes),
        groups=list(one.groups),
        granularity=one.granularity,
        minimum_group=one.minimum_group,
        productions=one.productions,
        period_start=one.period_start,
        period_end=one.period_end,
        onward=one.onward,
        since=one.since,
        until=one.until,
        over=one.over,
        positions=list(one.positions),
    )


@strawberry.type(
    description="The record of processing activities of one controller (GDPR, article 30).", directives=READ
)
class ProcessingRecord(AccountingDocument):
    record: strawberry.Private[Record]

    @strawberry.field(description="Global id of the controller.")
    def controller(self) -> strawberry.ID:
        return _party(self.record.controller)

    @strawberry.field(description="Whether it takes part in the platform now.")
    def is_member(self) -> bool:
        return self.record.is_member

    @strawberry.field(description="Whether it has brought in data.")
    def has_data(self) -> bool:
        return self.record.has_data

    @strawberry.field(description="The purposes, with basis and assessment.")
    def activities(self) -> list[ProcessingActivity]:
        return [
            ProcessingActivity(
                purpose=one.purpose,
                purpose_version=one.version,
                basis=one.basis.value,
                since=one.since,
                told_since=one.told_since,
                needs_dpia=one.needs_dpia,
                dpia_sha256=one.dpia_sha256,
                position=one.position,
            )
            for one in self.record.activities
        ]

    @strawberry.field(description="Agreements under which its data go or went to others.")
    def given(self) -> list[AccountedAgreement]:
        return list(map(_agreed, self.record.given))

    @strawberry.field(description="Agreements under which it receives or received data of others.")
    def received(self) -> list[AccountedAgreement]:
        return list(map(_agreed, self.record.received))

    @strawberry.field(description="Global ids of those with whom it decides together, outside the pool.")
    def joint_with(self) -> list[strawberry.ID]:
        return list(map(_party, self.record.joint_with))

    @strawberry.field(description="Global ids of its processors: who runs the platform.")
    def processors(self) -> list[strawberry.ID]:
        return list(map(_party, self.record.processors))

    @strawberry.field(description="How long what is kept.")
    def retention(self, language: InLanguage = Language.NL) -> list[str]:
        return _sentences(self.record.retention, language)

    @strawberry.field(description="How the data are kept safe.")
    def measures(self, language: InLanguage = Language.NL) -> list[str]:
        return _sentences(self.record.measures, language)

    @strawberry.field(description="What the article asks and the ledger does not hold: to be added by hand.")
    def missing(self, language: InLanguage = Language.NL) -> list[str]:
        return _sentences(records.MISSING, language)


@strawberry.type(description="A house that takes part in the pool now.", directives=READ)
class PoolMember:
    institution: strawberry.ID = strawberry.field(description="Global id of the house.")
    since: date = strawberry.field(description="Since when.")
    agreement: strawberry.ID = strawberry.field(description="Global id of the agreement by which it does.")


@strawberry.type(
    description="The essence of the arrangement of the joint controllers of the pool (GDPR, article 26).",
    directives=READ,
)
class PoolEssence(AccountingDocument):
    essence: strawberry.Private[Essence]

    @strawberry.field(description="The joint controllers, in order of id.")
    def members(self) -> list[PoolMember]:
        return [
            PoolMember(
                institution=_party(one.party),
                since=one.since,
                agreement=strawberry.ID(global_id(AGREEMENT, one.agreement)),
            )
            for one in self.essence.members
        ]

    @strawberry.field(description="What they decide together about.")
    def purposes(self) -> list[Purpose]:
        return list(self.essence.purposes)

    @strawberry.field(description="The field groups concerned.")
    def groups(self) -> list[FieldGroup]:
        return list(self.essence.groups)

    @strawberry.field(description="Figures about fewer persons are withheld; null when nobody takes part.")
    def minimum_group(self) -> int | None:
        return self.essence.minimum_group

    @strawberry.field(description="Who does what, and where visitors can go.")
    def division(self, language: InLanguage = Language.NL) -> list[str]:
        return _sentences(self.essence.division, language)

    @strawberry.field(description="What visitors can ask, of any of these houses.")
    def rights(self, language: InLanguage = Language.NL) -> list[str]:
        return _sentences(RIGHTS, language)


@strawberry.type(description="A lawful basis that one organisation recorded.", directives=READ)
class BasisOfParty:
    institution: strawberry.ID = strawberry.field(description="Global id of the organisation.")
    basis: str = strawberry.field(description="The basis, as W3C DPV names it.")


@strawberry.type(description="A purpose of received data, and the bases for it.", directives=READ)
class NoticePurpose:
    purpose: Purpose = strawberry.field(description="The purpose.")
    recipient_basis: str | None = strawberry.field(
        description="The basis that the recipient recorded; null when none is, and it adds its own."
    )
    source_bases: list[BasisOfParty] = strawberry.field(description="The bases of the houses that give.")


@strawberry.type(
    description="What a recipient tells the persons whose data it got from others (GDPR, article 14).",
    directives=READ,
)
class RecipientNotice(AccountingDocument):
    notice: strawberry.Private[Notice]

    @strawberry.field(description="Global id of the recipient.")
    def recipient(self) -> strawberry.ID:
        return _party(self.notice.recipient)

    @strawberry.field(description="Its role under the agreement.")
    def role(self) -> ControllerRole:
        return self.notice.role

    @strawberry.field(description="Whether what it receives can be about one person, so that it owes this.")
    def is_owed(self) -> bool:
        return self.notice.is_owed

    @strawberry.field(description="The agreement: who gives, which data, how fine, how long.")
    def agreement(self) -> AccountedAgreement:
        return _agreed(self.notice.agreement)

    @strawberry.field(description="What the data are used for, and on which basis.")
    def purposes(self) -> list[NoticePurpose]:
        return [
            NoticePurpose(
                purpose=one.purpose,
                recipient_basis=None if one.recipient is None else one.recipient.value,
                source_bases=[
                    BasisOfParty(institution=_party(party), basis=basis.value)
                    for party, basis in sorted(one.sources.items())
                ],
            )
            for one in self.notice.why
        ]

    @strawberry.field(description="When it is told, and what goes with it.")
    def when(self, language: InLanguage = Language.NL) -> list[str]:
        return _sentences(WHEN, language)

    @strawberry.field(description="What the persons can ask.")
    def rights(self, language: InLanguage = Language.NL) -> list[str]:
        return _sentences(RIGHTS, language)

    @strawberry.field(description="What the article asks and the ledger does not hold: to be added by hand.")
    def missing(self, language: InLanguage = Language.NL) -> list[str]:
        return _sentences(notices.MISSING, language)


@strawberry.type(
    description="Disclosures that are alike: same recipient, houses, agreements and fields.", directives=READ
)
class DisclosedLot:
    lot: strawberry.Private[Left]
    recipient: strawberry.ID = strawberry.field(description="Global id of who received.")
    client: strawberry.ID = strawberry.field(description="The application that asked.")
    controllers: list[strawberry.ID] = strawberry.field(
        description="Global ids of the houses whose data it was."
    )
    agreements: list[strawberry.ID] = strawberry.field(description="Global ids of the agreements.")
    purposes: list[Purpose] = strawberry.field(description="For which purposes.")
    groups: list[FieldGroup] = strawberry.field(description="Which field groups.")
    granularity: Granularity = strawberry.field(description="How fine.")
    is_of_one_person: bool = strawberry.field(description="Whether rows of single persons left.")
    times: int = strawberry.field(description="How many disclosures.")
    first_at: datetime = strawberry.field(description="When the first was.")
    last_at: datetime = strawberry.field(description="When the last was.")

    @strawberry.field(
        description="How many persons one answer counted at most, roughly. Do not add these up."
    )
    def persons(self, language: InLanguage = Language.NL) -> str:
        return said(BUCKETS[self.lot.persons], language)

    @strawberry.field(
        description="The entries, at most a thousand: give the last as `after` for those beyond."
    )
    def positions(self, after: AfterPosition = -1) -> list[int]:
        start = bisect_right(self.lot.positions, after)
        return self.lot.positions[start : start + _MOST_POSITIONS]


@strawberry.type(
    description="Entries of the ledger that were taken, or a sample that was opened.", directives=READ
)
class TakenEntries:
    position: int = strawberry.field(description="The entry that tells of it.")
    at: datetime = strawberry.field(description="When it was.")
    recipient: strawberry.ID = strawberry.field(description="Global id of who took it.")
    client: strawberry.ID = strawberry.field(description="The application that asked.")
    is_sample: bool = strawberry.field(description="Whether it was a sample of a disclosure.")


@strawberry.type(
    description="An application that may read its own house's data; what it read of them left no entry.",
    directives=READ,
)
class UnrecordedReach:
    client: strawberry.ID = strawberry.field(description="The application.")
    institution: strawberry.ID = strawberry.field(description="Global id of its house.")
    scopes: list[ScopeName] = strawberry.field(
        description="What its last registration lets it read of persons."
    )
    is_live: bool = strawberry.field(description="Whether it still stands.")


@strawberry.type(description="Who tells whom of a breach, and by when.", directives=READ)
class BreachDuty:
    duty: strawberry.Private[Duty]
    institutions: list[strawberry.ID] = strawberry.field(description="Global ids of who tells, where named.")
    by: datetime | None = strawberry.field(
        description="The last moment, 72 hours after `aware`; null when it is not given, or does not apply."
    )
    article: str = strawberry.field(description="The article of the GDPR.")

    @strawberry.field(description="Who tells.")
    def who(self, language: InLanguage = Language.NL) -> str:
        return said(self.duty.who_said, language)

    @strawberry.field(description="Whom.")
    def whom(self, language: InLanguage = Language.NL) -> str:
        return said(self.duty.whom, language)

    @strawberry.field(description="When.")
    def when(self, language: InLanguage = Language.NL) -> str:
        return said(self.duty.when, language)


@strawberry.type(
    description="What may have come out, and who must be told (GDPR, articles 33 and 34).", directives=READ
)
class BreachReport(AccountingDocument):
    breach: strawberry.Private[Breach]

    @strawberry.field(description="How many disclosures it concerns.")
    def disclosures(self) -> int:
        return self.breach.disclosures

    @strawberry.field(description="The disclosures, those that are alike together.")
    def lots(self) -> list[DisclosedLot]:
        return list(map(_lot, self.breach.left))

    @strawberry.field(description="What was taken from the ledger itself.")
    def taken(self) -> list[TakenEntries]:
        return list(map(_taken, self.breach.taken))

    @strawberry.field(description="What may have been read and left no entry.")
    def unrecorded(self) -> list[UnrecordedReach]:
        return list(map(_reach, self.breach.reach))

    @strawberry.field(description="Global ids of the houses whose data are concerned.")
    def controllers(self) -> list[strawberry.ID]:
        return list(map(_party, self.breach.controllers))

    @strawberry.field(description="Who tells whom, and by when.")
    def duties(self) -> list[BreachDuty]:
        return [
            BreachDuty(duty=one, institutions=list(map(_party, one.who)), by=one.by, article=one.article)
            for one in self.breach.duties
        ]


def _lot(left: Left) -> DisclosedLot:
    lot = left.lot
    return DisclosedLot(
        lot=left,
        recipient=_party(lot.recipient),
        client=strawberry.ID(lot.client),
        controllers=list(map(_party, lot.controllers)),
        agreements=[strawberry.ID(global_id(AGREEMENT, one)) for one in lot.agreements],
        purposes=list(lot.purposes),
        groups=list(lot.groups),
        granularity=lot.granularity,
        is_of_one_person=left.is_of_one_person,
        times=len(left.positions),
        first_at=left.first,
        last_at=left.last,
    )


def _taken(one: Taken) -> TakenEntries:
    return TakenEntries(
        position=one.position,
        at=one.at,
        recipient=_party(one.recipient),
        client=strawberry.ID(one.client),
        is_sample=one.is_sample,
    )


def _reach(one: Reach) -> UnrecordedReach:
    return UnrecordedReach(
        client=strawberry.ID(one.client),
        institution=_party(one.party),
        scopes=[ScopeName(scope) for scope in one.scopes],
        is_live=one.is_live,
    )
