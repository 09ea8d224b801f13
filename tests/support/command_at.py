"""The command leaselock, run as a user does, on the store at a URL."""
import os
import subprocess


def run_at(command, url, *words):
    """No setting of this environment's counts."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEASELOCK_")}
    return subprocess.run([command, "--url", url, *words], env=environment, text=True, capture_output=True,
                          timeout=50, check=False)
