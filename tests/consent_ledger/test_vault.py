"""The vault finds, seals, opens and forgets, and names nobody to anybody."""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text, update

from consent_ledger.canonical import canonical
from consent_ledger.database import Login, open_engine, reading, writing
from consent_ledger.keyring import Keyring
from consent_ledger.vault import Statement, Vault, VaultConflict, VaultRefused, normalised, sealing
from consent_ledger.vault.tables import vault_claim, vault_payload, vault_person
from consent_ledger.vocabulary import PartyId, PersonRef
from tests.conftest import Database

THEA, MUSE = PartyId("thea"), PartyId("muse")
MAIL = "Ada.de.Vries@voorbeeld.example"


def payload(person: PersonRef, at: str = "2026-11-22T10:00:00Z") -> dict[str, str]:
    return {"person": person, "at": at, "channel": "web", "notice": "0" * 64}


def rows(engine: Engine) -> tuple[int, int, int]:
    """Persons, claims, payloads."""
    with reading(engine) as connection:
        counts = [
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (vault_person, vault_claim, vault_payload)
        ]
    return counts[0], counts[1], counts[2]


# finding


def test_equal_identifiers_are_one_person_and_order_is_kept(vault: Vault) -> None:
    found = vault.persons(THEA, ["a@x.example", "b@x.example", "a@x.example"], under="k")
    assert found[0] == found[2] != found[1]
    assert vault.persons(THEA, ["b@x.example", "a@x.example"], under="k2") == [found[1], found[0]]
    assert all(len(ref) == 32 and int(ref, 16) >= 0 for ref in found)


@pytest.mark.parametrize(
    "same", [MAIL.upper(), f"  {MAIL}\n", MAIL.replace("A", "\uff21"), MAIL.replace("@", "\uff20")]
)
def test_ways_of_writing_one_address_are_one_person(vault: Vault, same: str) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    assert vault.find(THEA, same) == ref


ACCENT = "jan@caf\u00e9-noord.nl"


@pytest.mark.parametrize(
    "same",
    [
        "JAN@CAF\u00c9-NOORD.NL",
        "jan@cafe\u0301-noord.nl",
        f" {ACCENT}\n",
        "jan@xn--caf-noord-d4a.nl",
        "Jan@XN--CAF-NOORD-D4A.NL",
        "jan\u200b@caf\u00e9-noord.nl",
        f"\ufeff{ACCENT}",
        f"{ACCENT}\u00ad",
        f"{ACCENT}.",
        f"Jan <{ACCENT}>",
        f'"Noord, Jan" <MAILTO:{ACCENT}>',
        f"<{ACCENT}>",
        f"mailto:{ACCENT}",
        '"jan"@caf\u00e9-noord.nl',
        "jan@caf\u00e9-noord\u3002nl",
        "jan@caf\u00e9-noord\uff61nl",
    ],
)
def test_ways_of_carrying_one_address_are_one_person_and_one_mailbox(vault: Vault, same: str) -> None:
    [ref] = vault.persons(THEA, [same], under="k")
    assert vault.find(THEA, ACCENT) == ref
    assert normalised(same) == normalised(normalised(same)) == ACCENT


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bob@stra\u00dfe.de", "bob@strasse.de"),
        ("bob@xn--strae-oqa.de", "bob@strasse.de"),
        ("bob@\u03c3\u03bf\u03c2.gr", "bob@\u03c3\u03bf\u03c3.gr"),
        ("gro\u00df@x.de", "gross@x.de"),
        (ACCENT, "jan+tickets@caf\u00e9-noord.nl"),
        (ACCENT, f"{ACCENT};piet@x.example"),
        (ACCENT, f"piet@x.example, Jan <{ACCENT}>"),
        (ACCENT, f'"jan@x"@{ACCENT}'),
    ],
)
def test_what_mail_tells_apart_is_two(vault: Vault, one: str, other: str) -> None:
    first, second = vault.persons(THEA, [one, other], under="k")
    assert first != second


def test_both_forms_of_a_domain_are_one(vault: Vault) -> None:
    assert normalised("Bob@XN--STRAE-OQA.de") == "bob@stra\u00dfe.de"


