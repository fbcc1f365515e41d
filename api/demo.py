"""The sandbox that `make run` serves: the invented sector, its applications, and what to paste first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from api.assembly import Assembled, assembled
from api.oauth.secrets import hash_secret
from api.settings import Settings, SettingsRefused
from consent_ledger.clients import add_secret, register_client
from consent_ledger.clients import client as registered
from consent_ledger.clock import SimulatedClock
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.steps import ROLE_MAY
from consent_ledger.vocabulary import ClientId, ClientKind, PartyId, Scope
from insight.blocks import NoLawfulBlock
from insight.months import Month
from insight.rulebook import BY_PLATFORM
from resolvers.releases import make_release
from schema.ids import global_id
from schema.viewer import INSTITUTION
from seeds.institutions import RECORDED_HOUSE, TOUR_HOUSE
from seeds.partners import AUDITOR, RESEARCH_BUREAU, TOURING_COMPANY
from seeds.plant import plant
from seeds.seasons import OPENING
from seeds.sector import sector

ACCESS_FILE = "demo-access.json"
RELEASED = (Month("2024-07"), Month("2027-07"))
"""Three years up to the sandbox's today, in one release."""


@dataclass(frozen=True, slots=True)
class DemoClient:
    """One application of the sandbox."""

    id: str
    name: str
    party: PartyId
    kind: ClientKind
    scopes: frozenset[Scope]
    auth_method: str = "client_secret_basic"


_APP = ROLE_MAY[ClientKind.INSTITUTION_APP] - {Scope.OFFLINE_ACCESS}
CLIENTS: tuple[DemoClient, ...] = (
    DemoClient("vrijenoot-app", "theatre", RECORDED_HOUSE, ClientKind.INSTITUTION_APP, _APP),
    DemoClient(
        "gouden-ladder-app",
        "second theatre",
        TOUR_HOUSE,
        ClientKind.INSTITUTION_APP,
        _APP,
        "client_secret_post",
    ),
    DemoClient(
        "overkant-app",
        "touring company",
        TOURING_COMPANY,
        ClientKind.PARTNER,
        frozenset(
            {
                Scope.CATALOGUE_READ,
                Scope.AUDIENCES_READ,
                Scope.AUDIENCES_READ_SPEND,
                Scope.AUDIENCES_READ_SEGMENT,
                Scope.AGREEMENTS_READ,
                Scope.AGREEMENTS_WRITE,
                Scope.AGREEMENTS_SIGN,
            }
        ),
    ),
    DemoClient(
        "publiekskijk-app",
        "research bureau",
        RESEARCH_BUREAU,
        ClientKind.PARTNER,
        frozenset({Scope.CATALOGUE_READ, Scope.AUDIENCES_READ, Scope.AUDIENCES_READ_PLACE}),
    ),
    DemoClient(
        "toetssteen-app",
        "auditor",
        AUDITOR,
        ClientKind.AUDITOR,
        frozenset({Scope.CATALOGUE_READ, Scope.LEDGER_READ, Scope.LEDGER_EXPORT}),
    ),
)

AUDIENCE_QUERY = """{
  audience(criteria: {period: {firstDay: "2026-09-01", lastDay: "2027-06-30"}}) {
    ... on Audience {
      asOf
      bookers { ...count }
      tickets { ...count }
      spend { ... on Amount { value currency } ... on Withheld { code sentence(language: EN) } }
      segments { ... on Breakdown { cells { name(language: EN) value } } }
    }
    ... on Refused { reasons { code sentence(language: EN) } }
  }
  benchmark(
    metric: PRICE_PER_VISIT
    period: {firstDay: "2026-07-01", lastDay: "2027-06-30"}
    peers: {disciplines: ["theatre"]}
  ) {
    ... on Benchmark { value own index fit { included matching } isInvented }
    ... on Withheld { code sentence(language: EN) }
  }
}
fragment count on CountResult {
  ... on Count { value coverage { identified } }
  ... on Withheld { code sentence(language: EN) }
}"""
"""The query of the README: audiences, segments and a benchmark in one."""

PARTNER_QUERY = """query Tour($house: ID!) {
  audience(institution: $house, purpose: OWN_INSIGHT) {
    ... on Audience {
      bookers { ...count }
      tickets { ...count }
      spend { ... on Amount { value currency } ... on Withheld { code sentence(language: EN) } }
      segments { ... on Breakdown { cells { id value } } ... on Withheld { code sentence(language: EN) } }
      contexts { ... on Breakdown { cells { id value } } ... on Withheld { code sentence(language: EN) } }
    }
    ... on Refused { reasons { code sentence(language: EN) fix(language: EN) } }
  }
}
fragment count on CountResult {
  ... on Count { value }
  ... on Withheld { code sentence(language: EN) }
}"""


