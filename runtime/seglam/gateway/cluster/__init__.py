"""The gateway in a cluster: an index that watches feed, hits to runner pods, one ProcedureCompilation a missed type.

The hit path asks no API server, no database and no model. What needs them happens beside it: feeds keep the index and
the addresses of runners, keys of the cluster are fetched in the background, and a miss is kept and announced.
"""
