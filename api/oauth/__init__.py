"""
OAuth 2.0 at the edge: speaks the protocols over `consent_ledger.parties` and owns no truth.

`api.oauth.service.OAuth` is the one name the assembly needs: routes, and the credential check.
"""
