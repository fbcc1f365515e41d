"""
The visitor's doors over HTTP: links in mails, and sessions.

`GET /v/<token>` changes nothing, whatever program follows the links in a mail; only the buttons of its page
do, and their answer is the same for every link. `POST /v1/visitor/link` gives every address the same answer,
and works after it has answered: nobody learns from it, nor from how long it takes, whether an address is known
or asked a moment ago.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import date
from urllib.parse import parse_qsl

import anyio
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api import visitor_pages as pages
from api.assembly import Assembled
from api.errors import Code, Problem, problem_of
from api.outbox import Outbox, OutboxRefused, link_mail, stopped_mail
from api.refusals import NO_STORE, BadRequest, SeveralCredentials, answered, told
from api.unavailable import STATUS, UNAVAILABLE, unavailable
from consent_ledger.database import reading
from consent_ledger.reasons import Text
from consent_ledger.vault import SESSION, VaultRefused, normalised
from resolvers import visitors as door
from resolvers.consent import is_address
from resolvers.persons import PersonRefused

log = logging.getLogger("cultuurinzicht.visitors")

_MAX_BODY = 8_192
_BODY_SECONDS = 15
_ONE_TIME = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_PRIVATE = {**NO_STORE, "Referrer-Policy": "no-referrer"}
_STEP = 0.5
"""A stop link is answered after a whole number of these seconds."""

_ON_ITS_WAY = Text(
    "Er is een link onderweg naar dit adres. Hij werkt één keer, een half uur lang. Komt er niets, vraag er dan "
    "over een minuut nog eens een.",
    "A link is on its way to this address. It works once, for half an hour. If nothing comes, ask again in a "
    "minute.",
)
_DONE = Text("Het is gebeurd.", "It is done.")


def routes(parts: Assembled) -> list[Route]:
    """The routes of visitors."""
    visitors = _VisitorRoutes(parts, Outbox(parts.settings.outbox))
    return [
        Route("/v/{token}", visitors.by_link, methods=["GET", "POST"]),
        Route("/v1/visitor/link", visitors.link, methods=["POST"]),
        Route("/v1/visitor/session", visitors.begin, methods=["POST"]),
        Route("/v1/visitor/session/end", visitors.end, methods=["POST"]),
    ]


class _BodyRefused(BadRequest):
    code = Code.BAD_REQUEST
    sentence = "The body is no small form and no small JSON object of texts."
    next_step = "Send it as application/json or application/x-www-form-urlencoded, each name once."


class _NoAddress(BadRequest):
    sentence = "This is no e-mail address."
    next_step = "Send the address as `email`, and `nl` or `en` as `language`."


class _LinkEnded(BadRequest):
    code = "LINK_ENDED"
    sentence = "This link opens nothing: it was used, it has ended, or it is not whole."
    next_step = "Ask for a new one at /v1/visitor/link."


class _NoSession(BadRequest):
    sentence = "This token is not that of a visitor's session."
    next_step = "Tokens of applications are revoked at the revocation endpoint."


class _VisitorRoutes:
    def __init__(self, parts: Assembled, outbox: Outbox) -> None:
        self._parts = parts
        self._house = parts.house
        self._outbox = outbox
        outbox.clear()

    async def by_link(self, request: Request) -> Response:
        """What a link can do, and doing it; other methods than POST change nothing."""
        return await (self._stop(request) if request.method == "POST" else self._page(request))

    async def _page(self, request: Request) -> Response:
        token: str = request.path_params["token"]
        if _ONE_TIME.fullmatch(token):
            return pages.open_page(token)
        try:
            door.read_stop_link(self._house, token)
        except VaultRefused:
            return pages.lost_page()
        return pages.stop_page()

    async def _stop(self, request: Request) -> Response:
        token: str = request.path_params["token"]
        given = await _given(request)
        where = None if isinstance(given, BadRequest) else _where(given)
        as_json = "application/json" in request.headers.get("accept", "")

        def stop(request_id: str) -> Response:
            try:
                door.read_stop_link(self._house, token)  # first: a link that is none says nothing else
                if where is None:
                    problem = Problem(Code.BAD_USER_INPUT, "It is not said where to stop.", "Send `where`.")
                    return told(problem, 400, request_id) if as_json else pages.which_page()
                done = door.stop_by_link(self._house, token, where, request_id=request_id)
            except (VaultRefused, PersonRefused) as refused:
                status = 404 if refused.code == "LINK_UNREADABLE" else 409
                if as_json:
                    return told(_step(problem_of(refused)), status, request_id)
                return pages.lost_page() if status == 404 else pages.later_page(status)
            except UNAVAILABLE as error:
                problem = unavailable(error, request_id)
                return told(problem, STATUS, request_id) if as_json else pages.later_page(STATUS)
            response = _done(done.day) if as_json else pages.stopped_page(done.day)
            # a further request on the same connection would wait for the mail, and so tell of it
            response.headers["Connection"] = "close"
            if done.is_news:
                response.background = BackgroundTask(self._notify, done)
            return response

        began = anyio.current_time()
        response = await answered(self._parts, stop)
        # how long it took would tell how much there was to stop
        if response.status_code == 200:
            await anyio.sleep(_STEP - (anyio.current_time() - began) % _STEP)
        return response

    def _notify(self, done: door.LinkUsed) -> None:
        try:
            told = door.stop_notice(self._house, done.link)
            self._outbox.put(stopped_mail(told.identifier, told.house, told.link))
        except ValueError:
            log.warning("visitor.notice_not_sent code=NOT_MAILABLE")
        except (OutboxRefused, VaultRefused, *UNAVAILABLE) as error:
            # it is stopped and stays so
            log.error("visitor.notice_not_sent code=%s", getattr(error, "code", type(error).__qualname__))  # noqa: TRY400

    async def link(self, request: Request) -> Response:
        """A one-time link to the typed address; the same answer for every address."""
        given = await _given(request)

        def accept(_: str) -> Response:
            if isinstance(given, BadRequest):
                raise given
            email, language = given.get("email", "").strip(), given.get("language", "nl")
            if not is_address(email) or language not in {"nl", "en"}:
                raise _NoAddress
            dutch = language == "nl"
            # never as typed: it could be the mailbox of somebody else than the person it finds
            email = normalised(email)
            try:
                link_mail(email, self._house.base_url, dutch=dutch)
            except ValueError:
                raise _NoAddress from None
            sentence = _ON_ITS_WAY.nl if dutch else _ON_ITS_WAY.en
            # a further request on the same connection would wait for the work, and so measure it
            headers = {**_PRIVATE, "Connection": "close"}
            work = BackgroundTask(self._send, email, dutch=dutch)
            return JSONResponse({"sentence": sentence}, 202, headers, background=work)

        return await answered(self._parts, accept)

    def _send(self, email: str, *, dutch: bool) -> None:
        try:
            link = door.one_time_link(self._house, email)
            if link is not None:
                self._outbox.put(link_mail(email, link, dutch=dutch))
        except (OutboxRefused, VaultRefused, *UNAVAILABLE) as error:
            # answered already: the visitor asks again
            log.error("visitor.link_not_sent code=%s", getattr(error, "code", type(error).__qualname__))  # noqa: TRY400

    async def begin(self, request: Request) -> Response:
        """A session, for a one-time link; of two who bring the same link, one gets it."""
        given = await _given(request)

        def begin(_: str) -> Response:
            if isinstance(given, BadRequest):
                raise given
            token = door.begin_session(self._house, given.get("token", ""))
            if token is None:
                raise _LinkEnded
            body = {"access_token": token, "token_type": "Bearer", "expires_in": 60 * door.SESSION_MINUTES}
            return JSONResponse(body, headers=_PRIVATE)

        return await answered(self._parts, begin)

    async def end(self, request: Request) -> Response:
        """End the session of the token that comes along, from the next request on."""
        credentials = request.headers.getlist("authorization")

        def end(_: str) -> Response:
            if len(credentials) > 1:
                raise SeveralCredentials
            authorization = credentials[0] if credentials else None
            with reading(self._house.engine) as connection:
                self._parts.oauth.credential(connection, authorization)
            token = (authorization or "").partition(" ")[2].strip(" ")
            if not token.startswith(SESSION):
                raise _NoSession
            self._house.vault.end_session(token)
            return Response(status_code=204, headers=_PRIVATE)

        return await answered(self._parts, end)


def _done(day: date) -> JSONResponse:
    """The same for every link that is whole: whoever holds it learns nothing about its person."""
    told = {"sentence": _DONE.en, "sentenceNl": _DONE.nl, "day": day.isoformat()}
    return JSONResponse(told, headers=_PRIVATE)


def _where(given: Mapping[str, str]) -> door.Where | None:
    if given.get("List-Unsubscribe") == "One-Click":  # RFC 8058: a mail program's own button
        return door.Where.HERE
    try:
        return door.Where(given.get("where", ""))
    except ValueError:
        return None


def _step(problem: Problem) -> Problem:
    return Problem(problem.code, problem.sentence, "Open the link from the mail again, or ask for a new one.")


async def _given(request: Request) -> dict[str, str] | BadRequest:
    """The texts of a small body, by name; or why it cannot be read."""
    try:
        with anyio.fail_after(_BODY_SECONDS):
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MAX_BODY:
                    return _BodyRefused()
    except (TimeoutError, ClientDisconnect):
        return _BodyRefused()
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    try:
        if kind == "application/json":
            found = json.loads(body)
            pairs = list(found.items()) if isinstance(found, dict) else [("", None)]
        else:
            pairs = list(
                parse_qsl(
                    body.decode(),
                    keep_blank_values=True,
                    strict_parsing=False,
                    errors="strict",
                    max_num_fields=8,
                )
            )
    except (ValueError, RecursionError):
        return _BodyRefused()
    texts = {name: value for name, value in pairs if isinstance(value, str)}
    return texts if len(texts) == len(pairs) else _BodyRefused()
