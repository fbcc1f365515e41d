"""
The shape of both databases, one step at a time: the main database and the vault, each with its history.

A step has one purpose, works while the previous version still runs, and never rebuilds a ledger table
(`migrations.guard`). `migrations.run` takes a database to its head, and says whether it is there.
"""
