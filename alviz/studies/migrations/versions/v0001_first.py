"""The tables as the first version made them."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: such files are there already."""
