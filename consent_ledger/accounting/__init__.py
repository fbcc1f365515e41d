"""
Documents by which houses account for what they do with persons' data, made from the ledger alone.

`record` (GDPR 30), `essence` (26), `notice` (14) and `breach` (33, 34) take the state at one size and some
entries, and give values; `markdown` writes them down in Dutch (B1) or English. All are pure: the same
ledger, size and day give the same document. What the ledger does not hold, each document says.
"""