@pytest.mark.parametrize(
    "label",
    [
        "xn--",
        "xn--abc-",  # stands for plain ASCII
        "xn--zzzzzzzzzzzzzzzzz",
        "xn--" + "CAF\u00c9".encode("punycode").decode(),  # case that no registry could give
        "xn--" + "a\uff20b\u00e9".encode("punycode").decode(),
        "xn--" + "a\u3002\u00e9".encode("punycode").decode(),
        "xn--" + "\ud800".encode("punycode").decode(),
    ],
)
def test_a_label_that_no_domain_can_have_stays_as_it_is(label: str) -> None:
    assert normalised(f"bob@{label}.nl") == f"bob@{label.lower()}.nl"


@pytest.mark.parametrize(
    "given", ["jan@", "@", "<@>", '""@x.nl', "jan@x..nl", "a@b@c", "mailto:@", "mailto:" * 900 + "a@b.nl"]
)
def test_what_is_not_one_address_is_one_text(given: str) -> None:
    assert normalised(given.upper()) == normalised(normalised(given)) == given.lower()


def test_the_plain_form_is_what_the_long_way_gives() -> None:
    for plain in ("ada.de.vries@voorbeeld.example", "a+b_c-d@x-1.nl", "jan@localhost"):
        assert sealing._PLAIN.fullmatch(plain)
        assert sealing._one_form(plain) == plain


def test_case_counts_in_what_is_no_address(vault: Vault) -> None:
    one, other = vault.persons(THEA, ["Klant-aB", "Klant-ab"], under="k")
    assert one != other


def test_one_address_at_two_houses_is_two_persons(vault: Vault, vault_engine: Engine) -> None:
    [here], [there] = vault.persons(THEA, [MAIL], under="k"), vault.persons(MUSE, [MAIL], under="k")
    assert here != there
    with reading(vault_engine) as connection:
        assert len(set(connection.scalars(select(vault_person.c.lookup)))) == 2


def test_looking_makes_nobody(vault: Vault, vault_engine: Engine) -> None:
    assert vault.find(THEA, MAIL) is None
    assert rows(vault_engine) == (0, 0, 0)


def test_nobody_asked_for_is_nobody(vault: Vault) -> None:
    assert vault.persons(THEA, [], under="k") == []


def test_persons_are_there_after_a_restart(database: Database, vault: Vault, keyring: Keyring) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    engine = open_engine(database.vault_url, Login.VAULT)
    try:
        again = Vault.open(engine, Keyring.open(keyring._folder))
        assert again.find(THEA, MAIL) == ref
        assert again.persons(THEA, [MAIL], under="k2") == [ref]
    finally:
        engine.dispose()


def test_tens_of_thousands_are_found_in_about_a_second(vault: Vault) -> None:
    addresses = [f"bezoeker.{number}@voorbeeld.example" for number in range(20_000)]
    start = time.process_time()
    made = vault.persons(THEA, addresses, under="k")
    found = vault.persons(THEA, addresses, under="k")
    took = time.process_time() - start
    assert found == made
    assert len(set(made)) == 20_000
    assert took < 4, f"{took:.1f} s of processor time for 20,000 made and 20,000 found"


def test_two_imports_at_once_make_each_person_once(vault: Vault, vault_engine: Engine) -> None:
    addresses = [f"{number}@voorbeeld.example" for number in range(400)]
    results: dict[int, list[PersonRef]] = {}
    start = threading.Barrier(4)

    def work(number: int) -> None:
        order = addresses if number % 2 else list(reversed(addresses))
        start.wait()
        found = dict(zip(order, vault.persons(THEA, order, under=f"k{number}"), strict=True))
        results[number] = [found[address] for address in addresses]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(result == results[0] for result in results.values())
    assert rows(vault_engine)[0] == 400


@pytest.mark.parametrize("identifier", ["", "   ", "\u3000"])
def test_nobody_is_found_by_an_empty_identifier(vault: Vault, vault_engine: Engine, identifier: str) -> None:
    with pytest.raises(VaultRefused) as caught:
        vault.persons(THEA, [MAIL, identifier], under="k")
    assert caught.value.code == "IDENTIFIER_EMPTY"
    assert rows(vault_engine) == (0, 0, 0)


# sealing


def test_a_commitment_is_what_the_construction_says(vault: Vault, vault_engine: Engine) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    commitment = vault.commit(THEA, ref, under="k", payload=payload(ref))
    with reading(vault_engine) as connection:
        epoch, sealed = connection.execute(select(vault_person.c.epoch, vault_person.c.evidence_key)).one()
    evidence = vault._keys.evidence(THEA, ref, epoch, sealed)
    r = hmac.digest(evidence, b"cultuurinzicht/opening/1\0" + b"k", "sha256")
    plain = canonical(payload(ref))
    expected = hmac.digest(r, b"cultuurinzicht/subject-commitment/1\0" + plain, "sha256")
    assert commitment == expected.hex()
    opening = vault.opening("k")
    assert (opening.controller, opening.person, opening.payload, opening.opening) == (THEA, ref, plain, r)


