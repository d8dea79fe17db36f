"""Keyword arguments that several calls take, as types: for who wants to pass them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Optional, TypedDict, Union

__all__ = ["Amount", "ContainerOptions", "LimitOptions", "PathArgument", "ProgramOptions", "Volumes"]

PathArgument = Union[str, "PathLike[str]"]
"""A path, or a word of a command line."""

Amount = Union[int, str]
"""A number, or a text of one with a unit."""


Volumes = Union[Mapping[Any, PathArgument], Sequence[str]]
"""Directories and files of the host by their places inside, which may end in ``:ro``; or ``HOST:INSIDE[:ro]``."""


class ProgramOptions(TypedDict, total=False):
    """How a program is started."""

    shell: bool
    """Whether what is run is a line for the image's shell, and not a list of words."""
    env: Optional[Mapping[str, str]]
    """Variables of its environment, beside ``PATH`` and ``HOME``."""
    workdir: Optional[PathArgument]
    """Its working directory, an absolute path inside; ``/`` otherwise."""
    user: Optional[str]
    """A name or number of the image's, and perhaps a group's: ``"www"``, ``"33:33"``. Root otherwise."""


class LimitOptions(TypedDict, total=False):
    """What a container may use. What is left out, or ``None``, is not said."""

    cpus: Optional[Amount]
    """CPU cores that it may use: a number of one, or a text such as ``"0-1,4"``."""
    cpu_quota: Optional[str]
    """Share of the time of one CPU core, such as ``"50%"``, or ``"150%"`` for one core and a half."""
    cpu_weight: Optional[Amount]
    """Share of the CPU among those who want it at a time, from 1 to 10000; 100 is usual."""
    memory: Optional[Amount]
    """Bytes of memory, swap included, or a text such as ``"100M"``."""
    memory_reservation: Optional[Amount]
    """Bytes of memory that are left to it when the host runs short of it, or a text such as ``"100M"``."""
    pids: Optional[Amount]
    """Number of processes and threads, or ``"max"``."""
    io_weight: Optional[Amount]
    """Share of the disks among those who want them at a time, from 1 to 10000; 100 is usual."""
    io_max: Sequence[str]
    """Bytes and operations of disks in a second, such as ``"/dev/sda:wbps=10M,riops=100"``, or with any path on one."""


class ContainerOptions(LimitOptions, total=False):
    """What a container is to be. What is left out is as it would be with the command ``xdocker``."""

    name: Optional[str]
    """Its name; otherwise that of its top image."""
    hostname: Optional[str]
    """Its host name; otherwise its name."""
    net: Optional[Literal["HOST", "CUSTOM", "BRIDGE"]]
    """The host's network, a network namespace for oneself to set up, or a place on the bridge. ``HOST`` otherwise."""
    vip: Optional[str]
    """With ``BRIDGE``: its address; otherwise the next free one."""
    vip6: Optional[str]
    """With ``BRIDGE``, where that has IPv6: its address; otherwise the one with the number of the other."""
    ports: Union[str, Mapping[int, int], None]
    """With ``BRIDGE``: the host's TCP ports that lead into it, as ``{8080: 80}``; or a text such as
    ``"127.0.0.1:53:5353/udp"``."""
    host_eth: Optional[str]
    """With ``BRIDGE``: the interface of the host by which alone it gets out; otherwise any."""
    tmpfs: Sequence[PathArgument]
    """Directories of the image that lie in memory."""
    volumes: Volumes
    """Directories, files and sockets of the host that it has: ``{"/on/the/host": "/inside"}``, or ``"/inside:ro"``."""
    log: Optional[Amount]
    """How much of what it prints is kept: bytes, or a text such as ``"16M"``, or ``"none"``."""
    restart: Optional[str]
    """Whether it is started again when it has ended: ``no``, ``on-failure``, ``on-failure:N`` or ``always``. Only for
    containers that stay."""
    stop_signal: Optional[int]
    """The signal that asks it to end, such as ``signal.SIGINT``; SIGTERM otherwise."""
    read_only: bool
    """Whether its root is read-only, with ``/tmp`` and ``/run`` in memory."""
    privileged: bool
    """Whether there is as good as no sandbox: root inside is root outside then."""
    userns: Optional[Literal["host", "auto"]]
    """``auto`` for users of its own, so that root inside is nobody outside; those of the host otherwise."""
    cap_add: Sequence[str]
    """Capabilities that its processes have beside the default ones, such as ``"NET_RAW"``."""
    cap_drop: Sequence[str]
    """Capabilities that they do not have; with ``["ALL"]`` they have those of ``cap_add`` alone."""
    seccomp: Optional[PathArgument]
    """The file of a filter of system calls, as Docker has them, or ``"unconfined"``."""
    new_privileges: Optional[bool]
    """Whether set-uid programs and file capabilities work inside."""
    masks: Optional[bool]
    """Whether paths of /proc and /sys that tell about the host, or can hurt it, are hidden or read-only."""
    core_dumps: Optional[bool]
    """Whether its processes may dump core."""
