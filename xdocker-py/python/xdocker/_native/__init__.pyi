from . import (
    archive,
    container,
    containers,
    doctor,
    engine,
    images,
    info,
    limits,
    network,
    process,
    run,
    sandbox,
    stats,
    top,
    watch,
)

__all__ = [
    "__version__",
    "archive",
    "container",
    "containers",
    "doctor",
    "engine",
    "images",
    "info",
    "limits",
    "network",
    "process",
    "run",
    "sandbox",
    "stats",
    "top",
    "watch",
]

__version__: str
