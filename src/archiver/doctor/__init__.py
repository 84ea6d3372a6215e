"""What is wrong, and what to do about it: looks at everything that an Archiver stands on, one thing after the other, and changes nothing.

In: the settings. Out: findings, each with its remedy. Next room: the command ``archiver doctor``.
"""
