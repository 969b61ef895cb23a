"""The labels by which Compose knows what is its own, named as in ``docker/compose`` ``pkg/api/labels.go``."""

from typing import Final

PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
NUMBER: Final = "com.docker.compose.container-number"
ONE_OFF: Final = "com.docker.compose.oneoff"
CONFIG_HASH: Final = "com.docker.compose.config-hash"
IMAGE: Final = "com.docker.compose.image"
DEPENDS_ON: Final = "com.docker.compose.depends_on"
WORKING_DIRECTORY: Final = "com.docker.compose.project.working_dir"
CONFIG_FILES: Final = "com.docker.compose.project.config_files"
ENVIRONMENT_FILE: Final = "com.docker.compose.project.environment_file"
VERSION: Final = "com.docker.compose.version"
REPLACES: Final = "com.docker.compose.replace"
NETWORK: Final = "com.docker.compose.network"
VOLUME: Final = "com.docker.compose.volume"

PREFIX: Final = "com.docker.compose."
"""What all of them begin with; a user's own labels do not."""