@contextmanager
def opened(
    settings: Settings, *, scale: float = 1.0, progress: Callable[[str], None]
) -> Iterator[tuple[Assembled, dict[str, Any]]]:
    """
    A planted sandbox with its release and its applications, open, and the demo access.

    Repeatable, and resumable after a crash: what stands already is left as it is. Inside the block the
    access file is written, readable by its owner alone.
    """
    if not _is_planted(settings):
        _plant(settings, scale, progress)
    with assembled(settings) as parts:
        _refuse_a_real_platform(parts)
        access = _access(parts, settings)
        path = settings.data_dir / ACCESS_FILE
        path.touch(mode=0o600, exist_ok=True)
        path.write_text(json.dumps(access, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        path.chmod(0o600)
        yield parts, access


def _refuse_a_real_platform(parts: Assembled) -> None:
    with reading(parts.house.engine) as connection:
        snapshot = parts.house.ledger.pin(connection)
        is_sandbox = snapshot.state.is_sandbox
        snapshot.end()
    if not is_sandbox:
        raise SettingsRefused("This folder holds a real platform; a sandbox needs a folder of its own.")


def _plant(settings: Settings, scale: float, progress: Callable[[str], None]) -> None:
    """The sector under its simulated clock; the applications come last, and say that it is whole."""
    clock = SimulatedClock(OPENING)
    with assembled(settings, clock=clock, create="sandbox") as parts:
        _refuse_a_real_platform(parts)
        plant(parts.house, sector(scale), clock=clock, progress=progress)
        progress("Making the sector's release")
        made = make_release(parts.house, start=RELEASED[0], end=RELEASED[1], policy="unnoised-1")
        if isinstance(made, NoLawfulBlock):
            progress("Too few houses for a lawful release; benchmarks are withheld")


def _is_planted(settings: Settings) -> bool:
    """Whether the last act of planting stands; asked of the database alone, because opening a ledger reads it."""
    engine = open_engine(settings.database_url, Login.APP)
    try:
        return _is_registered(engine, CLIENTS[0])
    finally:
        engine.dispose()


def _is_registered(engine: Engine, one: DemoClient) -> bool:
    with reading(engine) as connection:
        return registered(connection, ClientId(one.id)) is not None


def _access(parts: Assembled, settings: Settings) -> dict[str, Any]:
    """Everything a newcomer needs, with a working secret for each application."""
    known = _known_secrets(settings.data_dir / ACCESS_FILE)
    clients = [
        {
            "name": one.id,
            "description": one.name,
            "kind": one.kind.value,
            "institution": one.party,
            "client_id": one.id,
            "client_secret": _secret(parts, one, known.get(one.id)),
            "token_endpoint_auth_method": one.auth_method,
            "scopes": sorted(one.scopes),
        }
        for one in CLIENTS
    ]
    house = global_id(INSTITUTION, RECORDED_HOUSE)
    return {
        "base_url": settings.base_url,
        "today": parts.house.today().isoformat(),
        "clients": clients,
        "people": [],
        "queries": {
            "season": {
                "client": "vrijenoot-app",
                "query": AUDIENCE_QUERY,
                "variables": {},
            },
            "tour": {"client": "overkant-app", "query": PARTNER_QUERY, "variables": {"house": house}},
        },
    }


def _known_secrets(path: Path) -> dict[str, str]:
    """The secrets of an earlier start; none when the file is gone or was changed by hand."""
    try:
        clients = json.loads(path.read_text(encoding="utf-8"))["clients"]
        return {str(one["client_id"]): str(one["client_secret"]) for one in clients}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _secret(parts: Assembled, one: DemoClient, known: str | None) -> str:
    """A secret that works: the known one, that of a new application, or one more beside the lost."""
    house = parts.house
    if not _is_registered(house.engine, one):
        draft, rider, secret = register_client(
            id=ClientId(one.id),
            party=one.party,
            kind=one.kind,
            name=one.name,
            scopes=one.scopes,
            auth_method=one.auth_method,
            actor=BY_PLATFORM,
            hashed=hash_secret,
            now=house.clock(),
        )
        house.ledger.append(draft, rider=rider)
        return secret
    if known is not None:
        return known
    with writing(house.engine) as connection:
        return add_secret(connection, ClientId(one.id), hashed=hash_secret, now=house.clock())


def welcome(access: dict[str, Any], settings: Settings) -> str:
    """What `make run` ends with: address, applications, and a query to paste."""
    first = access["clients"][0]
    clients = "\n".join(
        f"  {one['client_id']:<20} {one['kind']:<16} {one['description']}" for one in access["clients"]
    )
    query = "{ audience { ... on Audience { bookers { ... on Count { value } } tickets { ... on Count { value } } } } }"
    return f"""
Cultuurinzicht is served on {settings.base_url} (an invented sector; its today is {access["today"]}).

Applications; their secrets stand in {settings.data_dir / ACCESS_FILE}:
{clients}

A query to paste:
  TOKEN=$(curl -s -u {first["client_id"]}:{first["client_secret"]} -d grant_type=client_credentials \\
    {settings.base_url}/oauth/token | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
  curl -s {settings.base_url}/graphql -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -d '{{"query":"{query}"}}'

Stop with Ctrl-C."""
