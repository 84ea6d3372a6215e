"""The way from each older schema to the newest, by Alembic; run by opening the database, in one transaction.

A new revision: change ``schema``, write ``versions/vNNNN_….py``, raise ``schema.HEAD``.
A test compares what the migrations build with what ``schema`` says, to the letter.
"""
