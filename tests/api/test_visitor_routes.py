"""Links in mails over HTTP: what follows them changes nothing, and no answer tells who is known."""

from __future__ import annotations

import email
import re
import stat
import threading
import time
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.asking import THEATRE, position, problem
from tests.story.server import Server

KNOWN = "geert.peters30@example.com"
"""Invented, and in the recorded season of the theatre."""

CREATE = """
mutation Links($emails: [String!]!) {
  createVisitorLinks(input: {emails: $emails}) { ... on VisitorLinks { links } ... on Refused { reasons { code } } }
}"""
ME = "{ me { isKeptOut houses { name holds { tickets } purposes { purpose isUsed } } } }"
FORM = "application/x-www-form-urlencoded"


def stop_link(server: Server, address: str) -> str:
    """A stop link as the theatre puts it in a ticket mail; where it leads on this server."""
    made = server.ask(THEATRE, CREATE, {"emails": [address]})["data"]["createVisitorLinks"]["links"]
    path = re.sub(r"^https?://[^/]+", "", made[0])
    return f"{server.base_url}{path}"


def mails(server: Server) -> dict[Path, EmailMessage]:
    found = sorted((server.data / "outbox").glob("*.eml"))
    return {path: email.message_from_bytes(path.read_bytes(), policy=default) for path in found}


def ask_link(server: Server, address: str, **more: str) -> requests.Response:
    return requests.post(f"{server.base_url}/v1/visitor/link", json={"email": address, **more}, timeout=30)


def mailed(server: Server, address: str, **more: str) -> EmailMessage:
    """The mail that came for this address, which was asked for now."""
    before = set(mails(server))
    assert ask_link(server, address, **more).status_code == 202
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for path, mail in mails(server).items():
            if path not in before and mail["To"] == address:
                return mail
        time.sleep(0.05)
    raise AssertionError("no mail came")


def token_in(mail: EmailMessage) -> str:
    found = re.search(r"/v/([A-Za-z0-9_-]{43})\s", mail.get_content())
    assert found is not None
    return found[1]


def begin(server: Server, token: str) -> requests.Response:
    return requests.post(f"{server.base_url}/v1/visitor/session", json={"token": token}, timeout=30)


def session(server: Server, address: str) -> str:
    answer = begin(server, token_in(mailed(server, address)))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def asked(server: Server, token: str, query: str = ME) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{server.base_url}/graphql", json={"query": query}, headers=headers, timeout=30)


def stop(link: str, **form: str) -> requests.Response:
    return requests.post(link, data=form, headers={"Accept": "application/json"}, timeout=30)


# stop links


def test_what_follows_links_in_mails_changes_nothing(server: Server) -> None:
    link, size = stop_link(server, "scanned@example.org"), position(server)
    for method in ("GET", "HEAD", "GET", "OPTIONS", "PUT", "DELETE"):
        requests.request(method, link, timeout=30)
    requests.get(f"{link}?where=everywhere", timeout=30)
    assert position(server) == size


def test_the_page_of_a_link_tells_nothing_and_fetches_nothing(server: Server) -> None:
    page = requests.get(stop_link(server, KNOWN), timeout=30)
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert 'lang="nl"' in page.text
    assert 'lang="en"' in page.text
    assert page.text.count("<button") == 4
    assert not re.search(r"<(script|link|img|style|iframe)\b|src=|https?:", page.text)
    assert "geert" not in page.text
    assert "noot" not in page.text.lower(), "the house is not named either"
    assert page.text == requests.get(stop_link(server, "nobody@example.org"), timeout=30).text


def test_a_stop_link_stops_with_one_click(server: Server) -> None:
    link, before = stop_link(server, "one.click@example.org"), position(server)
    first, size = stop(link, where="here"), position(server)
    assert first.status_code == 200, first.text
    assert size > before
    assert set(first.json()) == {"sentence", "sentenceNl", "day"}
    assert stop(link, where="here").json() == first.json()
    assert position(server) == size


def test_whoever_holds_a_stop_link_learns_nothing_by_pressing_it(server: Server) -> None:
    known, unknown = (
        stop_link(server, "lotte.devries41@example.com"),
        stop_link(server, "never.met@example.org"),
    )
    clicks = [
        (link, where) for link in (known, unknown) for where in ("here", "here", "everywhere", "everywhere")
    ]
    told = [stop(link, where=where) for link, where in clicks]
    assert {answer.status_code for answer in told} == {200}
    assert len({answer.content for answer in told}) == 1
    volatile = {"x-request-id", "date"}
    headers = [{k.lower(): v for k, v in one.headers.items() if k.lower() not in volatile} for one in told]
    assert all(one == headers[0] for one in headers)
    assert headers[0]["connection"] == "close"
    shown = [requests.post(link, data={"where": where}, timeout=30) for link, where in clicks]
    assert len({page.content for page in shown}) == 1
    assert shown[0].headers["Content-Type"].startswith("text/html")
    assert told[0].json()["day"] in shown[0].text


