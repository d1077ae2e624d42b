"""The kinds of aggregation there are. A new one is a file beside this and its line in the union.

Each has settings with `slot_dim` and `build(token_dim=)`, and a module that takes tokens, queries,
`reduce=` and `generator=`, and gives `Aggregated`.
"""

from typing import Annotated

from pydantic import Tag

from dias.config import by_kind
from dias.nn.slots.adaslot import AdaSlotConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.metaslot import MetaSlotConfig

AnyAggregation = Annotated[
    Annotated[AggregationConfig, Tag("slot_attention")]
    | Annotated[AdaSlotConfig, Tag("adaslot")]
    | Annotated[MetaSlotConfig, Tag("metaslot")],
    by_kind("slot_attention"),
]
