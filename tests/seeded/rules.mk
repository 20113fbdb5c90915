# How a build with a bug is made: NAME.bug becomes OUT/seeded/NAME/, with programs and tests as in OUT, into which the one
# changed object is linked before the libraries that hold the right one.

# One word a bug: name|source|variant or any|test|test ...
BUGS := $(shell awk '$$1 == "file" { file = $$2; variant = "any" } $$1 == "variant" { variant = $$2 } \
                     $$1 == "tests" { name = FILENAME; gsub(/.*\/|\.bug$$/, "", name); printf "%s|%s|%s", name, file, variant; \
                                      for (i = 2; i <= NF; i++) printf "|%s", $$i; print "" }' tests/seeded/*.bug)

# Programs that hold sources of a folder; the others are those without a bug.
PROGRAMS_OF_broker := simpul-broker simpulctl
PROGRAMS_OF_agents := simpul-agent simpul
PROGRAMS_OF_common := $(PROGRAMS_OF_broker) $(PROGRAMS_OF_agents)
MAIN_OF_simpul-broker := broker
MAIN_OF_simpulctl     := broker
MAIN_OF_simpul-agent  := agents
MAIN_OF_simpul        := agents
LIBRARY_OF_broker     := libbroker.a
LIBRARY_OF_agents     := libagent.a

# The programs of a bug's build: name of the bug, folder of its source.
define bug_program
$(OUT)/seeded/$(1)/$(2): $(OUT)/$(MAIN_OF_$(2))/$(2).o $(OUT)/seeded/$(1)/bug.o $(OUT)/$(LIBRARY_OF_$(MAIN_OF_$(2))) \
                         $(OUT)/libsimpul.a
	$$(call say,LD,$$@)
	$$(LINK) -o $$@ $$^ $$(PACKAGE_LIBS)
endef

define bug_program_without
$(OUT)/seeded/$(1)/$(2): $(OUT)/$(2)
	@mkdir -p $$(@D)
	@ln -sf $$(abspath $$<) $$@
endef

# Name of the bug, its source, its variant, its tests.
define bug_rules
$(OUT)/seeded/$(1)/bug.c: tests/seeded/$(1).bug tests/seeded/plant $(2)
	@mkdir -p $$(@D)
	$$(call say,BUG,$$<)
	$$(QUIET)tests/seeded/plant $$< >$$@

$(OUT)/seeded/$(1)/bug.o: $(OUT)/seeded/$(1)/bug.c $$(PROTO_H)
	$$(COMPILE) -w -MMD -MP -c -o $$@ $$<

$(OUT)/seeded/$(1)/tests/%: $(OUT)/tests/%.o $(OUT)/seeded/$(1)/bug.o $$(TEST_LIBRARIES)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(LINK) $$(WRAP_$$(@F):%=-Wl,--wrap=%) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $$(PACKAGE_LIBS) -lcmocka

$(OUT)/seeded/$(1)/tests/torture/simulator_test: $$(SIM_O)

$(foreach p,$(PROGRAMS_OF_common),
$(if $(filter $(p),$(PROGRAMS_OF_$(firstword $(subst /, ,$(2))))),$(call bug_program,$(1),$(p)),$(call bug_program_without,$(1),$(p)))
)

SEEDED_$(3) += $(PROGRAMS_OF_common:%=$(OUT)/seeded/$(1)/%) \
               $(patsubst tests/%.c,$(OUT)/seeded/$(1)/tests/%,$(wildcard $(4:%=tests/%.c)))
SEEDED_SHORT += $(if $(filter any $(VARIANT),$(3)),$(patsubst %,$(OUT)/seeded/$(1)/tests/%,$(filter unit/%,$(firstword $(4)))))
endef

bug_rules_of = $(call bug_rules,$(word 1,$(1)),$(word 2,$(1)),$(word 3,$(1)),$(wordlist 4,99,$(1)))
$(foreach bug,$(BUGS),$(eval $(call bug_rules_of,$(subst |, ,$(bug)))))

# Brokers in which system/chaos_test, torture/hostile_test and torture/overheard_test must find the bug.
compile-all: $(patsubst %,$(OUT)/seeded/%/simpul-broker,receipt-before-commit entitlement-skipped nobody-cut eavesdropper-kept)

.PHONY: go-seeded seeded-long seeded-variant seeded-short
# What only a sanitizer sees is tried in its build.
go-seeded: seeded-long
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=asan seeded-variant
	@$(MAKE) --no-print-directory -j$$(nproc) VARIANT=tsan seeded-variant

# First without a bug: a test that fails anyway catches nothing.
seeded-long: compile-all $(SEEDED_any) $(SEEDED_slow)
	@SIMPUL_TEST_SECONDS=1800 tests/run $(OUT) "$$(tests/seeded/run $(OUT) list)"
	@SIMPUL_TEST_SECONDS=1800 tests/seeded/run $(OUT) long

seeded-variant: $(SEEDED_$(VARIANT))
	@tests/seeded/run $(OUT) $(VARIANT)

seeded-short: $(SEEDED_SHORT)
	@tests/seeded/run $(OUT) short
