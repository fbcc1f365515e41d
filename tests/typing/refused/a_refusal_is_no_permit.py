"""Reading without looking at the verdict. expect: arg-type"""

from sqlalchemy import Connection

from consent_ledger.permit import Caller, Question, Read, Snapshot, decide
from insight.store.tickets import lines


def peek(snapshot: Snapshot, caller: Caller, question: Question[Read], connection: Connection) -> object:
    return lines(decide(snapshot, caller, question), connection)
