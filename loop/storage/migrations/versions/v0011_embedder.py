"""the embedder that installations had by default, where the settings name none"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

INSTALLATION = sa.table('installation', sa.column('name', sa.String), sa.column('value', sa.JSON))


def upgrade() -> None:
    """Apply this revision: the default became another one, and what has projects keeps the embedder that it had."""
    if op.get_bind().scalar(sa.text('SELECT count(*) FROM projects')):
        op.bulk_insert(INSTALLATION, [{'name': 'embedder', 'value': {'setting': 'yolo:'}}])


def downgrade() -> None:
    """Take this revision back."""
    op.execute(INSTALLATION.delete().where(INSTALLATION.c.name == 'embedder'))
