"""Cards, models and plans for the tests of a server's settings."""

from swe_scale.config import Serve
from swe_scale.models.serving.arguments import parse
from swe_scale.models.serving.machine import Gpu, Machine
from swe_scale.models.serving.plan import Plan, make_plan
from swe_scale.models.serving.shape import Shape, read_shape

MIB, GIB = 1024**2, 1024**3
CARDS = {
    "3060": Gpu("NVIDIA GeForce RTX 3060", 12_288 * MIB, 0, 8.6),
    "3090": Gpu("NVIDIA GeForce RTX 3090", 24_576 * MIB, 0, 8.6),
    "4090": Gpu("NVIDIA GeForce RTX 4090", 24_564 * MIB, 0, 8.9),
    "A100": Gpu("NVIDIA A100-SXM4-80GB", 81_920 * MIB, 0, 8.0),
    "H100": Gpu("NVIDIA H100 80GB HBM3", 81_559 * MIB, 0, 9.0),
}
SMALL = read_shape(
    {
        "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        "hidden_size": 4096, "intermediate_size": 12288, "vocab_size": 151936,
        "max_position_embeddings": 40960, "torch_dtype": "bfloat16",
    },
    16_381_470_720,
)  # fmt: skip
SHORT = read_shape(
    {
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "hidden_size": 4096, "intermediate_size": 14336, "vocab_size": 128256,
        "max_position_embeddings": 8192, "torch_dtype": "bfloat16",
    },
    16_060_522_240,
)  # fmt: skip
LARGE = read_shape(
    {
        "num_hidden_layers": 64, "num_attention_heads": 40, "num_key_value_heads": 8,
        "hidden_size": 5120, "intermediate_size": 27648, "vocab_size": 152064,
        "max_position_embeddings": 131072, "torch_dtype": "bfloat16",
    },
    65_527_752_704,
)  # fmt: skip
LATENT = Shape(weights=1_340 * GIB // 2, longest=163_840, why="its attention isn't of the plain kind")


def machine(*names: str) -> Machine:
    return Machine(tuple(CARDS[name] for name in names))


def plan(shape: Shape, cards: Machine, *words: str, **serve: int) -> Plan:
    return make_plan(Serve.model_validate(serve), cards, shape, parse(words))


def values(made: Plan) -> dict[str, str]:
    """Return the settings by name; none may come twice."""
    names = [one.argument.name for one in made.settings]
    assert len(set(names)) == len(names)
    assert all(one.reason for one in made.settings)
    return {one.argument.name: one.argument.value for one in made.settings}
