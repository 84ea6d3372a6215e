"""Everything that the console does, for programs, under ``/api/v1``.

`shapes` is what goes in and out, `answers` who answers, `table` the routes with what each takes and gives, and `openapi` the description
that is made of the table.
"""
