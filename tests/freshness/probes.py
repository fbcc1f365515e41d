"""
What each way is asked, and what is taken away meanwhile: the registry of strict freshness.

A watch asks one way, as many times as one wants, how much of something may still be seen there: persons
counted, agreements that stand, requests that wait. The other process takes one of them away; the very next
answer has one less. What stands in `NOBODY` needs no watch, for a reason of a closed list.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from consent_ledger.vocabulary import (
    PLATFORM,
    AgreementId,
    ConsentAct,
    ControllerRole,
    ErasureMode,
    FieldGroup,
    Granularity,
    Package,
    Right,
    RightOutcome,
)
from insight.criteria import Criteria
from resolvers.audiences import AudienceAsked, audience
from resolvers.persons import Erasure, desk_erase
from resolvers.rights import RightChanged, answer_right_request, record_right_request
from schema.agreement import AGREEMENT
from schema.ids import global_id
from schema.viewer import INSTITUTION
from tests.freshness.world import AUDIT, HOUSE, OTHER, PARTNER, World
from tests.resolvers.scene import BENCHMARK, BUREAU, HARBOUR, LAKESIDE, RESEARCH, caller, research

Look = Callable[[], int]
"""How much of it may be seen at this moment, by one request."""

Take = Callable[[], None]
"""Take one of it away, in the other process."""


class Nobody(Enum):
    """Why a way needs no watch. Each of them still refuses a credential that ended, and without a head."""

    HASHES = "hashes and signatures of the ledger alone"
    REGISTER = "the public register of organisations and what the platform publishes for everybody"
    OWN_RULES = "what a house says of itself: notices, bases, productions, keys"
    OWN_WORDS = "the receipt of what the caller says itself in the same request"
    SEALED = "released figures, sealed once; nobody can be found in them again"
    OWN_REPORT = "what an import counted when it was brought in"
    CREDENTIALS = "what OAuth and sessions tell of a credential to whoever holds it"
    SHAPE = "the shape of the interface and the state of the server"
    EXPORTED = "reads an export that left before, and asks no house"
    OPERATION = "begins, mends or serves the platform; what it serves are the other ways"
    SERVES = "the door of the root fields, which are ways of their own"


@dataclass(frozen=True, slots=True)
class Watch:
    """One way, one thing that is taken away; `begin` puts it there."""

    way: str
    what: str
    begin: Callable[[World], tuple[Look, Take]]


# What is taken away


def decides(act: ConsentAct, purpose: Any) -> Callable[[World, str], None]:
    def take(world: World, email: str) -> None:
        world.acts.consent(HOUSE, email, purpose, act)

    return take


def erased(world: World, email: str) -> None:
    with world.acts.inquiry(caller(HOUSE)) as ask:
        done = desk_erase(ask, LAKESIDE, email, mode=ErasureMode.FORGET_ME, key=world.acts.key())
    assert isinstance(done, Erasure), done


TAKEN: dict[str, Callable[[World, str], None]] = {
    "withdrawn": decides(ConsentAct.WITHDRAWN, RESEARCH),
    "objected": decides(ConsentAct.OBJECTED, RESEARCH),
    "restricted": decides(ConsentAct.RESTRICTED, RESEARCH),
    "erased": erased,
}
"""What a visitor of Lakeside can do about research, from which the bureau counts."""


def of_visitor(look: Callable[[World, str], int], what: str) -> Callable[[World], tuple[Look, Take]]:
    def begin(world: World) -> tuple[Look, Take]:
        email = world.visitor()
        return lambda: look(world, email), lambda: TAKEN[what](world, email)

    return begin


def who_spoke(look: Callable[[World, str], int]) -> Callable[[World], tuple[Look, Take]]:
    """A visitor who said something, and is erased."""

    def begin(world: World) -> tuple[Look, Take]:
        email = world.visitor()
        world.acts.consent(HOUSE, email, RESEARCH, ConsentAct.GRANTED)
        return lambda: look(world, email), lambda: erased(world, email)

    return begin


def of_agreement(look: Callable[[World, AgreementId], int]) -> Callable[[World], tuple[Look, Take]]:
    """An agreement by which the bureau may study Harbour, and which Harbour ends."""

    def begin(world: World) -> tuple[Look, Take]:
        agreement = world.acts.agree(research(sources=frozenset({HARBOUR})), PARTNER, OTHER)

        def take() -> None:
            world.acts.end(agreement, OTHER)

        return lambda: look(world, agreement), take

    return begin


# How much may be seen

AUDIENCE = """query Q($house: ID, $purpose: Purpose) { audience(institution: $house, purpose: $purpose) {
  ... on Audience { bookers { ... on Count { value } } }
  ... on Refused { reasons { code } } } }"""


def _bookers(world: World, name: str, **variables: Any) -> int:
    found = world.data(name, AUDIENCE, **variables)["audience"]
    return 0 if "reasons" in found else int(found["bookers"]["value"])


def shared_bookers(world: World, _: str = "") -> int:
    return _bookers(world, PARTNER, house=global_id(INSTITUTION, LAKESIDE), purpose="RESEARCH")


def own_bookers(world: World, _: str = "") -> int:
    return _bookers(world, HOUSE)


def open_to_the_bureau(world: World, _: AgreementId) -> int:
    found = world.data(PARTNER, AUDIENCE, house=global_id(INSTITUTION, HARBOUR), purpose="RESEARCH")
    return int("reasons" not in found["audience"])


def standing_agreements(world: World, _: AgreementId) -> int:
    found = world.data(OTHER, "{ agreements(first: 100) { edges { node { status } } } }")["agreements"]
    return sum(one["node"]["status"] == "active" for one in found["edges"])


def standing_agreement(world: World, agreement: AgreementId) -> int:
    asked = "query Q($id: ID!) { agreement(id: $id) { status } }"
    found = world.data(OTHER, asked, id=global_id(AGREEMENT, agreement))["agreement"]
    return int(found["status"] == "active")


PREVIEW = """mutation P($input: PreviewAgreementInput!) { previewAgreement(input: $input) {
  ... on AgreementPreview { sha256 uses { figures { figure value } } } } }"""


def previewed(world: World, _: str) -> int:
    """The bookers whom the lasting agreement would let leave."""
    given = {"agreement": global_id(AGREEMENT, AgreementId(world.spoken["lasting"]))}
    found = world.data(HOUSE, PREVIEW, input=given)["previewAgreement"]
    [use] = found["uses"]
    return sum(int(one["value"]) for one in use["figures"] if one["figure"] == "bookers")


def consent_state(world: World, email: str) -> int:
    asked = "query Q($input: ConsentStateInput!) { consentState(input: $input) { positions } }"
    found = world.data(HOUSE, asked, input={"email": email, "purpose": "RESEARCH"})
    return len(found["consentState"]["positions"])


def consent_records(world: World, _: str) -> int:
    found = world.data(HOUSE, "{ consentRecords(first: 100) { edges { cursor } } }")["consentRecords"]
    return len(found["edges"])


def consent_record_lines(world: World, _: str) -> int:
    answer = world.http.get("/v1/consent-records", headers={"Authorization": f"Bearer {world.token(HOUSE)}"})
    assert answer.status_code == 200, answer.text
    return len(answer.text.splitlines())


def one_consent_record(world: World) -> tuple[Look, Take]:
    email = world.visitor()
    position = world.acts.consent(HOUSE, email, RESEARCH, ConsentAct.GRANTED).position
    asked = "query Q($position: Int!) { consentRecord(position: $position) { __typename } }"

    def look() -> int:
        return int(world.data(HOUSE, asked, position=position)["consentRecord"] is not None)

    return look, lambda: erased(world, email)


def of_session(look: Callable[[World, str], int]) -> Callable[[World], tuple[Look, Take]]:
    """A visitor who looks at the own record, and is erased by the house meanwhile."""

    def begin(world: World) -> tuple[Look, Take]:
        email = world.visitor()
        session = world.session(email)
        return lambda: look(world, session), lambda: erased(world, email)

    return begin


def my_tickets(world: World, session: str) -> int:
    body = world.graphql(session, "{ me { houses { holds { tickets } } } }").json()
    assert "errors" not in body, body
    return sum(int(one["holds"]["tickets"]) for one in body["data"]["me"]["houses"])


def my_export(world: World, session: str) -> int:
    body = world.graphql(session, "{ meExport }").json()
    assert "errors" not in body, body
    return sum(len(one["tickets"]) for one in json.loads(body["data"]["meExport"])["houses"])


def waiting_requests(world: World) -> tuple[Look, Take]:
    """A request by a right, which waits until the desk answers it, in the other process."""
    from datetime import date

    del date
    received = world.acts.clock().date()
    with world.acts.inquiry(caller(HOUSE)) as ask:
        made = record_right_request(ask, Right.ACCESS, received, key=world.acts.key())
    assert isinstance(made, RightChanged), made
    recorded = made.request

    def look() -> int:
        found = world.data(HOUSE, "{ rightRequests(state: OPEN, first: 100) { edges { cursor } } }")
        return len(found["rightRequests"]["edges"])

    def take() -> None:
        with world.acts.inquiry(caller(HOUSE)) as ask:
            answer_right_request(ask, recorded.reference, RightOutcome.DONE, key=world.acts.key())

    return look, take


def _standing(lines: list[str]) -> int:
    """How many agreements stand by these entries: accepted by two, and not ended."""
    types = [json.loads(line)["type"] for line in lines]
    return types.count("agreement.proposed") - types.count("agreement.ended")


def _export(world: World, path: str) -> bytes:
    answer = world.http.get(path, headers={"Authorization": f"Bearer {world.token(AUDIT)}"})
    assert answer.status_code == 200, answer.text
    return answer.content


def in_lines(world: World, _: AgreementId) -> int:
    return _standing(_export(world, "/ledger/export.jsonl").decode().splitlines())


def in_zip(world: World, _: AgreementId) -> int:
    with zipfile.ZipFile(io.BytesIO(_export(world, "/ledger/export.zip"))) as archive:
        [name] = [one for one in archive.namelist() if one.endswith("export.jsonl")]
        return _standing(archive.read(name).decode().splitlines())


def in_bundles(world: World, _: AgreementId) -> int:
    size = int(world.http.get("/ledger/checkpoint").text.splitlines()[1])
    widths = [256] * (size // 256) + ([size % 256] if size % 256 else [])
    found = []
    for number, width in enumerate(widths):
        part = "" if width == 256 else f".p/{width}"
        data = _export(world, f"/ledger/tile/entries/{number:03d}{part}")
        while data:
            length = int.from_bytes(data[:2], "big")
            found.append(data[2 : 2 + length].decode())
            data = data[2 + length :]
    return _standing(found)


def in_ledger(world: World, _: AgreementId) -> int:
    """Less and less is left to end: counted by the entries that end one."""
    asked = "{ ledger { entries(first: 100, types: [AGREEMENT_ENDED]) { edges { cursor } } } }"
    return -len(world.data(AUDIT, asked)["ledger"]["entries"]["edges"])


def opened_sample(world: World) -> tuple[Look, Take]:
    """Somebody who spoke and was counted: an auditor who draws everybody sees on what, until the person is erased."""
    email = world.visitor()
    world.acts.consent(HOUSE, email, RESEARCH, ConsentAct.GRANTED)
    house = global_id(INSTITUTION, LAKESIDE)
    answer = world.graphql(world.token(PARTNER), AUDIENCE, house=house, purpose="RESEARCH").json()
    position = answer["extensions"]["receipt"]["position"]
    asked = """mutation S($input: OpenSampleInput!) { openSample(input: $input) {
      ... on SampleOpened { opened { said { position } } } } }"""

    def look() -> int:
        given = {"position": position, "seed": "the auditor's own", "number": 100}
        opened = world.data(AUDIT, asked, input=given)["openSample"]["opened"]
        return sum(len(one["said"]) for one in opened)

    return look, lambda: erased(world, email)


def in_pool(look: Callable[[World], int]) -> Callable[[World], tuple[Look, Take]]:
    """Harbour is in the pool, and leaves it."""

    def begin(world: World) -> tuple[Look, Take]:
        pool = research(
            package=Package.BENCHMARK_POOL,
            sources=frozenset({HARBOUR}),
            recipients=frozenset({PLATFORM}),
            purposes=frozenset({BENCHMARK}),
            groups=frozenset({FieldGroup.BASE, FieldGroup.SPEND}),
            granularity=Granularity.STATISTIC,
            controller_role=ControllerRole.JOINT,
        )
        agreement = world.acts.attested(pool, HARBOUR, HARBOUR, PLATFORM)

        def take() -> None:
            world.acts.end(agreement, OTHER)

        return lambda: look(world), take

    return begin


def pool_members(world: World) -> int:
    found = world.data(OTHER, "{ accountability { essence { members { __typename } } } }")["accountability"]
    return len(found["essence"]["members"])


def given_by_record(world: World, _: AgreementId) -> int:
    asked = "{ accountability { record { given { status } } } }"
    found = world.data(OTHER, asked)["accountability"]["record"]["given"]
    return sum(one["status"] == "active" for one in found)


def printed_essence(world: World) -> int:
    return int(HARBOUR in world.command("accountability", "essence"))


def printed_record(world: World, agreement: AgreementId) -> int:
    text = world.command("accountability", "record", "--institution", HARBOUR, "--language", "en")
    [told] = [line for line in text.splitlines() if agreement in line]
    return int("ended" not in told)


def printed_notices(world: World, agreement: AgreementId) -> int:
    text = world.command("accountability", "notice", "--institution", BUREAU)
    return int(agreement in text)


def disclosed(world: World) -> tuple[Look, Take]:
    """What is taken away is ignorance: a disclosure in the other process is in the very next report of a breach."""
    times = ("--since", "2025-01-01T00:00:00Z", "--until", "2027-12-31T00:00:00Z")

    def look() -> int:
        text = world.command("accountability", "breach", *times, "--recipient", BUREAU, "--language", "en")
        return -int(re.findall(r"went to another: (\d+)", text)[0])

    return look, lambda: _disclose(world)


def _disclose(world: World) -> None:
    with world.acts.inquiry(caller(PARTNER)) as ask:
        audience(ask, AudienceAsked(LAKESIDE, RESEARCH, None, Criteria(), frozenset({"bookers"})))
    assert ask.receipt is not None


def exported(world: World, _: AgreementId) -> int:
    world.number += 1
    folder = world.acts.folder / f"export-{world.number}"
    world.command("ledger", "export", str(folder))
    return _standing((folder / "export.jsonl").read_text().splitlines())


WATCHES: tuple[Watch, ...] = (
    *(Watch("query audience", f"shared {what}", of_visitor(shared_bookers, what)) for what in TAKEN),
    *(
        Watch("query audience", f"own {what}", of_visitor(own_bookers, what))
        for what in ("restricted", "erased")
    ),
    Watch("query audience", "ended", of_agreement(open_to_the_bureau)),
    Watch("query agreements", "ended", of_agreement(standing_agreements)),
    Watch("query agreement", "ended", of_agreement(standing_agreement)),
    *(Watch("mutation previewAgreement", what, of_visitor(previewed, what)) for what in TAKEN),
    Watch("query consentState", "erased", who_spoke(consent_state)),
    Watch("query consentRecords", "erased", who_spoke(consent_records)),
    Watch("query consentRecord", "erased", one_consent_record),
    Watch("route /v1/consent-records", "erased", who_spoke(consent_record_lines)),
    Watch("query me", "erased", of_session(my_tickets)),
    Watch("query meExport", "erased", of_session(my_export)),
    Watch("query rightRequests", "answered", waiting_requests),
    Watch("mutation openSample", "erased", opened_sample),
    Watch("query accountability", "left the pool", in_pool(pool_members)),
    Watch("query accountability", "ended", of_agreement(given_by_record)),
    Watch("command accountability essence", "left the pool", in_pool(printed_essence)),
    Watch("command accountability record", "ended", of_agreement(printed_record)),
    Watch("command accountability notice", "ended", of_agreement(printed_notices)),
    Watch("command accountability breach", "disclosed", disclosed),
    Watch("command ledger export", "ended", of_agreement(exported)),
    Watch("query ledger", "ended", of_agreement(in_ledger)),
    Watch("route /ledger/export.jsonl", "ended", of_agreement(in_lines)),
    Watch("route /ledger/export.zip", "ended", of_agreement(in_zip)),
    Watch("route /ledger/tile/entries/{path:path}", "ended", of_agreement(in_bundles)),
)

NOBODY: dict[str, Nobody] = {
    **dict.fromkeys(
        (
            "route /ledger/checkpoint",
            "route /ledger/checkpoint/cosigned",
            "route /ledger/cosignature",
            "route /ledger/key",
            "route /ledger/proof/{position}",
            "route /ledger/tile/{path:path}",
            "command witness key",
            "command witness once",
            "command witness serve",
        ),
        Nobody.HASHES,
    ),
    **dict.fromkeys(
        (
            "query institution",
            "query institutions",
            "query definitions",
            "query segmentModels",
            "query purposes",
        ),
        Nobody.REGISTER,
    ),
    **dict.fromkeys(
        (
            "query notices",
            "query bases",
            "query productions",
            "query signingKeys",
            "command keys list",
            "command keys retire",
        ),
        Nobody.OWN_RULES,
    ),
    **dict.fromkeys(
        (
            "mutation recordConsent",
            "mutation recordConsents",
            "mutation recordRightRequest",
            "mutation extendRightRequest",
            "mutation answerRightRequest",
            "mutation decide",
            "mutation stopEverything",
            "mutation eraseMe",
            "mutation createVisitorLinks",
            "mutation erasePerson",
            "mutation stopPerson",
            "mutation publishNotice",
            "mutation invalidateNotice",
            "mutation recordBasis",
            "mutation publishPurpose",
            "mutation proposeAgreement",
            "mutation acceptAgreement",
            "mutation endAgreement",
            "mutation prepareSigningKey",
            "mutation registerSigningKey",
            "mutation retireSigningKey",
            "mutation forgetKeyHolder",
            "route /v/{token}",
            "route /v1/visitor/link",
            "command consents",
        ),
        Nobody.OWN_WORDS,
    ),
    "query benchmark": Nobody.SEALED,
    "query agreementPreview": Nobody.SEALED,
    "command release": Nobody.SEALED,
    "query imports": Nobody.OWN_REPORT,
    "command ingest": Nobody.OWN_REPORT,
    **dict.fromkeys(
        (
            "query viewer",
            "route /oauth/token",
            "route /oauth/revoke",
            "route /oauth/jwks.json",
            "route /.well-known/oauth-authorization-server",
            "route /.well-known/oauth-protected-resource/graphql",
            "route /v1/visitor/session",
            "route /v1/visitor/session/end",
        ),
        Nobody.CREDENTIALS,
    ),
    **dict.fromkeys(
        ("route /schema.graphql", "route /healthz", "route /readyz", "command settings"), Nobody.SHAPE
    ),
    **dict.fromkeys(
        (
            "command ledger reconcile",
            "command ledger replay",
            "command ledger verifier",
            "command ledger verify",
        ),
        Nobody.EXPORTED,
    ),
    **dict.fromkeys(
        (
            "command demo",
            "command serve",
            "command migrate",
            "command ledger fsck",
            "command ledger rebuild",
            "command vault expire",
            "command vault rotate",
        ),
        Nobody.OPERATION,
    ),
    "route /graphql": Nobody.SERVES,
}
"""The ways that need no watch, and why."""


@contextmanager
def lasting(world: World) -> Iterator[World]:
    """Some visitors of both houses, and an agreement that nobody ends, by which the bureau studies Lakeside."""
    for house in (LAKESIDE, HARBOUR):
        rows = [
            {"identifier": f"{number}@{house}.example", "order_ref": f"first-{number}"}
            for number in range(12)
        ]
        world.acts.bring(house, rows)
    world.spoken["lasting"] = world.acts.agree(research(), PARTNER, HOUSE)
    world.acts.clock.advance(timedelta(seconds=1))
    yield world
