"""who made each change, and the changes that no table had"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        'changes',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('project_id', sa.BigInteger(), nullable=True),
        sa.Column('kind', sa.String(length=24), nullable=False),
        sa.Column('before', sa.JSON(), nullable=False),
        sa.Column('after', sa.JSON(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('who', sa.Text(), nullable=False),
        sa.Column('changed_at', sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_changes_project_id', 'changes', ['project_id'])
    op.add_column('moves', sa.Column('kind', sa.String(length=16), nullable=True))
    op.add_column('moves', sa.Column('who', sa.Text(), nullable=True))
    op.add_column('taxonomies', sa.Column('who', sa.Text(), nullable=True))
    op.add_column('clusters', sa.Column('decided_by', sa.Text(), nullable=True))


def downgrade() -> None:
    """Take this revision back."""
    for table, column in (('clusters', 'decided_by'), ('taxonomies', 'who'), ('moves', 'who'), ('moves', 'kind')):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(column)
    op.drop_table('changes')