def test_how_long_a_stop_takes_does_not_tell_how_much_there_was_to_stop(server: Server) -> None:
    link = stop_link(server, "measured@example.org")
    for where in ("here", "here"):
        began = time.monotonic()
        stop(link, where=where)
        assert time.monotonic() - began > 0.5


def test_who_is_stopped_everywhere_gets_one_mail_that_says_whose_link_it_was(server: Server) -> None:
    address = "stopped.by.a.house@example.org"
    link = stop_link(server, address)
    ask_link(server, address)  # whoever asks for a link a moment before keeps the notice not back
    stop(link, where="here")
    for _ in range(2):
        assert stop(link, where="everywhere").status_code == 200
    mailed(server, "afterwards@example.org")
    [notice] = [
        mail for mail in mails(server).values() if mail["To"] == address and "stopped" in mail["Subject"]
    ]
    assert notice["Content-Language"] == "nl, en"
    text = notice.get_content()
    assert text.count("Noot") == 2, text
    assert begin(server, token_in(notice)).status_code == 200


def test_a_mail_programs_own_button_stops_here(server: Server) -> None:
    link, size = stop_link(server, "unsubscribed@example.org"), position(server)
    done = stop(link, **{"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert position(server) > size
    stop(link, where="everywhere")
    assert position(server) > size + 1, "it stopped here alone"


def test_a_request_that_does_not_say_where_changes_nothing(server: Server) -> None:
    link, size = stop_link(server, "unsaid@example.org"), position(server)
    for form in ({}, {"where": "there"}, {"other": "here"}):
        problem(stop(link, **form), 400, "BAD_USER_INPUT")
    assert requests.post(link, timeout=30).status_code == 400
    twice = requests.post(
        link, data="where=here&where=everywhere", headers={"Content-Type": FORM}, timeout=30
    )
    assert twice.status_code == 400
    assert position(server) == size


def test_every_link_that_is_none_gets_the_same_answer(server: Server) -> None:
    link = stop_link(server, KNOWN)
    base, token = link.rsplit("/", 1)
    changed = "A" if token[30] != "A" else "B"
    wrong = [token[:30] + changed + token[31:], token[:-6], token + "AAAA", "x", "é", "A" * 3_000, "A" * 43]
    size = position(server)
    pages = [requests.get(f"{base}/{one}", timeout=30) for one in wrong[:-1]]
    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    told = [problem(stop(f"{base}/{one}", where="everywhere"), 404, "LINK_UNREADABLE") for one in wrong]
    unsaid = [problem(stop(f"{base}/{one}"), 404, "LINK_UNREADABLE") for one in wrong]
    assert len({(one["sentence"], one["nextStep"]) for one in (*told, *unsaid)}) == 1
    assert position(server) == size


def test_two_clicks_at_once_are_one_act(server: Server) -> None:
    link = stop_link(server, "impatient@example.org")
    answers: list[str] = []

    def click() -> None:
        done = stop(link, where="everywhere")
        assert done.status_code == 200, done.text
        answers.append(done.text)

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    assert len(answers) == 4
    assert len(set(answers)) == 1
    size = position(server)
    stop(link, where="everywhere")
    assert position(server) == size


# one-time links


def test_every_address_gets_the_same_answer(server: Server) -> None:
    answers = [ask_link(server, one) for one in (KNOWN, "unknown@example.org", "unknown@example.org")]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    volatile = {"X-Request-Id", "Date"}
    told = [
        {name: value for name, value in one.headers.items() if name.title() not in volatile}
        for one in answers
    ]
    assert told[0] == told[1] == told[2]
    assert told[0]["connection"] == "close", "no further request can wait for the work, and so measure it"


def test_a_mail_is_plain_text_in_the_readers_language_for_this_user_alone(server: Server) -> None:
    dutch = mailed(server, "nel@example.org")
    english = mailed(server, "nell@example.org", language="en")
    assert (dutch["Content-Language"], english["Content-Language"]) == ("nl", "en")
    assert "half uur" in dutch.get_content()
    assert "half an hour" in english.get_content()
    assert dutch.get_content_type() == "text/plain"
    assert dutch["Auto-Submitted"] == "auto-generated"
    outbox = server.data / "outbox"
    assert stat.S_IMODE(outbox.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in outbox.iterdir()} == {0o600}


def test_an_address_gets_no_second_mail_within_a_minute_and_nobody_is_told(server: Server) -> None:
    mailed(server, "twice@example.org")
    first = {path for path, mail in mails(server).items() if mail["To"] == "twice@example.org"}
    assert ask_link(server, "Twice@example.org").status_code == 202
    mailed(server, "after@example.org")
    again = {path for path, mail in mails(server).items() if mail["To"].lower() == "twice@example.org"}
    assert again == first


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nobody",
        "a b@example.org",
        "a@b@example.org",
        "a@example.org\r\nBcc: b@example.org",
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_done(server: Server, wrong: str) -> None:
    before = len(mails(server))
    assert problem(ask_link(server, wrong), 400, "BAD_USER_INPUT")["sentence"] == "This is no e-mail address."
    assert len(mails(server)) == before


@pytest.mark.parametrize("body", ["[]", "{", '{"email": 1}', '{"email": {"a": 1}}', "x" * 9_000, "[" * 5_000])
def test_a_body_that_cannot_be_read_is_refused(server: Server, body: str) -> None:
    answer = requests.post(
        f"{server.base_url}/v1/visitor/link",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    problem(answer, 400, "BAD_REQUEST")


def test_a_one_time_link_opens_once_and_following_it_does_not_use_it_up(server: Server) -> None:
    token = token_in(mailed(server, "once@example.org"))
    for _ in range(3):
        page = requests.get(f"{server.base_url}/v/{token}", timeout=30)
        assert page.status_code == 200
    assert token in page.text
    form = requests.post(f"{server.base_url}/v1/visitor/session", data={"token": token}, timeout=30)
    assert form.status_code == 200
    assert form.json()["token_type"] == "Bearer"
    assert form.json()["expires_in"] == 1800
    assert form.headers["Cache-Control"] == "no-store"
    problem(begin(server, token), 400, "LINK_ENDED")


def test_of_two_who_bring_a_link_at_once_one_gets_a_session(server: Server) -> None:
    token = token_in(mailed(server, "race@example.org"))
    statuses: list[int] = []
    racing = [
        threading.Thread(target=lambda: statuses.append(begin(server, token).status_code)) for _ in range(6)
    ]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert sorted(statuses) == [200, 400, 400, 400, 400, 400]


def test_a_link_that_never_was_and_one_that_was_used_get_the_same_answer(server: Server) -> None:
    used = token_in(mailed(server, "used@example.org"))
    begin(server, used)
    stopping = stop_link(server, KNOWN).rsplit("/", 1)[1]
    told = [problem(begin(server, one), 400, "LINK_ENDED") for one in (used, "A" * 43, "", "é", stopping)]
    assert len({(one["sentence"], one["nextStep"]) for one in told}) == 1


# sessions


def test_a_session_asks_about_its_own_visitor_and_nothing_else(server: Server) -> None:
    token = session(server, "stranger@example.org")
    me: Any = asked(server, token).json()["data"]["me"]
    assert me == {"isKeptOut": False, "houses": []}
    others = asked(
        server, token, "{ audience { __typename } institutions { edges { node { name } } } me { isKeptOut } }"
    )
    assert others.status_code == 200
    codes = {error["extensions"]["code"] for error in others.json()["errors"]}
    assert codes == {"INSUFFICIENT_SCOPE"}
    export = requests.get(
        f"{server.base_url}/ledger/export.jsonl", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert export.status_code == 403


def test_an_ended_session_is_refused_at_the_next_request(server: Server) -> None:
    token = session(server, "leaving@example.org")
    end = f"{server.base_url}/v1/visitor/session/end"
    assert requests.post(end, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 204
    refused = asked(server, token)
    assert refused.status_code == 401
    assert "invalid_token" in refused.headers["WWW-Authenticate"]
    problem(
        requests.post(end, headers={"Authorization": f"Bearer {token}"}, timeout=30), 401, "UNAUTHENTICATED"
    )
    problem(requests.post(end, timeout=30), 401, "UNAUTHENTICATED")
    mine = {"Authorization": f"Bearer {server.token(THEATRE)}"}
    problem(requests.post(end, headers=mine, timeout=30), 400, "BAD_USER_INPUT")
    assert server.ask(THEATRE, "{ viewer { client } }")["data"]["viewer"]["client"] == THEATRE


def test_no_token_and_no_address_stands_in_the_log(server: Server) -> None:
    token = session(server, "logged@example.org")
    asked(server, token, "{ me { nothing } }")
    stop(stop_link(server, "logged.too@example.org"), where="everywhere")
    [log] = server.data.parent.glob(f"{server.data.name}-*.log")
    text = log.read_text(encoding="utf-8")
    assert token not in text
    assert "logged" not in text
