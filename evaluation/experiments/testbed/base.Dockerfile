ARG FROM
FROM ${FROM}
# The scripts of the rows ask for this locale; the harness falls back to `patch` where git refuses a patch.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends locales patch >/dev/null \
 && rm -rf /var/lib/apt/lists/* \
 && localedef -i en_US -f UTF-8 en_US.UTF-8 \
 && chmod a+rx /root
COPY activate /opt/miniconda3/bin/activate
