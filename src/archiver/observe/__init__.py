"""What others learn of a running Archiver: `log` writes the pipeline's events as log lines.

In: the events of ``archiver.pipeline.events``. Out: lines for people and machines.
"""
