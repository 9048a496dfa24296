"""`make screenshots`: the pictures of the documentation, taken from the running platform with demo records."""
