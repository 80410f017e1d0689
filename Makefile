# Two commands set everything up on a bare Debian 12 (as root; otherwise the missing apt-get line is printed):
#   make demo   install, unpack a sample disk, look into it, scan it, verify the store
#   make test   install, then lint, types, floors and the whole test suite

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

# What a run needs, and what the tests need besides: builders of sample images, and readers that we did not write.
RUN_PACKAGES := python3 python3-venv libwim15 libfuse2 fuse3
TEST_PACKAGES := ntfs-3g wimtools qemu-utils libnbd-bin ewf-tools sleuthkit libhivex-bin libwin-hivex-perl gdisk fdisk \
                 dosfstools exfatprogs mtools xz-utils mount libxml2-utils age p7zip-full attr chromium \
                 gcc libc6-dev unzip openssh-client file fonts-dejavu-core

DISK := .cache/sample_images/desk/raw/desk.raw
STORE := .cache/demo

.PHONY: demo test install clean

demo: export PACKAGES := $(RUN_PACKAGES)
demo: install
	$(BIN)/python -c 'import sample_images; print(sample_images.unpack("desk"))'
	$(BIN)/coldstate inspect $(DISK)
	rm -rf $(STORE)
	@echo '$$ coldstate scan $(DISK) --store $(STORE) --continue'
	@$(BIN)/coldstate scan $(DISK) --store $(STORE) --continue; code=$$?; \
	  echo "exit code $$code (3: something could not be stored, and it was named above)"; [ $$code -eq 3 ]
	$(BIN)/coldstate store verify $(STORE)
	$(BIN)/coldstate custody verify $(STORE)
	$(BIN)/coldstate report $(STORE)

test: export PACKAGES := $(RUN_PACKAGES) $(TEST_PACKAGES)
test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy extractor plugins tests sample_images bench
	$(BIN)/lint-imports
	$(BIN)/pytest

install: .ci/packages
	@.ci/packages $$PACKAGES
	@$(MAKE) --no-print-directory .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
