"""the first tables"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table('aliases',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('alias', sa.String(length=16), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'alias')
    )
    op.create_table('classes',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('class_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('merged_into', sa.Integer(), nullable=True),
    sa.Column('is_retired', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'class_id'),
    sa.UniqueConstraint('project_id', 'name')
    )
    op.create_table('clusters',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.String(length=8), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('members', sa.JSON(), nullable=False),
    sa.Column('likely', sa.JSON(), nullable=False),
    sa.Column('found_at', sa.DateTime(), nullable=False),
    sa.Column('decided_at', sa.DateTime(), nullable=True),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('parent', sa.Text(), nullable=True),
    sa.Column('node', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('project_id', 'id')
    )
    op.create_table('deletions',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('object_id', sa.Integer(), nullable=False),
    sa.Column('received_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'kind', 'object_id')
    )
    op.create_table('deliveries',
    sa.Column('notice_id', sa.String(length=36), nullable=False),
    sa.Column('url', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.DateTime(), nullable=True),
    sa.Column('delivered_at', sa.DateTime(), nullable=True),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('notice_id', 'url')
    )
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.create_index('deliveries_due', ['due_at'], unique=False)

    op.create_table('events',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('payload', sa.JSON(), nullable=False),
    sa.Column('received_at', sa.DateTime(), nullable=False),
    sa.Column('processed_at', sa.DateTime(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key')
    )
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.create_index('events_pending', ['project_id', 'processed_at'], unique=False)

    op.create_table('former_names',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('class_id', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'name')
    )
    op.create_table('matches',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('embedder', sa.String(length=64), nullable=False),
    sa.Column('detection', sa.String(length=32), nullable=False),
    sa.Column('node', sa.Text(), nullable=True),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('votes', sa.JSON(), nullable=False),
    sa.Column('is_shown', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'embedder', 'detection')
    )
    with op.batch_alter_table('matches', schema=None) as batch_op:
        batch_op.create_index('matches_by_node', ['project_id', 'embedder', 'node'], unique=False)

    op.create_table('moves',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('alias', sa.String(length=16), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('moved_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('named_boxes',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('crop', sa.String(length=32), nullable=False),
    sa.Column('image', sa.Text(), nullable=False),
    sa.Column('box', sa.JSON(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('cluster', sa.String(length=8), nullable=False),
    sa.Column('named_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'task_id', 'crop')
    )
    op.create_table('notices',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key')
    )
    op.create_table('operations',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=128), nullable=False),
    sa.Column('operation', sa.String(length=8), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=True),
    sa.Column('annotation_id', sa.Integer(), nullable=True),
    sa.Column('annotation_made_at', sa.DateTime(), nullable=True),
    sa.Column('annotation_changed_at', sa.DateTime(), nullable=True),
    sa.Column('actor', sa.Text(), nullable=True),
    sa.Column('confidence', sa.Float(), nullable=True),
    sa.Column('reasoning', sa.Text(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('asked_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'key')
    )
    with op.batch_alter_table('operations', schema=None) as batch_op:
        batch_op.create_index('operations_of_annotation', ['project_id', 'annotation_id'], unique=False)

    op.create_table('planned_tasks',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('embedder', sa.String(length=64), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'embedder', 'task_id')
    )
    op.create_table('predictions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('image', sa.Text(), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('regions', sa.JSON(), nullable=False),
    sa.Column('candidates', sa.JSON(), nullable=False),
    sa.Column('threshold', sa.Float(), nullable=False),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('stream', sa.String(length=8), nullable=False),
    sa.Column('propensity', sa.Float(), nullable=False),
    sa.Column('execution', sa.String(length=36), nullable=False),
    sa.Column('is_shadow', sa.Boolean(), nullable=False),
    sa.Column('served_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        batch_op.create_index('predictions_of_task', ['project_id', 'task_id'], unique=False)

    op.create_table('projects',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('label_config', sa.Text(), nullable=False),
    sa.Column('connected_at', sa.DateTime(), nullable=False),
    sa.Column('reviews_seen_at', sa.DateTime(), nullable=True),
    sa.Column('synced_until', sa.DateTime(), nullable=True),
    sa.Column('refresh_asked', sa.Integer(), nullable=False),
    sa.Column('refresh_done', sa.Integer(), nullable=False),
    sa.Column('refreshed_version', sa.Text(), nullable=True),
    sa.Column('policy', sa.JSON(), nullable=False),
    sa.Column('pinned', sa.Text(), nullable=True),
    sa.Column('shadow', sa.Text(), nullable=True),
    sa.Column('shadow_share', sa.Float(), nullable=False),
    sa.Column('is_shadow_shown', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('reapplications',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('embedder', sa.String(length=64), nullable=False),
    sa.Column('taxonomy', sa.String(length=12), nullable=False),
    sa.Column('token', sa.String(length=16), nullable=False),
    sa.Column('undo', sa.JSON(), nullable=False),
    sa.Column('applied_at', sa.DateTime(), nullable=False),
    sa.Column('undone_at', sa.DateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('reapplications', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_reapplications_project_id'), ['project_id'], unique=False)

    op.create_table('reviews',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('annotation_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('updated_at', sa.DateTime(), nullable=False),
    sa.Column('unique_id', sa.Text(), nullable=False),
    sa.Column('data', sa.JSON(), nullable=False),
    sa.Column('regions', sa.JSON(), nullable=False),
    sa.Column('annotator', sa.Integer(), nullable=True),
    sa.Column('lead_time', sa.Float(), nullable=True),
    sa.Column('is_skipped', sa.Boolean(), nullable=False),
    sa.Column('is_ground_truth', sa.Boolean(), nullable=False),
    sa.Column('is_unseen', sa.Boolean(), nullable=False),
    sa.Column('parent_prediction', sa.Integer(), nullable=True),
    sa.Column('recorded_at', sa.DateTime(), nullable=False),
    sa.Column('told_at', sa.DateTime(), nullable=True),
    sa.PrimaryKeyConstraint('project_id', 'annotation_id', 'created_at')
    )
    with op.batch_alter_table('reviews', schema=None) as batch_op:
        batch_op.create_index('reviews_of_task', ['project_id', 'task_id'], unique=False)
        batch_op.create_index('reviews_told', ['project_id', 'told_at'], unique=False)

    op.create_table('splits',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('side', sa.String(length=8), nullable=False),
    sa.Column('group', sa.Text(), nullable=True),
    sa.Column('image_hash', sa.String(length=16), nullable=True),
    sa.Column('image', sa.String(length=16), nullable=True),
    sa.Column('is_left_out', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'task_id')
    )
    op.create_table('task_groups',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'task_id')
    )
    op.create_table('taxonomies',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('version', sa.String(length=12), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('applied_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'number')
    )
    op.create_table('trainings',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('stalled', sa.Integer(), nullable=False),
    sa.Column('is_cancelled', sa.Boolean(), nullable=False),
    sa.Column('snapshot', sa.String(length=64), nullable=True),
    sa.Column('reviews_until', sa.DateTime(), nullable=True),
    sa.Column('progress', sa.JSON(), nullable=True),
    sa.Column('report', sa.JSON(), nullable=True),
    sa.Column('version', sa.Text(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('asked_at', sa.DateTime(), nullable=False),
    sa.Column('started_at', sa.DateTime(), nullable=True),
    sa.Column('ended_at', sa.DateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('trainings', schema=None) as batch_op:
        batch_op.create_index('one_open_training', ['project_id'], unique=True, sqlite_where=sa.text("state IN ('asked', 'running')"), postgresql_where=sa.text("state IN ('asked', 'running')"))

    op.create_table('vectors',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('embedder', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('crop', sa.String(length=32), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('image', sa.Text(), nullable=False),
    sa.Column('box', sa.JSON(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('verdict', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.DateTime(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('made_at', sa.DateTime(), nullable=True),
    sa.PrimaryKeyConstraint('project_id', 'embedder', 'kind', 'key')
    )
    with op.batch_alter_table('vectors', schema=None) as batch_op:
        batch_op.create_index('vectors_by_state', ['project_id', 'embedder', 'state'], unique=False)
        batch_op.create_index('vectors_of_crop', ['project_id', 'embedder', 'crop'], unique=False)
        batch_op.create_index('vectors_of_task', ['project_id', 'embedder', 'task_id'], unique=False)

    op.create_table('verdicts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('annotation_id', sa.Integer(), nullable=False),
    sa.Column('prediction_id', sa.Integer(), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('stream', sa.String(length=8), nullable=False),
    sa.Column('propensity', sa.Float(), nullable=False),
    sa.Column('execution', sa.String(length=36), nullable=False),
    sa.Column('is_shadow', sa.Boolean(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('decision', sa.String(length=16), nullable=False),
    sa.Column('is_moved', sa.Boolean(), nullable=False),
    sa.Column('is_relabelled', sa.Boolean(), nullable=False),
    sa.Column('predicted', sa.JSON(), nullable=True),
    sa.Column('reviewed', sa.JSON(), nullable=True),
    sa.Column('annotator', sa.Integer(), nullable=True),
    sa.Column('lead_time', sa.Float(), nullable=True),
    sa.Column('reviewed_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('verdicts', schema=None) as batch_op:
        batch_op.create_index('verdicts_in_order', ['project_id', 'is_shadow', 'reviewed_at', 'task_id'], unique=False)
        batch_op.create_index('verdicts_of_task', ['project_id', 'task_id'], unique=False)

    op.create_table('versions',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('weights', sa.Text(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('snapshot', sa.String(length=64), nullable=True),
    sa.Column('parent', sa.Text(), nullable=True),
    sa.Column('classes', sa.JSON(), nullable=False),
    sa.Column('thresholds', sa.JSON(), nullable=False),
    sa.Column('training', sa.JSON(), nullable=False),
    sa.Column('metrics', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'name')
    )
    op.create_table('whole_vectors',
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('task_id', sa.Integer(), nullable=False),
    sa.Column('embedder', sa.String(length=80), nullable=False),
    sa.Column('image', sa.String(length=16), nullable=False),
    sa.Column('vector', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('project_id', 'task_id')
    )


def downgrade() -> None:
    """Take this revision back."""
    op.drop_table('whole_vectors')
    op.drop_table('versions')
    with op.batch_alter_table('verdicts', schema=None) as batch_op:
        batch_op.drop_index('verdicts_of_task')
        batch_op.drop_index('verdicts_in_order')

    op.drop_table('verdicts')
    with op.batch_alter_table('vectors', schema=None) as batch_op:
        batch_op.drop_index('vectors_of_task')
        batch_op.drop_index('vectors_of_crop')
        batch_op.drop_index('vectors_by_state')

    op.drop_table('vectors')
    with op.batch_alter_table('trainings', schema=None) as batch_op:
        batch_op.drop_index('one_open_training', sqlite_where=sa.text("state IN ('asked', 'running')"), postgresql_where=sa.text("state IN ('asked', 'running')"))

    op.drop_table('trainings')
    op.drop_table('taxonomies')
    op.drop_table('task_groups')
    op.drop_table('splits')
    with op.batch_alter_table('reviews', schema=None) as batch_op:
        batch_op.drop_index('reviews_told')
        batch_op.drop_index('reviews_of_task')

    op.drop_table('reviews')
    with op.batch_alter_table('reapplications', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_reapplications_project_id'))

    op.drop_table('reapplications')
    op.drop_table('projects')
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        batch_op.drop_index('predictions_of_task')

    op.drop_table('predictions')
    op.drop_table('planned_tasks')
    with op.batch_alter_table('operations', schema=None) as batch_op:
        batch_op.drop_index('operations_of_annotation')

    op.drop_table('operations')
    op.drop_table('notices')
    op.drop_table('named_boxes')
    op.drop_table('moves')
    with op.batch_alter_table('matches', schema=None) as batch_op:
        batch_op.drop_index('matches_by_node')

    op.drop_table('matches')
    op.drop_table('former_names')
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.drop_index('events_pending')

    op.drop_table('events')
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.drop_index('deliveries_due')

    op.drop_table('deliveries')
    op.drop_table('deletions')
    op.drop_table('clusters')
    op.drop_table('classes')
    op.drop_table('aliases')
