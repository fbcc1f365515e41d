"""
The GraphQL shape: types, descriptions and scopes. No SQL and no decision lives here.

The words come first: an enum that a type names before it was described would be taken without its
description and its scopes, and the schema would not start.
"""

from schema import words

__all__ = ["words"]
