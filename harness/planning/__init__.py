"""From a request to a plan, its order, its cost."""
