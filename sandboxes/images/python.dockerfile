# What set-up of a Python project needs, added to a Debian-like base that lacks some of it.
# BASE: the image to start from. MISSING: what it lacks, in the words of probe.sh. SOURCES: lines for apt
# in place of the base's own. PACKAGES: Debian packages to add besides. OWNER: the base's own user. certificates.crt: what apt trusts for https, or empty.
ARG BASE
FROM ${BASE}
LABEL swe-scale.base=built
ARG MISSING
ARG PACKAGES=
ARG SOURCES=
ARG OWNER=root
USER root
COPY certificates.crt /run/swe-scale-build/certificates.crt
RUN set -eu; \
    cd /run/swe-scale-build; \
    packages="$PACKAGES"; \
    for need in $MISSING; do \
      case $need in \
        certificates) packages="$packages ca-certificates" ;; \
        compiler) packages="$packages gcc libc6-dev" ;; \
        git) packages="$packages git" ;; \
        make) packages="$packages make" ;; \
        python) packages="$packages python3 python3-dev python3-pip python3-venv" ;; \
        *) echo "no package is known for $need" >&2; exit 1 ;; \
      esac; \
    done; \
    printf 'Acquire::Retries "3";\n' >settings; \
    if [ -s certificates.crt ]; then \
      printf 'Acquire::https::CAInfo "/run/swe-scale-build/certificates.crt";\n' >>settings; \
    fi; \
    if [ -n "$SOURCES" ]; then \
      printf '%s\n' "$SOURCES" >sources.list; \
      printf 'Dir::Etc::SourceList "/run/swe-scale-build/sources.list";\nDir::Etc::SourceParts "/dev/null";\n' \
        >>settings; \
    fi; \
    export APT_CONFIG=/run/swe-scale-build/settings DEBIAN_FRONTEND=noninteractive; \
    apt-get update; \
    apt-get install --yes --no-install-recommends $packages; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/cache/apt/*.bin /run/swe-scale-build
USER ${OWNER}
