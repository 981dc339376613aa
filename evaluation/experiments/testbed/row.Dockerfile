ARG FROM
FROM ${FROM}
COPY testbed /testbed
WORKDIR /testbed
ARG PREPARE=:
RUN PATH="/opt/miniconda3/envs/testbed/bin:$PATH" && export LC_ALL=C.UTF-8 \
 && eval "${PREPARE}" \
 && python -m pip install -q -e . \
 && git status --porcelain > /tmp/status && cat /tmp/status && test ! -s /tmp/status && rm /tmp/status