def test_an_opening_opens_its_commitment_and_no_other(vault: Vault) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    first = vault.commit(THEA, ref, under="k1", payload=payload(ref))
    second = vault.commit(THEA, ref, under="k2", payload=payload(ref))
    assert first != second
    opened = vault.opening("k1")
    assert Vault.opens(first, opened.payload, opened.opening)
    assert not Vault.opens(second, opened.payload, opened.opening)
    assert not Vault.opens(first, opened.payload + b" ", opened.opening)
    assert not Vault.opens(first, opened.payload, bytes(32))
    assert not Vault.opens("\ud800", opened.payload, opened.opening)


def test_the_same_said_again_is_the_same_commitment(vault: Vault, vault_engine: Engine) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    first = vault.commit(THEA, ref, under="k", payload=payload(ref))
    assert vault.commit(THEA, ref, under="k", payload=payload(ref)) == first
    assert rows(vault_engine) == (1, 0, 1)


def test_something_else_under_the_same_key_is_a_conflict(vault: Vault, vault_engine: Engine) -> None:
    ref, other = vault.persons(THEA, [MAIL, "b@x.example"], under="k")
    vault.commit(THEA, ref, under="k", payload=payload(ref))
    for person, said in ((ref, payload(ref, "2026-11-22T10:00:01Z")), (other, payload(ref))):
        with pytest.raises(VaultConflict) as caught:
            vault.commit(THEA, person, under="k", payload=said)
        assert caught.value.code == "IDEMPOTENCY_CONFLICT"
    assert rows(vault_engine) == (2, 0, 1)


def test_two_houses_may_use_the_same_key(vault: Vault) -> None:
    [here], [there] = vault.persons(THEA, [MAIL], under="k"), vault.persons(MUSE, [MAIL], under="k")
    assert vault.commit(THEA, here, under="k", payload=payload(here)) != vault.commit(
        MUSE, there, under="k", payload=payload(there)
    )
    with pytest.raises(VaultRefused):
        vault.opening("k")
    assert vault.opening("k", controller=MUSE).person == there


def test_many_are_sealed_together_or_not_at_all(vault: Vault, vault_engine: Engine) -> None:
    refs = vault.persons(THEA, [f"{number}@x.example" for number in range(50)], under="k")
    statements = [Statement(ref, f"k{number}", payload(ref)) for number, ref in enumerate(refs)]
    with pytest.raises(VaultRefused):
        vault.commit_all(THEA, [*statements, Statement(PersonRef("f" * 32), "k50", {})])
    assert rows(vault_engine) == (50, 0, 0)
    commitments = vault.commit_all(THEA, statements)
    assert len(set(commitments)) == 50
    assert commitments[7] == vault.commit(THEA, refs[7], under="k7", payload=payload(refs[7]))


def test_a_person_of_another_house_cannot_be_committed(vault: Vault) -> None:
    [there] = vault.persons(MUSE, [MAIL], under="k")
    with pytest.raises(VaultRefused) as caught:
        vault.commit(THEA, there, under="k", payload=payload(there))
    assert caught.value.code == "PERSON_UNKNOWN"


def test_without_the_evidence_key_nothing_opens(vault: Vault, vault_engine: Engine) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")
    vault.commit(THEA, ref, under="k", payload=payload(ref))
    with writing(vault_engine) as connection:
        connection.execute(update(vault_person).values(evidence_key=None))
    assert list(vault.payloads()) == []
    with pytest.raises(VaultRefused):
        vault.opening("k")
    with pytest.raises(VaultRefused):
        vault.commit(THEA, ref, under="k2", payload=payload(ref))


