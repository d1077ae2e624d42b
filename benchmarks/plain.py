"""A plain composition to measure against: fp32, einsum attention, nn.TransformerDecoder, real shuffling.

Written from the method page, part by part, and filled with a model's own weights: the same function, so that
the ratio says what the implementation gains and nothing else.
"""

import torch
from torch import Tensor, nn

from dias.models import ImageModel, SlotOutput
from dias.nn.decoders import RandomARDecoder, Target
from dias.nn.decoders.output import squared_error


class PlainModel(nn.Module):
    """Slot attention and the random-order decoder over given features, no reduction."""

    def __init__(self, model: ImageModel) -> None:
        super().__init__()
        assert isinstance(model.decoder, RandomARDecoder)
        self.model, self.competition = model, model.aggregation.competition
        self.projection, self.queries = model.projection, model.queries
        self.known = model.decoder.draw_known
        self.token_in, self.slot_in = model.decoder.token_in, model.decoder.slot_in
        self.norm_in = model.decoder.norm_in
        self.mask_token, self.positions = model.decoder.mask_token, model.decoder.positions
        self.transformer = _transformer(model.decoder)

    def forward(self, features: Tensor, generator: torch.Generator | None = None) -> SlotOutput:
        """The training forward pass."""
        slots, logits = self._aggregate(
            self.projection(features), self.queries(len(features), generator=generator)
        )
        known = self.known(len(features), features.shape[1], device=features.device, generator=generator)
        reconstruction = self._decode(slots, features, known)
        return SlotOutput(
            slots=slots,
            mask=torch.ones(slots.shape[:2], dtype=torch.bool, device=slots.device),
            attention=[x.softmax(dim=1) for x in logits],
            attention_logits=logits,
            target=Target(tokens=features),
            reconstruction=reconstruction,
            decoder_attention=None,
            error=squared_error(reconstruction, features),
        )

    def _aggregate(self, tokens: Tensor, slots: Tensor) -> tuple[Tensor, list[Tensor]]:
        part, logits = self.competition, []
        tokens = part.norm_tokens(tokens)
        keys, values = part.key(tokens), part.value(tokens)
        for _ in range(self.model.config.aggregation.iterations):
            queries = part.query(part.norm_slots(slots))
            logits.append(torch.einsum("bnd,bmd->bnm", queries, keys) / slots.shape[-1] ** 0.5)
            attention = logits[-1].softmax(dim=1)
            updates = torch.einsum(
                "bnm,bmd->bnd", attention / (attention.sum(2, keepdim=True) + 1e-5), values
            )
            hidden = part.gru(updates.flatten(0, 1), slots.flatten(0, 1)).view_as(slots)
            slots = hidden + part.mlp(part.norm_update(hidden))
        return slots, logits

    def _decode(self, slots: Tensor, target: Tensor, known: Tensor) -> Tensor:
        order = (~known).long().argsort(dim=1, stable=True)
        index = order[..., None].expand_as(target)
        tokens = self.token_in(target.gather(1, index))
        given = torch.arange(target.shape[1], device=target.device) < known.sum(dim=1, keepdim=True)
        tokens = torch.where(given[..., None], tokens, self.mask_token)
        tokens = tokens + self.positions.expand_as(target).gather(1, index)
        out = self.transformer(self.norm_in(tokens), self.slot_in(slots))
        return out.gather(1, order.argsort(dim=1)[..., None].expand_as(out))


def _transformer(decoder: RandomARDecoder) -> nn.TransformerDecoder:
    dim = decoder.positions.shape[-1]
    layer = nn.TransformerDecoderLayer(
        dim, decoder.config.heads, 4 * dim, 0.0, "gelu", norm_first=True, bias=False, batch_first=True
    )
    plain = nn.TransformerDecoder(layer, len(decoder.layers))
    with torch.no_grad():
        for index, (theirs, ours) in enumerate(zip(plain.layers, decoder.layers, strict=True)):
            for attention, source in (
                (theirs.self_attn, ours.self_attention),
                (theirs.multihead_attn, ours.cross_attention),
            ):
                attention.in_proj_weight.copy_(
                    torch.cat([source.to_queries.weight, source.to_keys_values.weight])
                )
                attention.out_proj.weight.copy_(source.out.weight)
            theirs.linear1.weight.copy_(ours.mlp[0].weight)
            theirs.linear2.weight.copy_(ours.mlp[2].weight)
            theirs.norm2.weight.copy_(ours.norm_cross.weight)
            theirs.norm3.weight.copy_(ours.norm_mlp.weight)
            if index:
                theirs.norm1.weight.copy_(ours.norm_self.weight)
    plain.layers[0].norm1 = nn.Identity()
    return plain
