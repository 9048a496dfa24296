"""Speeds as ratios in one run: `make bench`. Every side posts to the same bare provider, in turn, three times."""
