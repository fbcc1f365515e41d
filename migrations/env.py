"""Run by Alembic: takes the steps of one history on the connection that `migrations.run` opened."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext

from migrations.guard import refuse_lost_triggers, refusing_batch


def _after_step(ctx: MigrationContext, *_: Any, **__: Any) -> None:
    assert ctx.connection is not None
    refuse_lost_triggers(ctx.connection)


def _run() -> None:
    attributes = context.config.attributes
    context.configure(
        connection=attributes["connection"],
        target_metadata=attributes["metadata"],
        # all steps or none, on SQLite too, whose DDL Alembic takes for untransactional by default
        transactional_ddl=True,
        render_as_batch=False,
        on_version_apply=_after_step,
    )
    with refusing_batch(), context.begin_transaction():
        context.run_migrations()


_run()
