# The command line of Outcrop, as a user that is not root. docs/how-to/install.md says how it is built and run.

FROM python:3.11-slim AS build

# Another index for pip, such as the one with PyTorch's CPU build; and extras of Outcrop, with commas between them.
ARG PIP_EXTRA_INDEX_URL
ARG EXTRAS

WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/outcrop \
  && /opt/outcrop/bin/python -m pip install --no-cache-dir --disable-pip-version-check -c constraints.txt ".${EXTRAS:+[$EXTRAS]}"

FROM python:3.11-slim

COPY --from=build /opt/outcrop /opt/outcrop
RUN useradd --uid 1000 --create-home outcrop && install --directory --owner outcrop --group outcrop /home/outcrop/data
ENV PATH="/opt/outcrop/bin:$PATH" \
    OUTCROP_HOME=/home/outcrop/data \
    PYTHONUNBUFFERED=1

USER 1000:1000
WORKDIR /home/outcrop
VOLUME /home/outcrop/data
ENTRYPOINT ["outcrop"]
CMD ["--help"]
