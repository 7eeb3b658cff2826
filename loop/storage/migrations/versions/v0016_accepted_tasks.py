"""tasks whose prediction became an annotation without a review"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table('accepted_tasks',
    sa.Column('project_id', sa.BigInteger(), nullable=False),
    sa.Column('task_id', sa.BigInteger(), nullable=False),
    sa.Column('token', sa.String(length=16), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('prediction_id', sa.Integer(), nullable=False),
    sa.Column('certainty', sa.Float(), nullable=False),
    sa.Column('most_boxes', sa.Integer(), nullable=False),
    sa.Column('annotation_id', sa.BigInteger(), nullable=True),
    sa.Column('annotation_made_at', sa.DateTime(), nullable=True),
    sa.PrimaryKeyConstraint('project_id', 'task_id')
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table('accepted_tasks')
