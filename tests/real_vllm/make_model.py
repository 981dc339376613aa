"""Makes the model that the tests' vLLM serves: a Qwen2 of random weights, the same bytes whenever it is made.

Usage: make_model.py FOLDER TEXT_FILE…; the texts teach the tokenizer its words. Runs in vLLM's environment.
"""

import json
import sys
from pathlib import Path

import numpy
from numpy.typing import NDArray
from safetensors.numpy import save_file  # type: ignore[import-not-found]
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    trainers,
)

LAYERS, HIDDEN, INNER, HEADS, KEY_HEADS = 2, 64, 128, 2, 1
VOCABULARY = 1024
CONTEXT = 32_768
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PLAIN_MARKS = ("<tool_call>", "</tool_call>", "<think>", "</think>")
TEMPLATE = """\
{%- if tools %}<|im_start|>system
You may call: {% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}<tool_call>
{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def make_tokenizer(folder: Path, texts: list[str]) -> int:
    """Write a byte-level tokenizer; return how many tokens it knows."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(PLAIN_MARKS),
        special_tokens=list(MARKS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens(list(PLAIN_MARKS))
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": MARKS[2],
        "pad_token": MARKS[0],
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    return int(tokenizer.get_vocab_size())


def make_weights(folder: Path, vocabulary: int) -> None:
    """Write random weights, drawn in a fixed order."""
    draw = numpy.random.default_rng(1)
    width = HIDDEN // HEADS * KEY_HEADS
    weights: dict[str, NDArray[numpy.float64]] = {
        "model.embed_tokens.weight": draw.normal(0, 0.1, (vocabulary, HIDDEN)),
        "model.norm.weight": numpy.ones(HIDDEN),
    }
    shapes = {
        "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (width, HIDDEN),
        "self_attn.v_proj": (width, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
        "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER),
    }  # fmt: skip
    for layer in range(LAYERS):
        place = f"model.layers.{layer}"
        for name, shape in shapes.items():
            weights[f"{place}.{name}.weight"] = draw.normal(0, 0.1, shape)
        for name in ("q", "k", "v"):
            weights[f"{place}.self_attn.{name}_proj.bias"] = numpy.zeros(shapes[f"self_attn.{name}_proj"][0])
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{place}.{name}.weight"] = numpy.ones(HIDDEN)
    single = {name: value.astype(numpy.float32) for name, value in weights.items()}
    save_file(single, folder / "model.safetensors", metadata={"format": "pt"})


def make_config(folder: Path, vocabulary: int) -> None:
    """Write the architecture."""
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "max_position_embeddings": CONTEXT,
        "vocab_size": vocabulary,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "eos_token_id": MARKS.index("<|im_end|>"),
        "dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = make_tokenizer(folder, [Path(name).read_text(encoding="utf-8") for name in sys.argv[2:]])
    make_weights(folder, vocabulary)
    make_config(folder, vocabulary)


if __name__ == "__main__":
    main()
