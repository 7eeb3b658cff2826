"""the gate's outcome of a training beside the state of the job"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

trainings = sa.table(
    'trainings',
    sa.column('id', sa.Integer),
    sa.column('state', sa.String),
    sa.column('gate', sa.String),
    sa.column('is_pinned', sa.Boolean),
    sa.column('report', sa.JSON),
)
GATE = {'promoted': 'promoted', 'passed': 'promoted', 'refused': 'refused', 'held': 'held'}


def upgrade() -> None:
    """Apply this revision."""
    with op.batch_alter_table('trainings', schema=None) as batch_op:
        batch_op.add_column(sa.Column('gate', sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column('is_pinned', sa.Boolean(), nullable=False, server_default=sa.false()))
    for state, gate in GATE.items():
        values = {'gate': gate, 'is_pinned': state == 'passed', 'state': 'ended'}
        op.execute(trainings.update().where(trainings.c.state == state).values(values))
    connection = op.get_bind()
    is_open = trainings.c.state.in_(('asked', 'running'))
    for row in connection.execute(sa.select(trainings.c.id, trainings.c.report).where(is_open)).all():
        state = ((row.report or {}).get('outcome') or {}).get('state')
        if state in GATE:  # killed after its end was recorded: it goes on to the same end
            values = {'gate': GATE[state], 'is_pinned': state == 'passed'}
            connection.execute(trainings.update().where(trainings.c.id == row.id).values(values))


def downgrade() -> None:
    """Take this revision back."""
    is_ended = trainings.c.state == 'ended'
    op.execute(trainings.update().where(is_ended, trainings.c.is_pinned).values(state='passed'))
    op.execute(trainings.update().where(is_ended).values(state=trainings.c.gate))
    with op.batch_alter_table('trainings', schema=None) as batch_op:
        batch_op.drop_column('is_pinned')
        batch_op.drop_column('gate')
