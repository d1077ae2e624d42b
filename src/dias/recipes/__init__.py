"""Experiments: one YAML file each, checked against `dias.training.recipe`."""
