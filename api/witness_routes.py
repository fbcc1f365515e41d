"""
The ledger and its witnesses over HTTP: the newest checkpoint that enough of them signed, and what they bring.

    GET  /ledger/checkpoint/cosigned   the newest checkpoint that meets the policy's quorum
    POST /ledger/cosignature           a note with the ledger's signature and those of witnesses

Both are public: a checkpoint holds hashes alone, and a cosignature is taken for what it is, whoever brings it.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api.assembly import Assembled
from api.errors import Code
from api.refusals import NO_STORE, BadRequest, answered
from consent_ledger.note import MAX_NOTE
from consent_ledger.witnessing import CosignatureRefused, Witnessing


def routes(parts: Assembled) -> list[Route]:
    """The routes of witnesses; without a policy they say that there is none."""

    async def cosigned(_: Request) -> Response:
        """The newest checkpoint that enough witnesses signed, with their signatures."""

        def read(_: str) -> Response:
            note = _witnessing(parts).cosigned()
            if note is None:
                raise _NotCosigned
            return PlainTextResponse(note, headers=NO_STORE)

        return await answered(parts, read)

    async def cosignature(request: Request) -> Response:
        """Take what a witness signed."""
        body = await _body(request)

        def take(_: str) -> Response:
            witnessing = _witnessing(parts)
            if body is None:
                raise _TooLong
            try:
                taken = witnessing.take(body.decode())
            except UnicodeDecodeError:
                raise _NoText from None
            except CosignatureRefused as refused:
                raise _NotTaken(refused) from None
            return JSONResponse({"size": taken.size, "new": taken.new}, headers=NO_STORE)

        return await answered(parts, take)

    return [
        Route("/ledger/checkpoint/cosigned", cosigned),
        Route("/ledger/cosignature", cosignature, methods=["POST"]),
    ]


class _NoWitnesses(BadRequest):
    code = "NO_WITNESSES"
    sentence = "This ledger has no witnesses."
    next_step = "/ledger/checkpoint gives the checkpoint that the ledger signed by itself."
    status = 404


class _NotCosigned(BadRequest):
    code = "NOT_COSIGNED"
    sentence = "No checkpoint was signed by as many witnesses as the policy asks for yet."
    next_step = "/ledger/checkpoint gives the newest one, with the signatures that there are."
    status = 404


class _TooLong(BadRequest):
    code = Code.BODY_TOO_LARGE
    sentence = "The request is longer than a note can be."
    next_step = "Send one checkpoint with its signatures."
    status = 413


class _NoText(BadRequest):
    code = "COSIGNATURE_MALFORMED"
    sentence = "The request is no text in UTF-8."
    next_step = "Send one checkpoint with its signatures, as a signed note."


_STATUS = {"COSIGNATURE_MALFORMED": 400, "COSIGNATURE_REFUSED": 403, "CHECKPOINT_UNKNOWN": 404}
_STEP = {
    "COSIGNATURE_MALFORMED": "Send one checkpoint with its signatures, as a signed note.",
    "COSIGNATURE_REFUSED": "Compare your key and your clock with the operator of the ledger, and fetch the newest checkpoint.",
    "CHECKPOINT_UNKNOWN": "/ledger/checkpoint gives the checkpoint of this ledger.",
}


class _NotTaken(BadRequest):
    def __init__(self, refused: CosignatureRefused) -> None:
        super().__init__(refused.sentence)
        self.code, self.sentence = refused.code, refused.sentence
        self.status, self.next_step = _STATUS[refused.code], _STEP[refused.code]


def _witnessing(parts: Assembled) -> Witnessing:
    if parts.witnessing is None:
        raise _NoWitnesses
    return parts.witnessing


async def _body(request: Request) -> bytes | None:
    """The body; None when it is longer than a note, and then the rest of it is not read."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_NOTE:
            return None
    return body
