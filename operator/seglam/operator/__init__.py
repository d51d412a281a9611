"""The operator: makes the cluster's state follow procedures, reviews, pools and compilations."""
