"""The process that runs a project's own code: ``env.py`` and the revisions.

That code may print, configure logging, call ``asyncio.run``, ask for input or exit, so it gets a process of its own.
The project's own interpreter runs it, on which nothing of ours is installed: the files of this directory import each
other, Alembic and SQLAlchemy, and nothing else of ours, and are written for Python 3.9. What the process is told and
tells is in `stack.migrations.protocol`.
"""
