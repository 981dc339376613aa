ARG FROM
FROM ${FROM} AS installed
ARG PYTHON
COPY wheels /wheels
# Pip first: the one that comes with an old interpreter doesn't know the tags of newer wheels.
RUN "${PYTHON}" -m venv /opt/miniconda3/envs/testbed \
 && cd /opt/miniconda3/envs/testbed/bin \
 && ./python -m pip install -q --no-deps --no-index /wheels/pip-*.whl \
 && ./python -m pip install -q --no-deps --no-index /wheels/*.whl

ARG FROM
FROM ${FROM}
COPY --from=installed /opt/miniconda3/envs/testbed /opt/miniconda3/envs/testbed
COPY pip.conf /opt/miniconda3/envs/testbed/pip.conf
