ARG FROM
FROM ${FROM} AS installed
ARG PYTHON
COPY wheels /wheels
ARG WHOLE
# Through a link to its interpreter, as tox makes one, a virtual environment isn't found: then it is a whole copy.
RUN if [ -n "${WHOLE}" ]; then \
      mkdir -p /opt/miniconda3/envs && cp -a "${PYTHON%/bin/*}" /opt/miniconda3/envs/testbed \
      && /opt/miniconda3/envs/testbed/bin/python3 -m ensurepip; \
    else "${PYTHON}" -m venv /opt/miniconda3/envs/testbed; fi >/dev/null
# Pip first: the one that comes with an old interpreter doesn't know the tags of newer wheels.
RUN cd /opt/miniconda3/envs/testbed/bin \
 && ./python -m pip install -q --no-deps --no-index /wheels/pip-*.whl \
 && ./python -m pip install -q --no-deps --no-index /wheels/*.whl

ARG FROM
FROM ${FROM}
COPY --from=installed /opt/miniconda3/envs/testbed /opt/miniconda3/envs/testbed
COPY pip.conf /opt/miniconda3/envs/testbed/pip.conf
