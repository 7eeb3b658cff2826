"""what is set aside, and ids of 64 bits"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

IDS = {
    'aliases': ['project_id'],
    'classes': ['project_id'],
    'clusters': ['project_id'],
    'deletions': ['project_id', 'object_id'],
    'events': ['project_id'],
    'former_names': ['project_id'],
    'matches': ['project_id'],
    'moves': ['project_id'],
    'named_boxes': ['project_id', 'task_id'],
    'notices': ['project_id'],
    'operations': ['project_id', 'task_id', 'annotation_id'],
    'planned_tasks': ['project_id', 'task_id'],
    'predictions': ['project_id', 'task_id'],
    'projects': ['id'],
    'reapplications': ['project_id'],
    'reviews': ['project_id', 'annotation_id', 'task_id', 'annotator', 'parent_prediction'],
    'splits': ['project_id', 'task_id'],
    'task_groups': ['project_id', 'task_id'],
    'taxonomies': ['project_id'],
    'trainings': ['project_id'],
    'vectors': ['project_id', 'task_id'],
    'verdicts': ['project_id', 'task_id', 'annotation_id', 'annotator'],
    'versions': ['project_id'],
    'whole_vectors': ['project_id', 'task_id'],
}


def upgrade() -> None:
    """Apply this revision."""
    op.create_table('set_aside',
    sa.Column('project_id', sa.BigInteger(), nullable=False),
    sa.Column('task_id', sa.BigInteger(), nullable=False),
    sa.Column('step', sa.String(length=16), nullable=False),
    sa.Column('error', sa.Text(), nullable=False),
    sa.Column('since', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'task_id', 'step')
    )
    op.add_column('events', sa.Column('dismissed_at', sa.DateTime(), nullable=True))
    if op.get_bind().dialect.name == 'sqlite':  # whose integers all have 64 bits
        return
    for table, columns in IDS.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.BigInteger())


def downgrade() -> None:
    """Take this revision back; the ids stay as wide as they are."""
    op.drop_column('events', 'dismissed_at')
    op.drop_table('set_aside')
