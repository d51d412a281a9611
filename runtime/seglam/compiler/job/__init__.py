"""A compile Job: one miss, compiled in a pod that has neither a model's key nor a sandbox of its own.

It asks the gateway for its work, the model and the runners, and the API server for nothing but to keep its result.
"""
