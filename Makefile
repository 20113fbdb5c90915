# Simpul: builds everything into build/; variants other than release in folders of their own there.
#
#   make            release programs in build/
#   make demo       a day of an exchange in under a minute (KEEP=1 leaves it running)
#   make test       builds with sanitizers, runs unit and system tests and the short form of every fault suite
#   make torture    the long form of the fault suites, on the release programs
#   make fuzz       libFuzzer on every decoder of foreign bytes, FUZZ_SECONDS=60 each; FUZZ="wire csv" for some of them
#   make fuzz-merge takes what it found into the corpus, which make test replays
#   make tsan       everything that make test runs, under ThreadSanitizer (more than ten minutes)
#   make memcheck   unit tests, a life of the programs and the failing disk under valgrind: no leak, no read of what was
#                   never written (about 10 minutes)
#   make seeded     bugs put in on purpose, each against the tests that must catch it; prints the table (about 20 minutes)
#   make bench      throughput and latency beside bare libzmq
#   make install-deps, make clean
#
# A variant is release (default), asan, tsan or fuzz (clang): make VARIANT=asan. V=1 shows the commands.

VARIANT ?= release
OUT     := build$(patsubst /release,,/$(VARIANT))

PACKAGES := libczmq libzmq libprotobuf-c libsodium libcrypto sqlite3 libcyaml jansson libsystemd libcurl
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wformat=2 -Wundef -Wvla
FLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
# Lines are enough for a report, and without the rest a quarter less is compiled.
FLAGS_asan    := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
FLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

# Empty in the first make of a fresh machine, which only installs pkg-config and calls the second.
PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lcsv

CFLAGS  ?=
LDFLAGS ?=
# One word a file, or the whole command.
QUIET    := $(if $(V),,@)
say       = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2))
COMPILE  = $(QUIET)$(CC) -std=c11 -D_GNU_SOURCE -pthread $(FLAGS_$(VARIANT)) $(WARNINGS) -I. -I$(OUT) $(PACKAGE_CFLAGS) $(CFLAGS)
LINK     = $(QUIET)$(CC) -pthread $(FLAGS_$(VARIANT)) -Wl,--as-needed $(LDFLAGS)

# ------------------------------------------------------------------ what there is

