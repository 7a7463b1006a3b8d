# SPDX-License-Identifier: GPL-2.0
#
# "make help" lists the targets. Everything that gets built is in build/; the
# kernels that it is built for come from a cache, see scripts/kernels.

# The kernel to build for or to test on: one that scripts/kernels lists, or
# "running", the machine's own, to build and install for.
KERNEL ?= stock
PREFIX ?= /usr/local
DESTDIR ?=

MAKEFLAGS += --no-builtin-rules
top := $(CURDIR)
home := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)
cache := $(if $(KDTLS_CACHE),$(KDTLS_CACHE),$(home)/kdtls)
out := build/$(KERNEL)
kdir := $(cache)/kernels/$(KERNEL)
version = $(if $(filter running,$(KERNEL)),$$(uname -r),$$(cat $(kdir)/version))
selftests := $(cache)/src/linux-source-6.1/tools/testing/selftests
Q := $(if $(V),,@)

export KDTLS_TOP := $(top)
# Where the kselftest_harness.h of the kernel is.
export KSELFTEST_DIR := $(selftests)
export PREFIX DESTDIR

.PHONY: all setup module user tests check check-debug check-all fuzz demo lint \
	install uninstall clean distclean help

all: module user tests ## build the module for KERNEL (stock), the library, the tests

setup: ## install the Debian packages that are missing (as root)
	$(Q)scripts/setup

module: ## build the module for KERNEL
	$(Q)[ $(KERNEL) = running ] || scripts/kernels ensure $(KERNEL)
	$(Q)$(MAKE) $(if $(V),,-s) --no-print-directory -f $(top)/Makefile \
		KERNEL=$(KERNEL) $(out)/.module

# Rebuilt only if something is newer: entering the kernel's build system
# takes longer than all the rest of a run.
sources = $(shell find kernel include -type f -name '[!.]*' 2>/dev/null)

$(out)/.module: $(sources) Makefile scripts/build-module $(if $(filter running,$(KERNEL)),,$(kdir)/ready)
	@echo "  MODULE  $(KERNEL)" >&2
	$(Q)+scripts/build-module $(KERNEL) $(if $(V),,-s)

user: ## build the library and the programs
	$(Q)$(MAKE) --no-print-directory -C user

tests: user ## build the tests
	$(Q)scripts/kernels source 6.1 >/dev/null
	$(Q)$(MAKE) --no-print-directory -C user tests
	$(Q)$(MAKE) --no-print-directory -C selftests

check: ## build all and run every test, those of the kernel in a VM on stock
	$(Q)scripts/setup build vm test
	$(Q)$(MAKE) --no-print-directory all KERNEL=stock
	$(Q)scripts/check --host -k stock

check-debug: ## run the tests of the kernel on one with KASAN, lockdep, kmemleak, ...
	$(Q)scripts/setup build vm test
	$(Q)$(MAKE) --no-print-directory all KERNEL=debug
	$(Q)scripts/check -k debug

check-all: ## run every test, those of the kernel on all kernels
	$(Q)scripts/setup build vm test
	$(Q)$(MAKE) --no-print-directory all KERNEL=stock
	$(Q)scripts/check --host -k stock -k 6.12 -k plain -k debug

fuzz: ## feed what reads the network's bytes with millions of inputs, for 5 minutes
	$(Q)scripts/setup build
	$(Q)$(MAKE) --no-print-directory -C selftests fuzz
	$(Q)build/selftests/host/fuzz --full

demo: ## show what the module does
	$(Q)scripts/setup build vm test
	$(Q)$(MAKE) --no-print-directory all KERNEL=stock
	$(Q)scripts/demo

lint: ## check the style of all sources, and run sparse and coccinelle
	$(Q)scripts/setup build lint
	$(Q)scripts/lint

install: module user ## install in PREFIX, the module in /lib/modules, all below DESTDIR
	$(Q)$(MAKE) --no-print-directory -C user install
	$(Q)set -e; version=$(version); \
	dir=$(DESTDIR)/lib/modules/$$version; \
	install -D -m 644 -t $$dir/updates $(out)/root/lib/modules/$$version/updates/*.ko; \
	if [ ! "$(DESTDIR)" ] && [ -f $$dir/modules.dep ]; then depmod $$version; fi

uninstall: ## remove what install has installed
	$(Q)$(MAKE) --no-print-directory -C user uninstall
	$(Q)set -e; version=$(version); \
	dir=$(DESTDIR)/lib/modules/$$version; \
	rm -f $$dir/updates/kdtls.ko; \
	if [ ! "$(DESTDIR)" ] && [ -f $$dir/modules.dep ]; then depmod $$version; fi

clean: ## remove what has been built, but the logs of VMs
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name vm -exec rm -rf {} + 2>/dev/null || :

distclean: ## remove build/; the kernels in the cache stay
	$(Q)rm -rf build

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(top)/Makefile
	@echo
	@echo "  KERNEL=NAME  one of those that scripts/kernels lists (stock), or running"
	@echo "  V=1          show the commands"
