"""Reading an audience without a permit. expect: call-arg"""

from sqlalchemy import Connection

from insight.store.tickets import lines


def peek(connection: Connection) -> object:
    return lines(connection=connection)
