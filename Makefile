# Every target does the set-up that it needs on a Debian with Rust; what it has to install it asks apt for,
# which wants root, as containers do.

CARGO   ?= cargo
PYTHON  ?= python3
PREFIX  ?= /usr/local
DESTDIR ?=

TARGET := $(or $(CARGO_TARGET_DIR),target)
VENV   := $(TARGET)/venv
WHEELS := $(TARGET)/wheels

# $(call install_package,PROGRAM,PACKAGE): the package, where the program is missing. Whoever else is installing something,
# as a machine does that has just come up, is waited for.
APT = apt-get -qq -o DPkg::Lock::Timeout=300
install_package = command -v $(1) >/dev/null || { $(APT) update && $(APT) install -y --no-install-recommends $(2); }

# One process a command: without the dynamic loader it starts half a millisecond sooner.
STATIC_CLI = $(CARGO) rustc --release --package xdocker-cli --bin xdocker -- -C target-feature=+crt-static

.PHONY: help demo test check rust-tests test-installed docs python-tests test-vm bench bench-many bench-images bench-python install root linker bench-files bench-srepo bench-network
.DEFAULT_GOAL := help

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: root linker ## Boot a container, talk to it, and leave nothing behind
	$(CARGO) run --quiet --package xdocker-examples --bin quickstart

test: root check rust-tests test-installed docs python-tests test-vm ## Run every check and every test

check: linker ## Check the format, the lints and, with cargo-deny, licences and advisories
	$(CARGO) fmt --all --check
	rustfmt --edition 2024 --config-path . --check xdockerinit/init/main.rs
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check; \
	 else echo 'cargo-deny is not installed: licences and advisories are not checked'; fi

rust-tests: root linker ## Run the tests of the workspace, doc tests included
	@$(call install_package,busybox,busybox-static)
	@$(call install_package,ip,iproute2)
	@$(call install_package,nft,nftables)
	@$(call install_package,iptables-legacy,iptables)
	@$(call install_package,setfattr,attr)
	@$(call install_package,ssh,openssh-client)
	@$(call install_package,/usr/sbin/sshd,openssh-server)
	@$(call install_package,setpriv,util-linux)
	@$(call install_package,strace,strace)
	@$(call install_package,zstd,zstd)
	@$(call install_package,tmux,tmux)
	@$(call install_package,mmdebstrap,mmdebstrap)
	@$(call install_package,ssh-keygen,openssh-client)
	@status=0; set -x; \
	$(CARGO) test --workspace --no-fail-fast || status=1; \
	XDOCKER_TEST_USERS=1 $(CARGO) test --workspace --no-fail-fast --test escapes --test sandbox --test session --test syscalls \
	  || status=1; \
	exit $$status

# Weak symbols of std and a whole-program optimizer can make of the static command another program than of a debug build.
test-installed: root linker ## Run tests of the command on the binary as it is installed
	@$(call install_package,busybox,busybox-static)
	@$(call install_package,ip,iproute2)
	@$(call install_package,nft,nftables)
	@$(call install_package,setfattr,attr)
	@$(call install_package,setpriv,util-linux)
	$(STATIC_CLI)
	XDOCKER_TEST_BINARY=$(abspath $(TARGET))/release/xdocker $(CARGO) test --package xdocker-cli --no-fail-fast \
	  --test quickstart --test lifecycle --test images --test files --test detached --test network --test userns

docs: linker ## Build the API documentation
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps

python-tests: root linker $(VENV)/ready ## Build the wheel, install it, and test what was installed
	@$(call install_package,busybox,busybox-static)
	@$(call install_package,ip,iproute2)
	@$(call install_package,ssh,openssh-client)
	@$(call install_package,ssh-keygen,openssh-client)
	@$(call install_package,/usr/sbin/sshd,openssh-server)
	rm -rf $(WHEELS)
	$(VENV)/bin/maturin build --quiet --manifest-path xdocker-py/Cargo.toml --out $(WHEELS)
	$(VENV)/bin/pip install --quiet --force-reinstall --no-deps $(WHEELS)/xdocker-*.whl
	$(VENV)/bin/mypy --config-file xdocker-py/pyproject.toml xdocker-py/tests examples/python benches/python
	$(VENV)/bin/mypy --config-file xdocker-py/pyproject.toml --package xdocker
	$(VENV)/bin/stubtest xdocker
	$(VENV)/bin/python xdocker-py/stub_docs.py --check
	$(VENV)/bin/basedpyright --project xdocker-py --pythonpath $(VENV)/bin/python
	mkdir -p /run/netns
	XDOCKER_WHEELS=$(abspath $(WHEELS)) unshare --mount sh -c 'mount -t tmpfs none /run/netns && exec "$$@"' sh \
	  $(VENV)/bin/pytest --quiet xdocker-py/tests

# `ensurepip` is what Debian keeps apart in python3-venv.
$(VENV)/ready: xdocker-py/requirements-dev.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(APT) update && $(APT) install -y --no-install-recommends python3-venv; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --requirement $<
	@touch $@

