"""when the boxes of a replaced prediction were dropped"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column('predictions', sa.Column('dropped_at', sa.DateTime(), nullable=True))


def downgrade() -> None:
    """Take this revision back."""
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        batch_op.drop_column('dropped_at')
