"""From a request to a binding."""
