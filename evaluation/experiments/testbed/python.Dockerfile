ARG FROM
FROM ${FROM}
ARG AT
ADD python.tar ${AT}
