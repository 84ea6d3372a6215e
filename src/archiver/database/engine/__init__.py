"""What every engine is built from: the thread of a connection, and all that is not hot, in the words of SQLAlchemy Core.

In: a connection in the caller's transaction. Out: values of the port. `customers` and `looking` are what people and commands do,
`migrating` brings the schema up to date, `ids` passes many numbers to one statement. An engine adds what is its own:
connecting, and the hot path.
"""
