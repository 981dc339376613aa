# swe-scale itself as an image: small, for an ordinary user, without a compiler or an installer. It holds the wheel in
# dist/, so that what was tested is what runs (python -m hatchling build). docs/container.md says how it is used.
# The images in which code under test runs are another matter: see sandboxes/images/.
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE} AS build
# As pip knows them: where packages come from, if not from its default.
ARG PIP_INDEX_URL=
ARG PIP_NO_INDEX=
ARG PIP_FIND_LINKS=
COPY requirements.lock dist/ /dist/
RUN python3 -m venv /opt/swe-scale && \
    /opt/swe-scale/bin/python -m pip install --quiet --no-cache-dir --require-hashes --only-binary :all: \
        --requirement /dist/requirements.lock && \
    /opt/swe-scale/bin/python -m pip install --quiet --no-cache-dir --no-index --no-deps /dist/swe_scale-*.whl && \
    /opt/swe-scale/bin/python -m pip uninstall --quiet --yes pip setuptools

FROM ${BASE}
# What the base lacks.
ARG PACKAGES=git
RUN if [ -n "${PACKAGES}" ]; then \
        apt-get update && apt-get install --yes --no-install-recommends ${PACKAGES} && rm -rf /var/lib/apt/lists/*; \
    fi && \
    useradd --uid 10001 --create-home --shell /usr/sbin/nologin swe-scale && \
    install --directory --owner swe-scale --group swe-scale /work && \
    # Whoever runs it (docker run --user) has a home there.
    chmod 1777 /home/swe-scale
COPY --from=build /opt/swe-scale /opt/swe-scale
ENV PATH=/opt/swe-scale/bin:${PATH} HOME=/home/swe-scale
USER 10001
WORKDIR /work
ENTRYPOINT ["swe-scale"]
CMD ["--help"]
