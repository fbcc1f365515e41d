"""
A witness: a small program that anyone can run, and that keeps one ledger from having two pasts.

It keeps the last checkpoint it saw of each ledger it knows, and signs a new one only when a proof shows that
the old is the beginning of the new. `core` is the whole of it; `server` answers requests (C2SP
tlog-witness), `once` goes to the ledger by itself, for cron. It sees hashes and nothing else.
"""
