"""foreign boxes of predictions, sizes of their images, and passes that give open tasks labels by references"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column('predictions', sa.Column('foreign_boxes', sa.JSON(none_as_null=True), nullable=True))
    op.add_column('predictions', sa.Column('width', sa.Integer(), nullable=True))
    op.add_column('predictions', sa.Column('height', sa.Integer(), nullable=True))
    op.create_table('label_passes',
    sa.Column('project_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('seen_until', sa.DateTime(), nullable=True),
    sa.Column('seconds', sa.Float(), nullable=False),
    sa.Column('ended_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('project_id')
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table('label_passes')
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        for column in ('height', 'width', 'foreign_boxes'):
            batch_op.drop_column(column)