# What depends on the kernel and its cgroups.
VM_TESTS = --package xdocker-core --test limits --test faults --test sandbox \
  --test session --test crowd --package xdocker-cli --test quickstart --test resources --test network --test userns \
  --test ending --test restart --test volumes

# Debian's QEMU and its qemu-utils may be of different builds, and the second is not needed.
test-vm: root linker ## Run tests in a virtual machine, on a Debian kernel with cgroups of version 2 alone
	@$(call install_package,busybox,busybox-static)
	@$(call install_package,ip,iproute2)
	@$(call install_package,nft,nftables)
	@$(call install_package,setfattr,attr)
	@$(call install_package,setpriv,util-linux)
	@$(call install_package,mke2fs,e2fsprogs)
	@$(call install_package,qemu-system-x86_64,qemu-system-x86 qemu-utils-)
	$(CARGO) build --quiet --package xdocker-cli
	$(CARGO) test --no-run $(VM_TESTS) --message-format=json-render-diagnostics >$(TARGET)/vm-tests.json
	sed -n 's/.*"profile":{[^}]*"test":true}.*"executable":"\([^"]*\)".*/\1/p' $(TARGET)/vm-tests.json \
	  | xargs tests/vm/run $(TARGET)/vm $(TARGET)/debug/xdocker

bench: root linker ## Measure whole operations, beside crun, runc and the kernel's floor
	@$(call install_package,crun,crun)
	@$(call install_package,runc,runc)
	@$(call install_package,busybox,busybox-static)
	$(CARGO) build --release --quiet --package xdocker-bench
	$(STATIC_CLI)
	$(TARGET)/release/xdocker-bench

bench-many: root linker ## Measure a thousand containers at a time: what the last one costs beside the first, and all of them
	@$(call install_package,busybox,busybox-static)
	$(CARGO) build --release --quiet --package xdocker-bench
	$(STATIC_CLI)
	$(TARGET)/release/xdocker-bench many

bench-images: root linker ## Measure archives, copies and conversions of images, beside tar, pigz, umoci and cp
	@$(call install_package,pigz,pigz)
	@$(call install_package,umoci,umoci)
	@$(call install_package,mkfs.xfs,xfsprogs)
	$(CARGO) build --release --quiet --package xdocker-bench
	$(STATIC_CLI)
	$(TARGET)/release/xdocker-bench images

bench-python: root linker $(VENV)/ready ## Measure the Python module, beside the host and Rust
	@$(call install_package,busybox,busybox-static)
	rm -rf $(WHEELS)-release $(VENV)-release
	$(VENV)/bin/maturin build --release --quiet --manifest-path xdocker-py/Cargo.toml --out $(WHEELS)-release
	$(PYTHON) -m venv $(VENV)-release
	$(VENV)-release/bin/pip install --quiet --no-index --no-deps $(WHEELS)-release/xdocker-*.whl
	$(CARGO) build --release --quiet --package xdocker-bench --bin xdocker-lives
	$(VENV)-release/bin/python benches/python/bench.py $(WHEELS)-release/xdocker-*.whl $(TARGET)/release/xdocker-lives

bench-files: root linker ## Measure files in and out of containers and what goes through a pipe, beside cp, tar and cat
	$(CARGO) build --release --quiet --package xdocker-bench
	$(STATIC_CLI)
	$(TARGET)/release/xdocker-bench files

bench-network: root linker ## Measure containers on the bridge, a thousand mapped ports, and what gets through, beside rules like Docker's
	@$(call install_package,busybox,busybox-static)
	@$(call install_package,ip,iproute2)
	@$(call install_package,iperf3,iperf3)
	@$(call install_package,wrk,wrk)
	@$(call install_package,iptables-nft-restore,iptables)
	$(CARGO) build --release --quiet --package xdocker-bench
	$(STATIC_CLI)
	$(TARGET)/release/xdocker-bench network
	$(TARGET)/release/xdocker-bench throughput

bench-srepo: root linker ## Measure the ssh image repository, beside scp
	@$(call install_package,ssh,openssh-client)
	@$(call install_package,/usr/sbin/sshd,openssh-server)
	$(CARGO) build --release --quiet --package xdocker-bench
	$(STATIC_CLI)
	$(TARGET)/release/xdocker-bench srepo

install: linker ## Install the command and its scripts below $(DESTDIR)$(PREFIX)
	$(STATIC_CLI)
	install -D -m 0755 $(TARGET)/release/xdocker $(DESTDIR)$(PREFIX)/bin/xdocker
	install -m 0755 shbin/*.sh $(DESTDIR)$(PREFIX)/bin

root:
	@[ "$$(id -u)" = 0 ] || { echo 'containers need root, and so do their tests: run this as root, as in: sudo -E make $(MAKECMDGOALS)' >&2; exit 1; }

# Rust links with the C compiler.
linker:
	@$(call install_package,cc,gcc libc6-dev)
