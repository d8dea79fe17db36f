# %% [markdown]
# # A container in four lines
#
# The cells of this file are those of a notebook (Jupyter, VS Code, Spyder); as a program, run as root, it does the same.

# %%
from __future__ import annotations

import tempfile

import xdocker

home = tempfile.TemporaryDirectory(prefix="xdocker-")
engine = xdocker.Engine(home.name)
image = engine.images.install_test("1.0.0")
print(f"{image}: {image.entries} entries, {image.size / 1e6:.0f} MB")

# %% [markdown]
# A container for a while: it goes with the variable, and with the interpreter.

# %%
c = engine.containers.run(image, hostname="notebook", memory="100M")
r = c.run(["hostname"], timeout=5)
print(r)

# %% [markdown]
# Anything goes in and comes out as it does with `subprocess`.

# %%
r = c.run(["sort", "-n"], input="10\n9\n1\n", text=True, check=True)
print([int(line) for line in r.stdout.splitlines()])

# %% [markdown]
# What it uses, and what runs in it.

# %%
sleeper = c.popen(["sleep", "60"], stdin=xdocker.DEVNULL)
for process in c.top():
    print(process.inner_pid, " ".join(process.command))
memory = c.stats().memory
if memory is not None:
    print(f"{memory.current >> 10} KiB of {memory.limit}")
sleeper.kill()
print("sleep ended with", sleeper.wait())

# %% [markdown]
# Errors are exceptions, with what one may do about it.

# %%
try:
    c.run(["python4"])
except xdocker.NotFound as error:
    print(type(error).__name__, "-", error)

# %%
c.destroy(force=True)
home.cleanup()
