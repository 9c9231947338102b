# troupe: build, tests and checks.
#
#   make                 the programs, in bin/
#   make demo            installs what is missing, builds, shows a workflow running
#   make test            installs what is missing, builds, then every check and test
#   make help            the rest
#
# MODE=asan builds with sanitizers into bin-asan/. Flags and libraries: mk/flags.mk.

include mk/flags.mk

# Parallel; a -j on the command line wins, and makes called by this one share its jobs.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# BUILD=/elsewhere puts everything there, programs included: two builds of one checkout side by side.
export BUILD ?= build
B := $(BUILD)/$(MODE)
BIN := $(if $(filter build,$(BUILD)),,$(BUILD)/)$(BIN_$(MODE))
GEN := $(BUILD)/gen

# Lowest last: an archive may only need those to its right (tests/check/layers.py says the same of
# includes).
LAYERS := api worker supervisor exec libtroupe jq http process store protocol graph schema cel base

PROGRAMS := $(sort $(patsubst cmd/%/,%,$(dir $(wildcard cmd/*/*.c))))
LUA := $(wildcard lua/*.lua)
LUA_INCLUDES := $(wildcard lua/include/*.lua)
SQL := $(wildcard migrations/*.sql migrations/views/*.sql)

objects = $(patsubst %,$(B)/%.o,$(basename $(1)))
layer_objects = $(call objects,$(wildcard lib/$(1)/*.c lib/$(1)/*.cc)) $(GEN_OBJECTS_$(1))
GEN_OBJECTS_protocol := $(B)/gen/scripts.o
GEN_OBJECTS_store := $(B)/gen/migrations.o
LIB_OBJECTS := $(foreach l,$(LAYERS),$(call layer_objects,$(l)))

UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
UNIT_BINARIES := $(patsubst %.c,$(B)/%,$(UNIT_SOURCES))
# What is not a test_*.c is shared by all of them.
UNIT_SUPPORT := $(call objects,$(filter-out $(UNIT_SOURCES),$(wildcard tests/unit/*.c)))

.PHONY: all
all: $(addprefix $(BIN)/,$(PROGRAMS))

# --- Compiling -----------------------------------------------------------------------------------

.PHONY: check-deps FORCE
check-deps:
	@scripts/install-deps --check build

# Rewritten only when the flags change; every object depends on it.
$(B)/flags: FORCE | check-deps
	@mkdir -p $(@D)
	@echo '$(CC) $(CXX) $(CPPFLAGS) $(C_FLAGS) $(CXX_FLAGS)' > $@.new
	@if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CPPFLAGS) $(C_FLAGS) -MMD -MP -c -o $@ $<

$(B)/%.o: %.cc $(B)/flags
	@mkdir -p $(@D)
	@echo "  CXX     $<"
	@$(CXX) $(CPPFLAGS) $(CXX_FLAGS) -MMD -MP -c -o $@ $<

$(B)/gen/%.o: $(GEN)/%.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CPPFLAGS) $(C_FLAGS) -MMD -MP -c -o $@ $<

# The list of sources is a prerequisite of its own, so that a removed file is noticed too.
$(GEN)/%.list: FORCE
	@mkdir -p $(@D)
	@echo '$(LUA) $(LUA_INCLUDES) $(SQL)' > $@.$(MODE)
	@if cmp -s $@.$(MODE) $@; then rm -f $@.$(MODE); else mv $@.$(MODE) $@; fi

$(GEN)/scripts.c: scripts/embed $(LUA) $(LUA_INCLUDES) $(GEN)/sources.list
	@echo "  EMBED   lua/"
	@scripts/embed lua lua $@ $(GEN)/lua

$(GEN)/migrations.c: scripts/embed $(SQL) $(GEN)/sources.list
	@echo "  EMBED   migrations/"
	@scripts/embed sql migrations $@

.PHONY: generated
generated: $(GEN)/scripts.c $(GEN)/migrations.c

# --- Linking -------------------------------------------------------------------------------------

$(B)/libtroupe.a: $(LIB_OBJECTS)
	@echo "  AR      $@"
	@rm -f $@
	@ar qcs $@ $^ # q: two layers may have files of the same name

# cmd/NAME/*.c make NAME. g++ links, for RE2.
define program_rule
$(BIN)/$(1): $$(call objects,$$(wildcard cmd/$(1)/*.c)) $(B)/libtroupe.a
	@mkdir -p $$(@D)
	@echo "  LINK    $$@"
	@$(CXX) $(LINK_FLAGS) $$(LINK_$(1)) -o $$@ $$^ $(PKG_LIBS)
endef
# What plugins call.
LINK_troupe-worker := -Wl,--export-dynamic-symbol='troupe_*'
$(foreach p,$(filter-out troupe-jq,$(PROGRAMS)),$(eval $(call program_rule,$(p))))

# --- libtroupe: the library for workers in C ------------------------------------------------------

# Of ours it has what it needs and shows only troupe_*: see lib/libtroupe/troupe.h.
SDK := $(B)/sdk
SDK_ABI := $(shell sed -n 's/^.define TROUPE_ABI //p' lib/libtroupe/troupe.h)
SDK_BASE := arena buf clock digits err hash json json_keys json_read json_scan json_write
SDK_SOURCES := $(wildcard lib/libtroupe/*.c) $(SDK_BASE:%=lib/base/%.c) \
               $(patsubst %,lib/protocol/%.c,decimal redis_url reply)
SDK_OBJECTS := $(patsubst %.c,$(B)/pic/%.o,$(SDK_SOURCES))
SDK_FLAGS := -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections
SDK_LIBS := $(shell pkg-config --libs hiredis 2>/dev/null) -lpthread -lm
# Sanitizers leave theirs to the program.
SDK_WHOLE_release := -Wl,-z,defs
SDK_PUBLIC := troupe_worker_* troupe_task_*

$(B)/pic/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC      $< (for libtroupe)"
	@$(CC) $(CPPFLAGS) $(C_FLAGS) $(SDK_FLAGS) -MMD -MP -c -o $@ $<

$(SDK)/libtroupe.so.$(SDK_ABI): $(SDK_OBJECTS) lib/libtroupe/exports.map
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(LINK_FLAGS) $(SDK_WHOLE_$(MODE)) -shared -Wl,-soname,$(@F) -Wl,--version-script=lib/libtroupe/exports.map \
	    -Wl,--gc-sections -o $@ $(SDK_OBJECTS) $(SDK_LIBS)
	@ln -sf $(@F) $(SDK)/libtroupe.so

# One object, whose other names are nobody's.
$(SDK)/libtroupe.a: $(SDK_OBJECTS)
	@mkdir -p $(@D)
	@echo "  AR      $@"
	@ld -r -o $(SDK)/libtroupe.o $^
	@objcopy --wildcard $(SDK_PUBLIC:%=--keep-global-symbol='%') $(SDK)/libtroupe.o
	@rm -f $@
	@ar rcs $@ $(SDK)/libtroupe.o

.PHONY: libtroupe
libtroupe: $(SDK)/libtroupe.so.$(SDK_ABI) $(SDK)/libtroupe.a
all: libtroupe

# --- Installing -----------------------------------------------------------------------------------

PREFIX ?= /usr/local
VERSION := $(shell sed -n 's/^.define TROUPE_VERSION "\(.*\)"/\1/p' lib/base/version.h)

.PHONY: install install-libtroupe
install: all install-libtroupe
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(addprefix $(BIN)/,$(PROGRAMS)) $(DESTDIR)$(PREFIX)/bin

install-libtroupe: libtroupe
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,include lib/pkgconfig share/man/man3)
	install -m 644 lib/libtroupe/troupe.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(SDK)/libtroupe.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(SDK)/libtroupe.so.$(SDK_ABI) $(DESTDIR)$(PREFIX)/lib
	ln -sf libtroupe.so.$(SDK_ABI) $(DESTDIR)$(PREFIX)/lib/libtroupe.so
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' lib/libtroupe/libtroupe.pc.in \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/libtroupe.pc
	install -m 644 docs/man/troupe.3 $(DESTDIR)$(PREFIX)/share/man/man3

# troupe-jq alone has libjq, and nothing of ours. The same in all modes: a sanitizer's address space
# and system calls do not go with its limits, and what is tested is to be what is shipped.
JQ_OBJECTS := $(patsubst %.c,$(B)/jq/%.o,$(wildcard cmd/troupe-jq/*.c))

$(B)/jq/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) -Ilib $(JQ_C_FLAGS) -MMD -MP -c -o $@ $<

$(BIN)/troupe-jq: $(JQ_OBJECTS)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) $(JQ_LINK_FLAGS) -o $@ $^ $(JQ_LIBS)

# Unit tests find it beside themselves.
$(B)/tests/unit/troupe-jq: $(BIN)/troupe-jq
	@mkdir -p $(@D)
	@cp $< $@

# A unit test is linked with the layers that it includes and those below them, one archive each: a
# test of base needs no worker, and a layer that reaches upwards does not link.
define layer_rule
$(B)/layer_$(1).a: $$(call layer_objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

lower_base := base
lower_jq := jq base
lower_http := http base
lower_process := process base
lower_cel := cel $(lower_base)
lower_schema := schema $(lower_base)
lower_graph := graph schema $(lower_cel)
lower_protocol := protocol $(lower_graph)
lower_libtroupe := libtroupe base
lower_exec := exec libtroupe jq http process $(lower_graph)
lower_store := store $(lower_protocol)
lower_worker := worker exec libtroupe jq http process $(lower_store)
lower_supervisor := supervisor exec libtroupe jq http process $(lower_store)
lower_api := api worker supervisor exec libtroupe jq http process $(lower_store)

layers_of = $(shell sed -nE 's|^\#include "([a-z]+)/.*|\1|p' $(1))
archives_of = $(foreach l,$(LAYERS),$(if $(filter $(l),base $(foreach u,$(sort $(2)),$(lower_$(u)))),$(B)/layer_$(l).a))
define unit_rule
$(B)/$(1): $(B)/$(1).o $(UNIT_SUPPORT) $$(call archives_of,$(1),$(call layers_of,$(1).c $(wildcard tests/unit/*.h))) | $(B)/tests/unit/troupe-jq
	@echo "  LINK    $$@"
	@$(CXX) $(LINK_FLAGS) -o $$@ $$^ $(TEST_LIBS) $(PKG_LIBS)
endef
$(foreach t,$(UNIT_SOURCES:.c=),$(eval $(call unit_rule,$(t))))

TEST ?=
.PHONY: unit-binaries
unit-binaries: $(if $(TEST),$(filter %/$(TEST),$(UNIT_BINARIES)),$(UNIT_BINARIES))

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- Tests and checks ----------------------------------------------------------------------------

# Tests run against the asan build unless MODE was given.
TEST_MODE := $(if $(filter file,$(origin MODE)),asan,$(MODE))
RUN_TESTS := $(PYTHON) scripts/run-tests --mode $(TEST_MODE) $(if $(TEST),--test '$(TEST)')

# clang-tidy takes five minutes where nothing is cached: make lint has it, and so has CI.
.PHONY: test unit integration lint format
test:
	@scripts/install-deps build run test lint
	@+$(RUN_TESTS) --without tidy build lint unit fuzz integration

unit:
	@scripts/install-deps --check build test
	@+$(RUN_TESTS) unit

integration:
	@scripts/install-deps --check build run test
	@+$(RUN_TESTS) integration

# Longer than a test may take. LAB="--seed N --only WORD" says which and how (tests/lab/run).
HOURS ?= 8
LAB ?=
.PHONY: lab lab-short lab-chaos
lab-short:
	@scripts/install-deps build run test model fuzz
	@$(PYTHON) -B tests/lab/run --minutes 29 $(LAB)

lab:
	@scripts/install-deps build run test model fuzz
	@$(PYTHON) -B tests/lab/run --hours $(HOURS) $(LAB)

# Random flows while everything is killed, against the same build as the tests. LAB_SEED=N LAB_RUNS=N
# LAB_ROUNDS=N LAB_HOURS=N: see tests/lab/test_chaos.py.
lab-chaos:
	@scripts/install-deps --check build run test
	@+$(MAKE) --no-print-directory MODE=$(TEST_MODE) all
	@TROUPE_BIN_DIR=$(if $(filter build,$(BUILD)),$(CURDIR),$(BUILD))/$(BIN_$(TEST_MODE)) \
	    $(PYTHON) -B -m pytest -p no:cacheprovider -q -s --tb=short tests/lab/test_chaos.py

# --- Schedules -----------------------------------------------------------------------------------

# The worker and the supervisor in one process whose ways out are the scheduler's: its own link.o and
# redis.o stand before ours, libpq's statements and poll are wrapped. See tests/schedules/sim.h.
SCHEDULES_WRAP := -Wl,--wrap=poll,--wrap=__poll_chk,--wrap=PQsendQuery,--wrap=PQsendQueryParams,--wrap=PQconnectStartParams,--wrap=PQfinish,--wrap=exec_is_instant
SCHEDULES_SOURCES := $(filter-out %/clock_preload.c,$(wildcard tests/schedules/*.c))
$(B)/tests/schedules/schedules: $(call objects,$(SCHEDULES_SOURCES)) $(B)/libtroupe.a
	@echo "  LINK    $@"
	@$(CXX) $(LINK_FLAGS) $(SCHEDULES_WRAP) -o $@ $^ $(PKG_LIBS)

# Into servers that know no sanitizer.
$(B)/tests/schedules/clock_preload.so: tests/schedules/clock_preload.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	@$(CC) -std=gnu17 -D_GNU_SOURCE= -O2 $(C_WARNINGS) $(WERROR_FLAG) -fPIC -shared -o $@ $<

.PHONY: schedules-programs schedules
schedules-programs: $(B)/tests/schedules/schedules $(B)/tests/schedules/clock_preload.so

# SCHEDULES=20000 SEED=1000: that many, from that seed.
SCHEDULES ?= 20000
SEED ?= 1
FLOWS ?= $(SEED)
schedules:
	@scripts/install-deps --check build run test
	@+$(MAKE) --no-print-directory MODE=release all schedules-programs
	@SCHEDULES=$(SCHEDULES) SCHEDULES_SEED=$(SEED) SCHEDULES_FLOWS=$(FLOWS) $(if $(TRACE),TRACE=1) \
	 $(PYTHON) -B -m pytest -p no:cacheprovider -q -s --tb=short tests/integration/test_fleet_schedules.py -k fleet

lint:
	@scripts/install-deps --check build lint
	@+$(RUN_TESTS) lint

format:
	@find lib cmd tests/unit tests/bench tests/fuzz tests/schedules -name '*.[ch]' -o -name '*.cc' | xargs clang-format -i

# For scripts/tidy: what the compiler sees, in words that clang knows too.
.PHONY: print-tidy-flags
print-tidy-flags:
	@echo '-std=gnu17 -D_GNU_SOURCE= $(CPPFLAGS) -Wall -Wextra'

# --- Fuzzers -------------------------------------------------------------------------------------

# tests/fuzz/fuzz_NAME.c is a libFuzzer target in MODE=fuzz, and with replay.c a program that runs
# the inputs of tests/fuzz/corpus/NAME in any mode: that is what make test does.
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
define fuzz_rules
$(B)/tests/fuzz/replay_$(1): $(B)/tests/fuzz/replay.o
$(B)/tests/fuzz/fuzz_$(1) $(B)/tests/fuzz/replay_$(1): $(B)/tests/fuzz/fuzz_$(1).o $$(call archives_of,,$$(call layers_of,tests/fuzz/fuzz_$(1).c))
	@echo "  LINK    $$@"
	@$(CXX) $(LINK_FLAGS) $$(if $$(filter fuzz_%,$$(@F)),-fsanitize=fuzzer) -o $$@ $$^ $(PKG_LIBS)
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rules,$(f))))

.PHONY: fuzz-replays fuzz-binaries fuzz
fuzz-replays: $(addprefix $(B)/tests/fuzz/replay_,$(FUZZERS))
fuzz-binaries: $(addprefix $(B)/tests/fuzz/fuzz_,$(FUZZERS))

SECONDS ?= 60
fuzz:
	@scripts/install-deps build fuzz
	@+$(MAKE) --no-print-directory MODE=fuzz fuzz-binaries
	@scripts/fuzz --seconds $(SECONDS) $(if $(TEST),$(TEST),$(FUZZERS))

# --- Mutants -------------------------------------------------------------------------------------

# Mistakes seeded one at a time into a copy of the tree: each must be noticed. WORDS chooses some.
WORDS ?=
.PHONY: mutants
mutants:
	@scripts/install-deps build run test
	@+$(MAKE) --no-print-directory MODE=release all
	@+$(PYTHON) tests/mutants/run $(WORDS)

# --- Benchmarks ----------------------------------------------------------------------------------

# What is done for others, by workers that are warm: tasks that do nothing, http calls.
WARM := TROUPE_BIN_DIR=$(abspath $(BIN)) $(PYTHON) -B tests/bench/warm/run
.PHONY: bench
bench:
	@scripts/install-deps --check build run
	@+$(MAKE) --no-print-directory MODE=release all
	@$(if $(filter build,$(BUILD)),,$(BUILD)/)bin/troupe bench $(BENCH_FLAGS)
	@$(WARM) $(BENCH_FLAGS)

# Does the rate stay when more waits around it, and does any run wait longer than its share?
.PHONY: bench-flat bench-fair bench-programs bench-peers bench-growth bench-remote
bench-programs:
	@scripts/install-deps --check build run
	@+$(MAKE) --no-print-directory MODE=release all

bench-flat: bench-programs
	@$(if $(filter build,$(BUILD)),,$(BUILD)/)bin/troupe bench --flat all $(BENCH_FLAGS)

bench-fair: bench-programs
	@$(if $(filter build,$(BUILD)),,$(BUILD)/)bin/troupe bench --fair $(BENCH_FLAGS)

# Other engines, from npm; says what is missing and leaves it out.
bench-peers: bench-programs
	@TROUPE_BIN_DIR=$(abspath $(BIN)) $(PYTHON) -B tests/bench/peers/run $(BENCH_FLAGS)

bench-growth: bench-programs
	@TROUPE_BIN_DIR=$(abspath $(BIN)) $(PYTHON) -B tests/bench/growth/run $(BENCH_FLAGS)

# A part of bench: remote workers and a plugin, with tasks that do nothing.
bench-remote: bench-programs
	@$(WARM) $(BENCH_FLAGS) tasks

# The linker's --wrap counts allocations.
BENCHES := $(patsubst tests/bench/bench_%.c,%,$(wildcard tests/bench/bench_*.c))
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
define bench_rule
$(B)/tests/bench/bench_$(1): $(B)/tests/bench/bench_$(1).o $$(call archives_of,,$$(call layers_of,tests/bench/bench_$(1).c))
	@echo "  LINK    $$@"
	@$(CXX) $(LINK_FLAGS) $(WRAP) -o $$@ $$^ $(PKG_LIBS)

.PHONY: bench-$(1)
bench-$(1): $(B)/tests/bench/bench_$(1)
	@$$< $(BENCH_FLAGS)
endef
$(foreach b,$(BENCHES),$(eval $(call bench_rule,$(b))))

# --- Counts --------------------------------------------------------------------------------------

# What a token costs, in instructions, commands and bytes; COUNTS_FLAGS="--shape chain" for one shape.
COUNTS := TROUPE_BIN_DIR=$(abspath $(BIN)) $(PYTHON) -B tests/bench/counts/run
.PHONY: counts counts-record counts-programs
counts-programs:
	@scripts/install-deps build run test counts
	@+$(MAKE) --no-print-directory MODE=release all

counts: counts-programs
	@$(COUNTS) check $(COUNTS_FLAGS)

counts-record: counts-programs
	@$(COUNTS) record

# --- Laboratory ----------------------------------------------------------------------------------

# What takes long, with the release build and the fixtures of the integration tests.
.PHONY: lab-memory
lab-memory: all
	@scripts/install-deps --check run test
	@TROUPE_BIN_DIR=$(abspath $(BIN)) $(PYTHON) -B -m pytest -p no:cacheprovider -q -s --tb=short \
	    tests/lab/test_memory.py

# --- The model of the token protocol ----------------------------------------------------------------

.PHONY: model
model:
	@scripts/install-deps model
	@$(PYTHON) tests/model/run $(if $(TEST),--only '$(TEST)')

# --- Everything else -----------------------------------------------------------------------------

.PHONY: deps demo clean-root-test clean help
deps:
	@scripts/install-deps build run test lint
	@echo 'Every package is there.'

demo:
	@scripts/install-deps build run
	@+$(MAKE) --no-print-directory all
	@scripts/demo

clean-root-test:
	@scripts/install-deps root-test
	@scripts/clean-root-test

clean:
	rm -rf $(BUILD) $(BIN_release) $(BIN_asan)

help:
	@echo 'make                   build the programs, in bin/'
	@echo 'make MODE=asan         the same with sanitizers, into bin-asan/'
	@echo 'make install           programs and libtroupe, into PREFIX (/usr/local) below DESTDIR'
	@echo 'make demo              install what is missing, build, run an example and show its record'
	@echo 'make test              install what is missing, build, every check and test'
	@echo 'make unit [TEST=test_json]            unit tests'
	@echo 'make integration [TEST=word]          tests against real servers'
	@echo 'make lab [HOURS=8]     model, schedules, kills, chaos, mutants, fuzzers, memory, until the time is up'
	@echo 'make lab-short         the same within 30 minutes'
	@echo 'make schedules [SCHEDULES=20000 SEED=1]  the real worker and supervisor, in any order of commands'
	@echo 'make lab-chaos [LAB_RUNS=1000]        random flows while everything is killed'
	@echo 'make fuzz [SECONDS=60] [TEST=cel]     looks for inputs that break a parser'
	@echo 'make mutants [WORDS="joins expand"]    seeds mistakes, one by one: every one must be noticed'
	@echo 'make model [TEST=word] searches the model of the token protocol, and for seeded mistakes'
	@echo 'make bench [BENCH_FLAGS="--percent 40"]  how fast troupe is here, beside what Redis could do'
	@echo 'make bench-flat        is the rate the same with more waiting, definitions, partitions, workers?'
	@echo 'make bench-fair        does any run wait longer than its share?'
	@echo 'make bench-peers       other engines from npm, beside troupe'
	@echo 'make bench-growth      what a token costs with more nodes, wider fans, larger documents'
	@echo 'make bench-cel [BENCH_FLAGS="-o json"] what evaluating an expression costs'
	@echo 'make counts            what a token costs beside what it did cost; fails at 5 % more'
	@echo 'make counts-record     records what it costs now'
	@echo 'make lab-memory        a million iterations and a million runs: does any memory grow?'
	@echo 'make lint [TEST=tidy]                 format tidy cppcheck luacheck shellcheck layers banned'
	@echo 'make ... BUILD=/dir    builds there, not into build/ and bin/'
	@echo 'make format            apply clang-format'
	@echo 'make deps              install every package that the above needs'
	@echo 'make clean-root-test   make demo and make test of HEAD in a new minimal Debian 12'
	@echo 'make clean             remove build/, bin/, bin-asan/'
