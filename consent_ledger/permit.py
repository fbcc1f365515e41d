"""
The decision: may this caller do this, on what is recorded up to this position?

`decide()` is the only maker of a `Permit`; a function that reads or writes data takes one and
finds in it what it may touch. A `Permit`, a `Snapshot` and a `Caller` are closed values: nobody
can make, copy, widen or store one. Types say it first (`__init__` takes `Never`), the guards
below refuse it at run time, and lint bans the calls that would go around both.
"""
