"""The GraphQL shape: types, descriptions and scopes. No SQL and no decision lives here."""
