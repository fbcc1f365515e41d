"""
The few pages behind links in mails: plain, in both languages, without script, style or anything from elsewhere.

They name no house and no person: whoever reads the mail can open them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape
from types import MappingProxyType

from starlette.responses import HTMLResponse

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
    }
)

_STOP = """
<form method="post">
<section lang="nl">
<h1>Het gebruik van uw gegevens stoppen</h1>
<p>Het huis dat u deze mail stuurde gebruikt uw gegevens. Met deze knoppen stopt u dat. Verder kan deze link niets:
hij laat geen gegevens zien. Uw kaartje blijft geldig.</p>
<p><button name="where" value="here">Stop bij dit huis</button></p>
<p><button name="where" value="everywhere">Stop overal</button>
Geen enkel huis neemt uw adres dan nog op, ook latere huizen niet.</p>
</section>
<hr>
<section lang="en">
<h1>Stop the use of your data</h1>
<p>The house that sent you this mail uses your data. With these buttons you stop that. This link can do nothing else:
it shows no data. Your ticket stays valid.</p>
<p><button name="where" value="here">Stop at this house</button></p>
<p><button name="where" value="everywhere">Stop everywhere</button>
No house takes your address in any more, later ones neither.</p>
</section>
</form>
"""

_OPEN = """
<form method="post" action="/v1/visitor/session">
<input type="hidden" name="token" value="{token}">
<section lang="nl">
<h1>Uw gegevens bekijken</h1>
<p>Deze link werkt één keer. Druk op de knop om hem te gebruiken.</p>
<p><button>Open</button></p>
</section>
<hr>
<section lang="en">
<h1>See your records</h1>
<p>This link works once. Press the button to use it.</p>
<p><button>Open</button></p>
</section>
</form>
"""

_STOPPED = """
<section lang="nl">
<h1>Het is gebeurd</h1>
<p>Op {day}. Wat er van u is vastgelegd ziet u met een link naar uw eigen adres, en nergens anders.</p>
</section>
<hr>
<section lang="en">
<h1>It is done</h1>
<p>On {day}. What is recorded of you is shown by a link to your own address, and nowhere else.</p>
</section>
"""

_LOST = """
<section lang="nl">
<h1>Deze link werkt niet</h1>
<p>Hij is niet heel overgekomen, of hij is niet van ons. Open hem nog eens vanuit de mail, of vraag het huis om
een nieuwe.</p>
</section>
<hr>
<section lang="en">
<h1>This link does not work</h1>
<p>It did not come over whole, or it is not ours. Open it from the mail again, or ask the house for a new one.</p>
</section>
"""

_WHICH = """
<section lang="nl">
<h1>Kies waar</h1>
<p>Er is niets gebeurd. Ga terug en kies: bij dit huis, of overal.</p>
</section>
<hr>
<section lang="en">
<h1>Choose where</h1>
<p>Nothing was done. Go back and choose: at this house, or everywhere.</p>
</section>
"""

_LATER = """
<section lang="nl">
<h1>Het lukt nu niet</h1>
<p>Er is niets veranderd. Probeer het over een minuut nog eens.</p>
</section>
<hr>
<section lang="en">
<h1>It cannot be done now</h1>
<p>Nothing was changed. Try again in a minute.</p>
</section>
"""


def stop_page() -> HTMLResponse:
    """What a stop link can do, with a button for each; opening it changes nothing."""
    return _page("Stop", _STOP)


def open_page(token: str) -> HTMLResponse:
    """The button of a one-time link: a program that follows links in mails does not use it up."""
    return _page("Open", _OPEN.format(token=escape(token, quote=True)))


def stopped_page(day: date) -> HTMLResponse:
    """That it is done, and on which day: the same for every link, so that whoever holds one learns nothing."""
    return _page("Stop", _STOPPED.format(day=day.isoformat()))


def lost_page() -> HTMLResponse:
    """For every link that cannot be read, the same."""
    return _page("404", _LOST, status=404)


def which_page() -> HTMLResponse:
    """For a request that does not say where."""
    return _page("400", _WHICH, status=400)


def later_page(status: int) -> HTMLResponse:
    """When the ledger cannot be written at this moment."""
    return _page(str(status), _LATER, status=status)


def _page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    text = (
        '<!doctype html>\n<html lang="nl">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<title>Cultuurinzicht · {title}</title>\n</head>\n'
        f"<body>\n<main>{body}</main>\n</body>\n</html>\n"
    )
    return HTMLResponse(text, status, dict(HEADERS))
