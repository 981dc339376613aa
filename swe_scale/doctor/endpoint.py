"""Whether the model's endpoint answers, knows the model, and takes long prompts whole."""

from swe_scale.config import user_folder
from swe_scale.doctor.findings import Finding
from swe_scale.models.probe import Probe, Single, probe

_TOPIC = "endpoint"
_SMALL = 16_384
"""Tokens of context below which an issue, its files and a few turns hardly fit."""


async def endpoint(model: Single | None) -> Finding:
    """Return what the endpoint can do; sends it two prompts, the longer one of some 8,000 tokens."""
    if model is None:
        file = user_folder() / "config.toml"
        fix = f"give --base-url and --model, or write both under [models.default] in {file}"
        return Finding(topic=_TOPIC, status="warn", text="none is configured", fix=fix)
    return _judged(model.model, await probe(model))


def _judged(name: str, found: Probe) -> Finding:
    first, _, rest = found.details.partition("\n")
    fix = " ".join(rest.split())
    if not found.reachable or not found.model_known:
        return Finding(topic=_TOPIC, status="fault", text=first or f"{name} can't be asked", fix=fix)
    if found.long_prompt is False:
        return Finding(topic=_TOPIC, status="fault", text=first, fix=fix)
    length = f", {found.context_length:,} tokens of context" if found.context_length else ""
    text = f"{name} answers{length}"
    if found.context_length and found.context_length < _SMALL:
        advice = f"serve the model with a context of {_SMALL:,} tokens or more"
        return Finding(topic=_TOPIC, status="warn", text=f"{text}, which is little", fix=advice)
    if first:
        return Finding(topic=_TOPIC, status="warn", text=first, fix=fix)
    whole = "; long prompts arrive whole" if found.long_prompt else ""
    return Finding(topic=_TOPIC, status="ok", text=f"{text}{whole}")
