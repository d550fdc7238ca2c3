# The commands of a working day. `make check` needs neither root nor a lab; `make test` sets up all it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: check format test demo bench pages deb wheelhouse package-test fuzz harm matrix inject vlan-lab-test sriov-test reboot-test clean docs

check: .venv/ready
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 --cov --cov-report=term:skip-covered

format: .venv/ready
	$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

.venv/ready: pyproject.toml requirements.lock
	tests/setup venv

pages: .venv/ready
	$(BIN)/python -m docs.fault_pages
	$(BIN)/python -m docs.cli_words
	$(BIN)/python -m docs.shared_files

# The documentation as a site, in build/site.
docs: .venv/ready
	$(BIN)/mkdocs build -q

# Debian packages for bookworm and trixie in build/, and what becomes of them in fresh trees, as root.
deb: .venv/ready
	packaging/build deb

wheelhouse: .venv/ready
	packaging/build wheelhouse

package-test: .venv/ready
	packaging/build wheelhouse
	packaging/build deb
	packaging/test

test:
	tests/setup test

# With RUNTIME=incus the lab is run by Incus instead of LXD.
demo:
	HOMELAB_RUNTIME=$(RUNTIME) tests/setup demo

bench: .venv/ready .bench/ready
	$(BIN)/python bench/run.py
	$(BIN)/python bench/against.py
	$(BIN)/python -m bench.batches
	$(BIN)/python -m bench.scale

# What homelab is compared with has a place of its own.
.bench/ready: bench/peers/requirements.txt
	$(PYTHON) -m venv .bench
	.bench/bin/pip install -q -r bench/peers/requirements.txt
	touch .bench/ready

# The model against the kernel, as root: for ever, or `make fuzz PAIRS=100000 SEED=0`. What is wrong lands in tests/cases/.
fuzz: .venv/ready
	$(BIN)/python -m tests.kernel.fuzz $(or $(PAIRS),0) $(or $(SEED),0)

# Every operation of an apply on the real lab, as root, with every kind of harm at that moment: about an hour.
harm: .venv/ready
	HOMELAB_HARM=all $(BIN)/pytest -q -m lab tests/live/test_live_harm.py

# Every fault of the table on the real lab, as root, those too that take long.
inject: .venv/ready
	HOMELAB_INJECT=all $(BIN)/pytest -q -m lab tests/live/test_live_inject.py

# A machine with systemd, LXD, a guest and a container in a virtual machine, as root: applied, rebooted, and asked again.
reboot-test: .venv/ready
	tests/vm/vm prepare
	tests/vm/reboot

# A real LXD guest with dockerd in VLAN 20, in the virtual machine (written; not yet run to its end).
vlan-lab-test: .venv/ready
	tests/vm/vm prepare
	tests/lab/lab images
	HOMELAB_VM_MEMORY=5G tests/vm/vm run $(BIN)/pytest -q -m vmlab tests/vm/test_vm_guest.py

# An SR-IOV card and a real LXD guest on it, in the virtual machine, with QEMU 10 out of a tree of Debian 13.
sriov-test: .venv/ready
	tests/vm/vm prepare-card
	HOMELAB_VM_CARD=1 HOMELAB_VM_MEMORY=4G tests/vm/vm run $(BIN)/pytest -q -m vmlab tests/vm/test_vm_sriov.py

# Real guests in 160 states on the real lab, as root, every flow by a real packet: an hour. `make matrix CASES="ufw macvlan"`.
matrix: .venv/ready
	tests/lab/lab up
	tests/lab/lab host -- $(BIN)/python -m tests.live.matrix .matrix $(CASES)

clean:
	tests/lab/lab down || true
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache .coverage
