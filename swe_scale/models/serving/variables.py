"""Decides which environment variables a server gets: what it needs to run, and none of our other secrets."""

import os
import re

from swe_scale.config import Serve
from swe_scale.errors import UsageError

__all__ = ["KEY", "server_variables"]

KEY = "VLLM_API_KEY"
"""The variable that holds the key which a server of ours asks of its clients."""
_PASSED = re.compile(
    # The process itself.
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TERM|VIRTUAL_ENV|CONDA_\w+|XDG_\w+"
    r"|LD_LIBRARY_PATH|LD_PRELOAD|PYTHONPATH"
    # Its network.
    r"|(https?|all|no|ftp)_proxy|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    # Its libraries; HF_TOKEN and the server's own key are among them.
    r"|(CUDA|NVIDIA|NCCL|VLLM|HF|HUGGINGFACE|TRANSFORMERS|TOKENIZERS|SAFETENSORS|TORCH|TORCHDYNAMO"
    r"|TORCHINDUCTOR|PYTORCH|TRITON|FLASHINFER|RAY|UCX|GLOO|OMP|KMP|GOMP|MKL|OPENBLAS|NUMBA|HIP|HSA|ROCR"
    r"|ROCM|GPU)_\w+",
    re.IGNORECASE,
)


def server_variables(serve: Serve) -> dict[str, str]:
    """Return the environment of a server: a part of ours, and what the configuration adds.

    Raises:
        UsageError: the configuration holds the server's key.
    """
    if KEY in serve.variables:
        raise UsageError(f"[serve] variables must not hold {KEY}: set it in the environment.")
    passed = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    # The same order of cards as nvidia-smi's; and no reports of use to anybody, unless wanted.
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "VLLM_NO_USAGE_STATS": "1", **passed, **serve.variables}
