"""Parts of models: tensors in, tensors out."""

from dias.nn.slots.redundancy import agglomerate, reduce_redundancy

__all__ = ["agglomerate", "reduce_redundancy"]
