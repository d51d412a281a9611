"""Public data sets as streams of requests, through SEGLAM and through caches of answers.

`python -m benchmarks.workloads NAME --data PATH`. No data set is shipped; each module says where its data comes from.
"""
