"""The fields of each kind of request that are passed on: of others nobody knows what a service makes.

Left out are, above all, those that make a call dearer (tiers, speeds, predictions, further models), keep it
elsewhere, say who asks, or change how a server of one's own reads it (templates, tensors, priorities).
"""

__all__ = ["CHAT", "COMPLETIONS", "MESSAGES", "RESPONSES"]

_ALL = frozenset({"stream", "temperature", "top_p"})
_OPEN = frozenset({
    "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "min_p", "n", "presence_penalty",
    "repetition_penalty", "seed", "stop", "stream_options", "top_k",
})  # fmt: skip
"""Of OpenAI's older protocols, with what open servers add."""

CHAT = _ALL | _OPEN | {
    "enable_thinking", "function_call", "functions", "max_completion_tokens", "messages",
    "parallel_tool_calls", "prompt_cache_key", "reasoning", "reasoning_effort", "response_format", "thinking",
    "tool_choice", "tools", "top_logprobs", "verbosity",
}  # fmt: skip
COMPLETIONS = _ALL | _OPEN | {"best_of", "echo", "prompt", "suffix"}
RESPONSES = _ALL | {
    "include", "input", "instructions", "max_output_tokens", "parallel_tool_calls", "prompt_cache_key",
    "reasoning", "stream_options", "text", "tool_choice", "tools", "top_logprobs", "truncation",
}  # fmt: skip
MESSAGES = _ALL | {
    "cache_control", "max_tokens", "messages", "output_config", "output_format", "stop_sequences", "system",
    "thinking", "tool_choice", "tools", "top_k",
}  # fmt: skip
