"""What every decoder is."""

from torch import nn


class DecoderPart(nn.Module):
    """Slots into tokens; what it says of itself spares others to run it for nothing.

    Attributes:
        gives_map: in evaluation it says how slots share the tokens. Where it does not, the aggregation's map
            is all there is, and masks need no decoder.
        same_in_training: evaluation sets it the task that training does, so that its error there tells how
            training goes. Not so where evaluation gives it more to go on, such as all tokens.
    """

    gives_map: bool = True
    same_in_training: bool = True