PROTOS   := $(wildcard proto/*.proto)
PROTO_O  := $(PROTOS:%.proto=$(OUT)/%.pb-c.o)
COMMON_O := $(patsubst %.c,$(OUT)/%.o,$(filter-out common/forgetful.c,$(wildcard common/*.c))) $(OUT)/common/region_table.o
# Programs' own mains stay out of the libraries that tests link.
PROGRAM_C := broker/simpul-broker.c broker/simpulctl.c agents/simpul-agent.c agents/simpul.c
BROKER_O := $(patsubst %.c,$(OUT)/%.o,$(wildcard broker/*/*.c))
AGENT_O  := $(patsubst %.c,$(OUT)/%.o,$(wildcard agents/*/*.c)) $(OUT)/agents/intake/workbook_program.o
PROGRAMS := $(patsubst %.c,$(OUT)/%,$(notdir $(wildcard $(PROGRAM_C))))
UNIT_C   := $(wildcard tests/unit/*_test.c)
UNITS    := $(patsubst tests/unit/%.c,$(OUT)/tests/unit/%,$(UNIT_C))
SYSTEM_C := $(wildcard tests/system/*_test.c)
SYSTEMS  := $(patsubst tests/system/%.c,$(OUT)/tests/system/%,$(SYSTEM_C))
TORTURE_C := $(wildcard tests/torture/*_test.c)
TORTURES := $(patsubst tests/torture/%.c,$(OUT)/tests/torture/%,$(TORTURE_C))
FUZZ_C   := $(wildcard tests/fuzz/*_fuzz.c)
FUZZES   := $(patsubst tests/fuzz/%.c,$(OUT)/tests/fuzz/%,$(FUZZ_C))
# libFuzzer brings its main; other variants replay the corpus.
FUZZ_O   := $(patsubst %,$(OUT)/tests/fuzz/%.o,fuzz mutate story $(if $(filter fuzz,$(VARIANT)),,replay))
FUZZ_LIB := $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer)
SUPPORT_O := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/support/*.c))
PRELOADS := $(patsubst %.c,$(OUT)/%.so,$(wildcard tests/preload/*.c))
SIM_O    := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/sim/*.c))
BENCH    := $(patsubst %.c,$(OUT)/%,$(notdir $(wildcard tests/bench/simpul-bench.c)))
BENCH_O  := $(patsubst %.c,$(OUT)/%.o,$(filter-out tests/bench/simpul-bench.c,$(wildcard tests/bench/*.c)))

.PHONY: all programs demo test torture fuzz fuzz-merge tsan memcheck seeded unit bench vectors install-deps clean compile-all
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

# Every entry point first makes sure that the libraries are there, in a make of its own so that
# what is installed by it is found.
all demo test torture tsan memcheck seeded bench:
	@deploy/install-deps $(filter memcheck,$@)
	@$(MAKE) --no-print-directory -j$$(nproc) go-$@

fuzz fuzz-merge:
	@deploy/install-deps fuzz
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=fuzz CC=clang go-$@

install-deps:
	@deploy/install-deps

go-all: programs
programs: $(PROGRAMS) $(BENCH)

go-demo: programs
	@deploy/demo/$(if $(REGION),region $(OUT) $(REGION),run $(OUT)) $(if $(KEEP),--keep)

# Most of the time a test program waits: for a disk, for other processes, for a time to pass.
AT_ONCE := SIMPUL_AT_ONCE=$$((2 * $$(nproc)))

go-test:
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan compile-all
	@$(AT_ONCE) tests/run build/asan
	@$(AT_ONCE) $(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan seeded-short

go-torture: compile-all
	@SIMPUL_TORTURE=long SIMPUL_TEST_SECONDS=3600 tests/run $(OUT) 'tests/torture/*'

go-fuzz: $(FUZZES)
	@tests/fuzz/run $(OUT) $(FUZZ)

go-fuzz-merge: $(FUZZES)
	@tests/fuzz/run $(OUT) --merge $(FUZZ)

# The sanitizer's shadow memory does not fit every place where the kernel may put a program by chance.
go-tsan:
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=tsan compile-all
	@if setarch -R true 2>/dev/null; then fixed='setarch -R'; fi; \
		SIMPUL_PATIENCE=5 SIMPUL_TEST_SECONDS=1800 $$fixed tests/run build/tsan

# A build in which every program is a link to a script that runs the real one under valgrind, and what of it can be run so:
# not what starts another program (valgrind 3.19 does not know pidfd_open), and of the tests of whole processes one, for each
# of these takes minutes.
MEMCHECK := $(patsubst $(OUT)/%,build/memcheck/%,$(PROGRAMS) $(UNITS) $(SYSTEMS) $(TORTURES))
UNCHECKED := child|intake|sink_erase|sink_limit|sink_poison|sink_program|workbook
build/memcheck/%: tests/memcheck
	@mkdir -p $(@D)
	@ln -sf $(CURDIR)/$< $@

build/memcheck/tests/preload: $(PRELOADS)
	@mkdir -p $(@D)
	@ln -sfn $(CURDIR)/$(OUT)/tests/preload $@

go-memcheck: compile-all $(MEMCHECK) build/memcheck/tests/preload
	@SIMPUL_PATIENCE=20 SIMPUL_TEST_SECONDS=1800 tests/run build/memcheck \
		'tests/unit/!($(UNCHECKED))_test.c' tests/system/operations_test.c 'tests/torture/io_error*_test.c'

go-bench: programs
	@tests/bench/run $(OUT)

compile-all: programs $(PRELOADS) $(UNITS) $(SYSTEMS) $(TORTURES) $(FUZZES)

clean:
	rm -rf build

# ------------------------------------------------------------------ how it is made

PROTO_H := $(PROTOS:%.proto=$(OUT)/%.pb-c.h)

$(OUT)/proto/%.pb-c.c $(OUT)/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(@D)
	$(call say,PB,$<)
	$(QUIET)protoc-c --proto_path=proto --c_out=$(OUT)/proto $<

# Generated code is not held to our warnings.
$(OUT)/proto/%.o: $(OUT)/proto/%.c $(PROTO_H)
	$(call say,CC,$<)
	$(QUIET)$(CC) -std=c11 $(FLAGS_$(VARIANT)) -I$(OUT)/proto $(PACKAGE_CFLAGS) -c -o $@ $<

$(OUT)/common/region_table.c: common/regions.csv common/regions.awk
	@mkdir -p $(@D)
	$(call say,AWK,$<)
	$(QUIET)awk -f common/regions.awk common/regions.csv > $@

# The agent has it in itself and hands it to Python: nothing of it is to be installed anywhere.
$(OUT)/agents/intake/workbook_program.c: agents/intake/workbook.py
	@mkdir -p $(@D)
	$(call say,OD,$<)
	$(QUIET){ echo 'extern const char workbook_program[]; const char workbook_program[] = {'; \
		od -An -v -tx1 $< | sed 's/[0-9a-f][0-9a-f]/0x&,/g'; echo '0};'; } > $@

$(OUT)/common/region_table.o $(OUT)/agents/intake/workbook_program.o: %.o: %.c
	$(call say,CC,$<)
	$(COMPILE) -c -o $@ $<

$(OUT)/%.o: %.c $(PROTO_H)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(OUT)/libsimpul.a: $(COMMON_O) $(PROTO_O)
	@rm -f $@
	$(call say,AR,$@)
	$(QUIET)ar rcs $@ $^

$(OUT)/libbroker.a: $(BROKER_O)
	@rm -f $@
	$(call say,AR,$@)
	$(QUIET)ar rcs $@ $^

$(OUT)/libagent.a: $(AGENT_O)
	@rm -f $@
	$(call say,AR,$@)
	$(QUIET)ar rcs $@ $^

# An archive, so that a test links only the support that it uses.
$(OUT)/libsupport.a: $(SUPPORT_O)
	@rm -f $@
	$(call say,AR,$@)
	$(QUIET)ar rcs $@ $^

# Goes into programs of every variant, so it is of none.
$(OUT)/tests/preload/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(QUIET)$(CC) -std=c11 -D_GNU_SOURCE -O2 -shared -fPIC $(WARNINGS) -o $@ $<

# The two that run for months have a free() of their own.
$(OUT)/simpul-broker $(OUT)/simpul-agent: $(OUT)/common/forgetful.o

$(OUT)/simpul-broker $(OUT)/simpulctl: $(OUT)/%: $(OUT)/broker/%.o $(OUT)/libbroker.a $(OUT)/libsimpul.a
	$(call say,LD,$@)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS)

$(OUT)/simpul-agent $(OUT)/simpul: $(OUT)/%: $(OUT)/agents/%.o $(OUT)/libagent.a $(OUT)/libsimpul.a
	$(call say,LD,$@)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS)

$(OUT)/simpul-bench: $(OUT)/tests/bench/simpul-bench.o $(BENCH_O) $(OUT)/tests/support/exchange.o \
                     $(OUT)/tests/support/process.o $(OUT)/libbroker.a $(OUT)/libagent.a $(OUT)/libsimpul.a
	$(call say,LD,$@)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS)

# Golden vectors are made once for each version of the protocol; the tests compare with what is committed.
vectors: $(OUT)/make-vectors
	@mkdir -p proto/vectors/v1
	$< tests/vectors/recipe.json proto/vectors/v1

$(OUT)/make-vectors: $(OUT)/tests/vectors/make-vectors.o $(OUT)/tests/support/vectors.o $(OUT)/libsimpul.a
	$(call say,LD,$@)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS)

TEST_LIBRARIES := $(OUT)/libsupport.a $(OUT)/libbroker.a $(OUT)/libagent.a $(OUT)/libsimpul.a

$(OUT)/tests/unit/%: $(OUT)/tests/unit/%.o $(TEST_LIBRARIES)
	$(call say,LD,$@)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) -lcmocka

$(OUT)/tests/system/%: $(OUT)/tests/system/%.o $(TEST_LIBRARIES)
	$(call say,LD,$@)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) -lcmocka

$(OUT)/tests/torture/%: $(OUT)/tests/torture/%.o $(TEST_LIBRARIES)
	$(call say,LD,$@)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) -lcmocka

# A journal that is laid in before the broker runs.
LAID_O := $(addprefix $(OUT)/tests/bench/,laid.o workload.o identity.o)
$(OUT)/tests/torture/away_test: $(OUT)/tests/torture/away_test.o $(LAID_O) $(TEST_LIBRARIES)
	$(call say,LD,$@)
	$(LINK) -o $@ $^ $(PACKAGE_LIBS) -lcmocka

# The program's own memory and its end, which this suite lets fail and come.
WRAP_io_error_test := malloc calloc realloc reallocarray strdup _exit
$(OUT)/tests/torture/io_error_test: LDFLAGS += $(WRAP_io_error_test:%=-Wl,--wrap=%)

# The guard is shown a clock of the test's own.
WRAP_guard_test := clock_now
$(OUT)/tests/unit/guard_test: LDFLAGS += $(WRAP_guard_test:%=-Wl,--wrap=%)

# A disk that does not say at once that the name of a file is on it.
WRAP_sink_test := file_settle
$(OUT)/tests/unit/sink_test: LDFLAGS += $(WRAP_sink_test:%=-Wl,--wrap=%)

$(OUT)/tests/fuzz/%_fuzz: $(OUT)/tests/fuzz/%_fuzz.o $(FUZZ_O) $(TEST_LIBRARIES)
	$(call say,LD,$@)
	$(LINK) $(FUZZ_LIB) -o $@ $^ $(PACKAGE_LIBS) -lcmocka

# The simulator shows the code a clock of its own, and checks each signature once.
WRAP_simulator_test := clock_now digest_verify
$(OUT)/tests/torture/simulator_test: $(OUT)/tests/torture/simulator_test.o $(SIM_O) $(TEST_LIBRARIES)
	$(call say,LD,$@)
	$(LINK) $(WRAP_simulator_test:%=-Wl,--wrap=%) -o $@ $^ $(PACKAGE_LIBS) -lcmocka

include tests/seeded/rules.mk

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
