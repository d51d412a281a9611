"""The demonstration on a Kubernetes cluster."""
