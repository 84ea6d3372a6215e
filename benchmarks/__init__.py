"""Benchmarks: each measures one promise, prints a table for people, and fails if the promise is not kept."""
