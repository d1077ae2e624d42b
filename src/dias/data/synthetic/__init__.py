"""Rendered scenes: drawn at random, rendered by MuJoCo, written as a data set."""
