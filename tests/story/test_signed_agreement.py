"""
The story of a signature: two houses agree with keys of their own, and need nobody's word for it.

Over HTTP, against the real command in a process of its own. The passkeys are made by a software
authenticator; what a browser would do with them on a page, the test does.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import requests

from consent_ledger.passkeys import Assertion
from tests.consent_ledger.authenticator import Authenticator, encoded
from tests.story.server import Server, run

THEATRE, SECOND, AUDITOR = "vrijenoot-app", "gouden-ladder-app", "toetssteen-app"

PREPARE = """mutation Prepare($input: PrepareSigningKeyInput!) { prepareSigningKey(input: $input) {
  ... on SigningKeyPrepared { key rpId challenge } } }"""
REGISTER = """mutation Register($input: RegisterSigningKeyInput!) { registerSigningKey(input: $input) {
  ... on SigningKeyChanged { key receipt { position entry proof } } } }"""
RETIRE = """mutation Retire($input: RetireSigningKeyInput!) { retireSigningKey(input: $input) {
  ... on SigningKeyChanged { receipt { position } } } }"""
KEYS = "{ signingKeys { rpId keys { key algorithm rpId enrolment isLive since label credentialId } } }"
PROPOSE = """mutation Propose($input: ProposeAgreementInput!) { proposeAgreement(input: $input) {
  ... on AgreementChanged { agreement } ... on Refused { reasons { code } } } }"""
PREVIEW = """mutation Preview($input: PreviewAgreementInput!) { previewAgreement(input: $input) {
  ... on AgreementPreview { sha256 body challenge sources recipients
    uses { purpose refused figures { figure value currency withheld } } }
  ... on Refused { reasons { code missing } } } }"""
ACCEPT = """mutation Accept($input: AgreementInput!, $signature: SignatureInput) {
  acceptAgreement(input: $input, signature: $signature) {
    ... on AgreementChanged { receipt { position entry } } ... on Refused { reasons { code } } } }"""
ACCEPTANCES = """query Acceptances($id: ID!) { agreement(id: $id) {
  status acceptances { party position assurance key keyEnrolment } } }"""
OTHER = """query Other($house: ID!) { audience(institution: $house, purpose: ACCOUNTABILITY) {
  ... on Audience { tickets { ... on Count { value } } bookers { ... on Count { value } }
    spend { ... on Amount { value } ... on Withheld { code } } }
  ... on Refused { reasons { code } } } }"""


class House:
    """A house with its application and its passkeys."""

    def __init__(self, server: Server, client: str) -> None:
        self.server = server
        self.client = client
        self.devices: dict[str, Authenticator] = {}
        self.id: str = self.ask("{ viewer { institution } }")["viewer"]["institution"]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        data: dict[str, Any] = self.server.ask(self.client, query, variables)["data"]
        return data

    def refused(self, query: str, **variables: Any) -> str:
        """The code of the error that this operation is answered with."""
        answer = self.server.post(self.client, query, variables).json()
        (error,) = answer["errors"]
        code: str = error["extensions"]["code"]
        return code

    def enrol(self, algorithm: str, *, label: str, approved_by: str | None = None) -> str:
        """Make a passkey and register it; returns its name in the ledger."""
        origin = f"http://localhost:{self.server.port}"
        rp_id = self.ask(KEYS)["signingKeys"]["rpId"]
        device = Authenticator.make(algorithm, rp_id=rp_id, origin=origin)
        word = algorithm.upper()
        public_key = encoded(device.public_key)
        prepared = self.ask(PREPARE, input={"algorithm": word, "publicKey": public_key})["prepareSigningKey"]
        challenge, key = decoded(prepared["challenge"]), str(prepared["key"])
        approval = None
        if approved_by is not None:
            approval = written(self.devices[approved_by].sign(challenge, key=approved_by))
        given = {
            "idempotencyKey": f"enrol {label}",
            "key": key,
            "algorithm": word,
            "publicKey": public_key,
            "rpId": prepared["rpId"],
            "credentialId": encoded(b"device of " + label.encode()),
            "label": label,
            "possession": written(device.sign(challenge, key=key)),
            "approval": approval,
        }
        self.ask(REGISTER, input=given)
        self.devices[key] = device
        return key

    def preview(self, agreement: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.ask(PREVIEW, input={"agreement": agreement})["previewAgreement"]
        assert sha256(shown["body"].encode()).hexdigest() == shown["sha256"]
        return shown

    def signature(self, shown: dict[str, Any], key: str) -> dict[str, Any]:
        made = self.devices[key].sign(decoded(shown["challenge"]), key=key)
        return {"previewSha256": shown["sha256"], "assertion": written(made)}


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written(made: Assertion) -> dict[str, str]:
    """An assertion as a client hands it in."""
    return {
        "key": made.key,
        "authenticatorData": encoded(made.authenticator_data),
        "clientData": encoded(made.client_data),
        "signature": encoded(made.signature),
    }


def test_two_houses_sign_and_an_auditor_can_check_it(server: Server, tmp_path: Path) -> None:
    theatre, second = House(server, THEATRE), House(server, SECOND)

    # What was agreed before there were keys stands on the operator's word, and says so.
    listed = theatre.ask("{ agreements(first: 100) { edges { node { acceptances { assurance key } } } } }")
    before = [one for edge in listed["agreements"]["edges"] for one in edge["node"]["acceptances"]]
    assert before
    assert all(one == {"assurance": "OPERATOR_ATTESTED", "key": None} for one in before)

    # Each house gets a first key on the operator's word; the theatre's director approves a colleague's.
    director = theatre.enrol("ES256", label="Femke, director")
    colleague = theatre.enrol("EdDSA", label="Joost, marketing", approved_by=director)
    ladder = second.enrol("RS256", label="Anouk, business manager")
    keys = theatre.ask(KEYS)["signingKeys"]["keys"]
    assert [(one["key"], one["enrolment"], one["label"], one["isLive"]) for one in keys] == [
        (director, "OPERATOR_ATTESTED", "Femke, director", True),
        (colleague, "PASSKEY", "Joost, marketing", True),
    ]

    # The second theatre proposes; both look at what would leave, each at its own side.
    terms = {
        "package": "TOUR",
        "sources": [theatre.id],
        "recipients": [second.id],
        "purposes": ["ACCOUNTABILITY"],
        "groups": ["BASE", "SPEND"],
        "minimumGroup": 10,
    }
    agreement = second.ask(PROPOSE, input={"idempotencyKey": "together", "terms": terms})["proposeAgreement"][
        "agreement"
    ]
    gives, gets = theatre.preview(agreement), second.preview(agreement)
    (use,) = gives["uses"]
    figures = {one["figure"]: one["value"] for one in use["figures"]}
    assert int(figures["tickets"]) > 0
    assert (gives["recipients"], gets["sources"], gets["uses"]) == ([second.id], [theatre.id], [])
    again = theatre.ask(
        "query Again($sha256: String!) { agreementPreview(sha256: $sha256) { body challenge } }",
        sha256=gives["sha256"],
    )["agreementPreview"]
    assert again == {"body": gives["body"], "challenge": gives["challenge"]}

    # Both sign. A signature over another preview, or by another house's key, is none.
    accept = {"idempotencyKey": "signed", "agreement": agreement}
    wrong = {**second.signature(gets, ladder), "previewSha256": gives["sha256"]}
    assert second.refused(ACCEPT, input=accept, signature=wrong) == "PREVIEW_UNKNOWN"
    stolen = {"previewSha256": gives["sha256"], "assertion": second.signature(gives, ladder)["assertion"]}
    assert theatre.refused(ACCEPT, input=accept, signature=stolen) == "UNKNOWN_KEY"
    second.ask(ACCEPT, input=accept, signature=second.signature(gets, ladder))
    assert second.ask(OTHER, house=theatre.id)["audience"]["reasons"] == [{"code": "NO_AGREEMENT"}]
    signed = theatre.ask(ACCEPT, input=accept, signature=theatre.signature(gives, colleague))
    entry = json.loads(signed["acceptAgreement"]["receipt"]["entry"])
    assert entry["type"] == "agreement.accepted/2"
    assert entry["body"]["assertion"]["key"] == colleague

    # It stands, and what the second theatre gets is what the first was shown.
    found = second.ask(ACCEPTANCES, id=agreement)["agreement"]
    assert found["status"] == "active"
    assert [(one["party"], one["assurance"], one["key"]) for one in found["acceptances"]] == [
        (second.id, "PASSKEY", ladder),
        (theatre.id, "PASSKEY", colleague),
    ]
    assert [one["keyEnrolment"] for one in found["acceptances"]] == ["OPERATOR_ATTESTED", "PASSKEY"]
    got = second.ask(OTHER, house=theatre.id)["audience"]
    assert {name: str(figure["value"]) for name, figure in got.items()} == {
        name: figures[name] for name in ("tickets", "bookers", "spend")
    }

    # A telephone is lost: its key signs nothing more, and what it signed stands.
    theatre.ask(RETIRE, input={"idempotencyKey": "lost", "key": colleague, "cause": "LOST"})
    another = second.ask(PROPOSE, input={"idempotencyKey": "more", "terms": {**terms, "minimumGroup": 20}})[
        "proposeAgreement"
    ]["agreement"]
    shown = theatre.preview(another)
    late = theatre.signature(shown, colleague)
    more = {"idempotencyKey": "late", "agreement": another}
    assert theatre.refused(ACCEPT, input=more, signature=late) == "UNKNOWN_KEY"
    theatre.ask(ACCEPT, input=more, signature=theatre.signature(shown, director))
    assert second.ask(ACCEPTANCES, id=agreement)["agreement"]["status"] == "active"

    # An auditor exports the ledger and checks every signature offline; no name of anybody stands in it.
    checkpoint = requests.get(f"{server.base_url}/ledger/checkpoint", timeout=10).text
    size = int(checkpoint.splitlines()[1])
    lines = requests.get(
        f"{server.base_url}/ledger/export.jsonl",
        headers={"Authorization": f"Bearer {server.token(AUDITOR)}"},
        timeout=60,
    ).content.splitlines(keepends=True)
    export = tmp_path / "export"
    export.mkdir()
    (export / "checkpoint").write_text(checkpoint)
    (export / "export.jsonl").write_bytes(b"".join(lines[:size]))
    key = server.ask(AUDITOR, "{ ledger { verifierKey } }")["data"]["ledger"]["verifierKey"]
    checked = run("ledger", "verify", str(export), "--key", key, data=server.data)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert b"Femke" not in b"".join(lines)
    assert encoded(b"device of Femke, director").encode() not in b"".join(lines)
