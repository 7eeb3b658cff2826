"""reviews that were imported"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column('reviews', sa.Column('is_imported', sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Take this revision back."""
    with op.batch_alter_table('reviews', schema=None) as batch_op:
        batch_op.drop_column('is_imported')
