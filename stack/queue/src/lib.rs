//! The Redis stream of votes that the vote app fills and the worker drains.
