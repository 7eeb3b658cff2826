"""reviewed boxes that may be wrong, and an index of vectors by label"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_index('vectors_of_label', 'vectors', ['project_id', 'embedder', 'kind', 'label', 'score', 'state'])
    op.create_table('suspect_lists',
    sa.Column('project_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('images', sa.Integer(), nullable=False),
    sa.Column('left_out', sa.JSON(), nullable=False),
    sa.Column('suspects', sa.JSON(), nullable=False),
    sa.Column('looked_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('project_id')
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table('suspect_lists')
    op.drop_index('vectors_of_label', table_name='vectors')