def test_a_sealed_value_moved_to_another_row_does_not_open(vault: Vault, vault_engine: Engine) -> None:
    one, other = vault.persons(THEA, [MAIL, "b@x.example"], under="k")
    vault.commit(THEA, one, under="k1", payload=payload(one))
    vault.commit(THEA, other, under="k2", payload=payload(other))
    with reading(vault_engine) as connection:
        found = connection.execute(select(vault_person.c.ref, vault_person.c.evidence_key))
        keys = {row.ref: row.evidence_key for row in found}
    with writing(vault_engine) as connection:
        for ref, key in ((one, keys[other]), (other, keys[one])):
            connection.execute(update(vault_person).where(vault_person.c.ref == ref).values(evidence_key=key))
    with pytest.raises(VaultRefused) as caught:
        vault.opening("k1")
    assert caught.value.code == "SEAL_BROKEN"


def test_all_payloads_come_back_for_a_rebuild(vault: Vault) -> None:
    refs = vault.persons(THEA, [f"{number}@x.example" for number in range(5)], under="k")
    refs += vault.persons(MUSE, ["0@x.example"], under="k")
    for number, ref in enumerate(refs):
        house = THEA if number < 5 else MUSE
        vault.commit(house, ref, under=f"k{number}", payload=payload(ref))
    assert {(each.controller, each.under, each.person) for each in vault.payloads()} == {
        (THEA if number < 5 else MUSE, f"k{number}", ref) for number, ref in enumerate(refs)
    }
    for each in vault.payloads():
        assert each.payload == canonical(payload(each.person))
        break  # an iterator that is left early closes its transaction


def test_another_keyring_is_refused(vault: Vault, vault_engine: Engine, tmp_path: Path) -> None:
    vault.persons(THEA, [MAIL], under="k")
    with pytest.raises(VaultRefused) as caught:
        Vault.open(vault_engine, Keyring.open(tmp_path / "other-keys"))
    assert caught.value.code == "KEYRING_FOREIGN"


# forgetting


def test_what_never_got_its_entry_is_forgotten(vault: Vault, vault_engine: Engine) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="lost")
    vault.commit(THEA, ref, under="lost", payload=payload(ref))
    [kept] = vault.persons(THEA, ["b@x.example"], under="kept")
    vault.commit(THEA, kept, under="kept", payload=payload(kept))
    assert vault.sweep(lambda under: under == "kept") == 2
    assert vault.find(THEA, MAIL) is None
    assert vault.find(THEA, "b@x.example") == kept
    assert [each.under for each in vault.payloads()] == ["kept"]
    assert rows(vault_engine) == (1, 0, 1)
    assert vault.sweep(lambda _: False) == 0  # recorded once, recorded for good
    assert vault.persons(THEA, [MAIL], under="again") != [ref]


def test_a_failed_import_does_not_take_a_person_whom_a_later_one_recorded(
    vault: Vault, vault_engine: Engine
) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="failed")
    assert vault.persons(THEA, [MAIL], under="later") == [ref]
    assert rows(vault_engine) == (1, 1, 0)
    assert vault.sweep(lambda under: under == "later") == 0
    assert vault.find(THEA, MAIL) == ref
    assert rows(vault_engine) == (1, 0, 0)


def test_a_person_whom_two_failed_imports_met_is_forgotten(vault: Vault, vault_engine: Engine) -> None:
    for under in ("failed", "failed too"):
        vault.persons(THEA, [MAIL], under=under)
    assert vault.sweep(lambda _: False) == 1
    assert rows(vault_engine) == (0, 0, 0)


def test_what_a_pending_person_said_keeps_the_person_when_it_is_recorded(vault: Vault) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="failed")
    vault.commit(THEA, ref, under="said", payload=payload(ref))
    assert vault.sweep(lambda under: under == "said") == 0
    assert vault.find(THEA, MAIL) == ref
    assert vault.opening("said").person == ref


def test_an_import_under_way_is_left_alone(vault: Vault, vault_engine: Engine) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="under way")
    assert vault.sweep(lambda _: False, older_than=timedelta(hours=1)) == 0
    with writing(vault_engine) as connection:
        connection.execute(update(vault_person).values(made=vault_person.c.made - 7200))
    assert vault.persons(THEA, [MAIL], under="under way") == [ref]  # repeated: fresh again
    assert vault.sweep(lambda _: False, older_than=timedelta(hours=1)) == 0
    with writing(vault_engine) as connection:
        connection.execute(update(vault_person).values(made=vault_person.c.made - 7200))
    assert vault.sweep(lambda _: False, older_than=timedelta(hours=1)) == 1


