"""
The fold: what each entry changes in the state, one module per noun.

    fold        the pass over entries: order, who acts, what can change a verdict
    members     organisations, their applications and their keys
    rules       purposes, bases, notices, definitions, segment models, policies
    agreements  proposed, accepted, refused, ended
    persons     consents, erasures, rights, and the vault's epochs
    data        imports, releases
    decisions   disclosures, refusals, samples: they change nothing and must be able to be
"""

from consent_ledger.fold import agreements, data, decisions, members, persons, rules  # noqa: F401 - fill TAKES
from consent_ledger.fold.errors import IllegalEntry, UnknownEntry
from consent_ledger.fold.fold import Fold

__all__ = ["Fold", "IllegalEntry", "UnknownEntry"]
