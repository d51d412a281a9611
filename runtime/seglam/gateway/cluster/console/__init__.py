"""The console of a cluster's gateway: the pages of `seglam.gateway.pages`, for who has a token.

Reviews are read and decided with that token at the API server, so that nobody can do here what they could not do with
kubectl. The gateway's own account has no part in it.
"""
