"""Slots: born, competing, merged, aggregated again."""
