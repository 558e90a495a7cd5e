"""Comparisons; arrays as safetensors; the labels that programs gave stand in the rounds alone.

A grid of runs writes thousands of rounds: packing them as .npz and writing a line of the log for every label took longer than some strategies.
"""

import io
import json
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

from alviz.studies.packing import packed

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """From version 0001."""
    op.create_table(
        "comparisons",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("grid", sa.Text, nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("stopped", sa.Integer, nullable=False, server_default="0"),
    )
    op.add_column("runs", sa.Column("cell", sa.String(32)))
    op.add_column("runs", sa.Column("writes", sa.Integer, nullable=False, server_default="0"))
    op.create_index("runs_cell", "runs", ["cell"], unique=True)
    connection = op.get_bind()
    if "models" not in sa.inspect(connection).get_table_names():  # it came later, without a new version
        op.create_table(
            "models",
            sa.Column("run", sa.String(12), sa.ForeignKey("runs.id"), primary_key=True),
            sa.Column("round", sa.Integer, primary_key=True),
            sa.Column("arrays", sa.LargeBinary, nullable=False),
        )
    simulated = [
        run
        for run, config in connection.execute(sa.text("SELECT id, config FROM runs")).all()
        if json.loads(config).get("annotator", "simulated") == "simulated"
    ]
    for run in simulated:
        connection.execute(sa.text("DELETE FROM events WHERE run = :run"), {"run": run})
    for table, keys in (("rounds", ("run", "round")), ("models", ("run", "round")), ("pending", ("run",))):
        where = " AND ".join(f"{key} = :{key}" for key in keys)
        for found in connection.execute(sa.text(f"SELECT {', '.join(keys)} FROM {table}")).mappings().all():
            place = dict(found)
            blob: Any = connection.execute(sa.text(f"SELECT arrays FROM {table} WHERE {where}"), place).scalar()
            with np.load(io.BytesIO(bytes(blob)), allow_pickle=False) as arrays:
                blob = packed({name: arrays[name] for name in arrays.files})
            connection.execute(sa.text(f"UPDATE {table} SET arrays = :blob WHERE {where}"), {**place, "blob": blob})
    op.drop_table("about")
