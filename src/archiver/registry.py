"""Adapters as data: each declares its name, summary and options once; flags, validation and docs come from that.

Adapters register through the entry-point groups ``archiver.sources`` and ``archiver.destinations``, ours and other people's alike,
and are imported only when somebody asks for them.
"""
