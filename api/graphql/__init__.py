"""The GraphQL front: limits, budget, execution, and the one shape of its answers."""
