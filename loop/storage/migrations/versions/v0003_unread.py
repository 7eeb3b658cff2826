"""what was not read of a review; every review is read again by the next sweep"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    with op.batch_alter_table('reviews', schema=None) as batch_op:
        batch_op.add_column(sa.Column('unread', sa.JSON(none_as_null=True), nullable=True))
    op.execute("UPDATE projects SET synced_until = NULL")


def downgrade() -> None:
    """Take this revision back."""
    with op.batch_alter_table('reviews', schema=None) as batch_op:
        batch_op.drop_column('unread')
