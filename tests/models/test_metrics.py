import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.models.metrics import LARGEST, Load, read

VLLM = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a } b"} 34.0
vllm:num_requests_waiting{engine="0",model_name="a } b"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="a } b"} 0.61
vllm:num_preemptions_total{engine="0",model_name="a } b"} 5.0
vllm:num_preemptions_created{engine="0",model_name="a } b"} 1.7e+09
vllm:prefix_cache_queries_total{engine="0",model_name="a } b"} 1000.0
vllm:prefix_cache_hits_total{engine="0",model_name="a } b"} 930.0
vllm:prompt_tokens_total{engine="0",model_name="a } b"} 1000.0
vllm:generation_tokens_total{engine="0",model_name="a } b"} 2310.0 1700000000000
vllm:cache_config_info{block_size="32",engine="0",kv_cache_size_tokens="65536",num_gpu_blocks="2048"} 1.0
vllm:e2e_request_latency_seconds_bucket{le="0.3"} 7.0
"""


def test_vllm() -> None:
    assert read(VLLM) == Load(
        running=34,
        waiting=2,
        kv_usage=0.61,
        preemptions=5,
        prefix_queries=1000,
        prefix_hits=930,
        prompt_tokens=1000,
        generation_tokens=2310,
        kv_tokens=65536,
    )


def test_engines_are_added_up_and_the_fullest_counts() -> None:
    other = VLLM.replace('engine="0"', 'engine="1"').replace("0.61", "0.72").replace(" 34.0", " 6.0")
    load = read(VLLM + other)
    assert load is not None
    assert (load.running, load.waiting, load.kv_usage, load.kv_tokens) == (40, 4, 0.72, 131_072)
    assert load.generation_tokens == 4620


def test_old_names() -> None:
    old = """\
vllm:num_requests_running{model_name="m"} 1
vllm:num_requests_waiting{model_name="m"} 0
vllm:gpu_cache_usage_perc{model_name="m"} 0.25
vllm:num_preemptions{model_name="m"} 3
vllm:gpu_prefix_cache_queries{model_name="m"} 8
vllm:gpu_prefix_cache_hits{model_name="m"} 4
vllm:cache_config_info{block_size="16",num_gpu_blocks="100",num_cpu_blocks="7"} 1
"""
    assert read(old) == Load(1, 0, 0.25, 3, 8, 4, kv_tokens=1600)


def test_a_name_beside_its_old_one_counts_once() -> None:
    both = VLLM + VLLM.replace("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc").replace(
        "num_preemptions_total", "num_preemptions"
    ).replace("vllm:num_requests", "vllm:former")
    load = read(both)
    assert load is not None
    assert (load.running, load.preemptions, load.kv_usage) == (34, 5, 0.61)


def test_sglang_and_llama_cpp() -> None:
    sglang = """\
sglang:num_running_reqs{model_name="m"} 12.0
sglang:num_queue_reqs{model_name="m"} 3.0
sglang:token_usage{model_name="m"} 0.28
sglang:prompt_tokens_total{model_name="m"} 50.0
sglang:cached_tokens_total{model_name="m"} 20.0
sglang:generation_tokens_total{model_name="m"} 70.0
sglang:max_total_num_tokens{model_name="m"} 4096.0
"""
    assert read(sglang) == Load(12, 3, 0.28, 0, 50, 20, 50, 70, 4096)
    llama = """\
llamacpp:prompt_tokens_total 50
llamacpp:tokens_predicted_total 70
llamacpp:requests_processing 4
llamacpp:requests_deferred 9
"""
    assert read(llama) == Load(4, 9, prompt_tokens=50, generation_tokens=70)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!doctype html><title>vllm:num_requests_running 3</title>",
        "vllm:num_requests_running 3\n",
        "go_goroutines 7\nprocess_cpu_seconds_total 3\n",
        "vllm:num_requests_running NaN\nvllm:num_requests_waiting 0\n",
        "vllm:num_requests_running +Inf\nvllm:num_requests_waiting 0\n",
        "vllm:num_requests_running -1\nvllm:num_requests_waiting 0\n",
        "vllm:num_requests_running 1e300\nvllm:num_requests_waiting 0\n",
        'vllm:num_requests_running{a="\nvllm:num_requests_waiting 0\n',
        "vllm:num_requests_running\nvllm:num_requests_waiting{}\n",
        VLLM + "#" * LARGEST,
    ],
)
def test_what_is_of_no_known_server_is_nothing(text: str) -> None:
    assert read(text) is None


def test_lines_that_make_no_sense_are_passed_over() -> None:
    broken = (
        VLLM
        + 'vllm:kv_cache_usage_perc{engine="1"} nan\n'
        + 'vllm:generation_tokens_total{engine="1"} many\n'
        + 'vllm:num_preemptions_total{engine="1"}\n'
        + 'vllm:cache_config_info{kv_cache_size_tokens="None",block_size="'
        + "9" * 500
        + '"} 1\n'
        + "vllm:prompt_tokens_total"
        + " " * 5000
        + "9\n"
        + "vllm:num_requests_runn"
    )
    assert read(broken) == read(VLLM)


def test_shares_beyond_the_whole_are_the_whole() -> None:
    load = read(VLLM.replace("0.61", "61"))
    assert load is not None and load.kv_usage == 1.0


LINES = st.sampled_from(VLLM.splitlines())


@given(
    st.lists(st.one_of(LINES, st.text(), st.tuples(LINES, st.integers(0, 200)).map(lambda x: x[0][: x[1]])))
)
def test_any_text_is_read_or_not(lines: list[str]) -> None:
    load = read("\n".join(lines))
    if load is not None:
        assert load.running >= 0 and load.waiting >= 0
        assert load.kv_usage is None or 0 <= load.kv_usage <= 1