def test_an_old_failure_and_a_claim_under_way_keep_the_person(vault: Vault, vault_engine: Engine) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="failed")
    with writing(vault_engine) as connection:
        connection.execute(update(vault_person).values(made=vault_person.c.made - 7200))
    vault.persons(THEA, [MAIL], under="under way")
    assert vault.sweep(lambda _: False, older_than=timedelta(hours=1)) == 0
    assert vault.find(THEA, MAIL) == ref
    assert vault.sweep(lambda under: under == "under way") == 0
    assert vault.find(THEA, MAIL) == ref
    assert rows(vault_engine) == (1, 0, 0)


def test_a_sweep_that_cannot_ask_the_ledger_forgets_nothing(vault: Vault) -> None:
    [ref] = vault.persons(THEA, [MAIL], under="k")

    def unanswered(_: str) -> bool:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        vault.sweep(unanswered)
    assert vault.find(THEA, MAIL) == ref


def test_no_key_of_the_forgotten_stays_in_the_files(
    database: Database, vault: Vault, vault_engine: Engine
) -> None:
    if database.kind != "sqlite":  # PostgreSQL keeps them in its log; there the epoch's key is destroyed
        return
    vault.persons(THEA, [f"{number}@x.example" for number in range(50)], under="lost")
    with reading(vault_engine) as connection:
        keys = list(connection.scalars(select(vault_person.c.evidence_key)))
    path = Path(vault_engine.url.database or "")

    def found() -> int:
        held = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
        return sum(key in held for key in keys)

    assert found() == 50
    assert vault.sweep(lambda _: False) == 50
    assert found() == 0


# silence


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_no_personal_value_stands_in_the_files_an_error_a_repr_or_the_log(
    vault: Vault, vault_engine: Engine, keyring: Keyring, log: pytest.LogCaptureFixture
) -> None:
    said = "2026-11-22T10:00:00Z-geheim"
    [ref] = vault.persons(THEA, [MAIL], under="k")
    vault.commit(THEA, ref, under="k", payload=payload(ref, said))
    texts = [repr(vault), repr(keyring), repr(vault._keys), repr(vault.opening("k"))]
    texts.append(repr(Statement(ref, "k", payload(ref, said))))
    for attempt in (
        lambda: vault.commit(THEA, ref, under="k", payload=payload(ref, said + "!")),
        lambda: vault.commit(MUSE, ref, under="k", payload=payload(ref, said)),
        lambda: vault.commit(THEA, ref, under="k2", payload={"at": 1.5, "x": said}),  # type: ignore[dict-item]
        lambda: vault.persons(THEA, [MAIL + "\ud800"], under="k"),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            attempt()
        error: BaseException | None = caught.value
        while error is not None:
            texts.append(f"{error!r} {error}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    with pytest.raises(Exception) as broken, writing(vault_engine) as connection:  # noqa: PT011
        connection.execute(text("SELECT :mail FROM no_such_table"), {"mail": MAIL})
    texts.append(str(broken.value))
    texts.append(log.text)
    if vault_engine.dialect.name == "sqlite":
        path = Path(vault_engine.url.database or "")
        texts += [file.read_bytes().decode("latin-1") for file in path.parent.glob(path.name + "*")]
    for shown in texts:
        for personal in (MAIL, MAIL.lower(), "de.vries", "geheim"):
            assert personal not in shown


def test_the_labels_of_the_construction_never_change() -> None:
    assert sealing.lookup_key(bytes(32), "thea").hex() == (
        "7febb3274813521f353621bf51087cb67425ccfe1706ef37a9d05612a09b507a"
    )
    assert sealing.lookup(bytes(32), " Ada@Voorbeeld.Example ") == (
        "b8ec5dcaff9941a2d75b1ba87885a1568dc1f10c8bb33b5d87d9300e33642920"
    )
    cipher = sealing.lookup_cipher(bytes(32))
    stored = cipher.encrypt(bytes(32), [b"thea"])
    assert stored.hex() == (
        "21e6eb61e617843fc6d3877b74e95cfc0ef22f734398c35db66052b533024af3b9c0a110c29810353e4a18f9137f3a0b"
    )
    assert sealing.unseal_lookup(cipher, stored, "thea") == bytes(32)
    assert (
        sealing.opening(bytes(32), "k").hex()
        == "c0332b6bd38eb1c6b4673c42a84a5ba01329184b91cc4ed9f3fae6f8caa4b9fe"
    )
    assert sealing.commitment(bytes(32), b"{}") == (
        "2f6d86aa65abd8a02c03362eae2882da25860ba3c5b600dee5bd2019c6a6f2d7"
    )
