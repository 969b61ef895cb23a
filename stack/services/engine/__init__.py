"""Compose services as containers, through the Docker SDK: observe, plan, execute; pull, logs."""
