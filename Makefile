# Sentinel.  GNU make, one file, no recursion but for variants.
# `make help` lists the targets.  Nothing here installs packages: scripts/deps does.

VERSION := 0.1.0
VARIANT ?= release# release | debug | asan | tsan | cover | fuzz
BUILD   ?= build
ifeq ($(VARIANT),fuzz)
override CC := $(or $(CLANG),clang)
B       := $(BUILD)/fuzz
else
B       := $(BUILD)/$(VARIANT)$(if $(filter cc gcc,$(CC)),,-$(notdir $(firstword $(CC))))
endif

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
DATADIR    ?= $(PREFIX)/share/sentinel
UNITDIR    ?= $(PREFIX)/lib/systemd
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
DESTDIR    ?=
INSTALL    ?= install
PKG_CONFIG ?= pkg-config

# the store on PostgreSQL, where its library is: the relay loads it, benches link
PQ := $(shell $(PKG_CONFIG) --exists libpq && echo libpq)
PQFLAGS := $(if $(PQ),$(shell $(PKG_CONFIG) --cflags libpq))
PQLIBS  := $(if $(PQ),$(shell $(PKG_CONFIG) --libs libpq))

# --- what there is to build: the tree is the list --------------------------
T       ?= *# a glob: which unit tests, corpora, fuzz targets, bats files and benches run
LIB_SRC := $(sort $(wildcard lib/*/*.c))
SRV_SRC := $(sort $(filter-out $(if $(PQ),,server/pg_%.c),$(wildcard server/*.c)))
CMD_SRC := $(sort $(wildcard cmd/*.c))
UNT_SRC := $(sort $(filter-out $(if $(PQ),,tests/unit/test_pg_%.c),$(wildcard tests/unit/test_$(T).c)))
UNT_LIB := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
FUZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_$(T).c))
FUZ_LIB := $(filter-out tests/fuzz/fuzz_% %/replay.c,$(wildcard tests/fuzz/*.c))
BEN_SRC := $(sort $(wildcard tests/bench/bench_$(T).c))
BEN_LIB := $(filter-out tests/bench/bench_%,$(wildcard tests/bench/*.c))
TOO_SRC := $(sort $(wildcard tests/tools/*.c))
SIE_SRC := $(sort $(wildcard tests/siege/*.c))
PRE_SRC := $(sort $(wildcard tests/preload/*.c))
BATS    := $(sort $(wildcard tests/bats/$(T).bats))
SLOW    := $(sort $(wildcard tests/slow/$(T).bats))
HOUSE   := layers names labels links pure banned headers docs protocol schemas trials asserts mutants generated selftest
LINTS   := format tidy analyzer cppcheck shell man spell
MANS    := $(sort $(wildcard man/*.[1578]))
SERVICE := $(sort $(wildcard share/systemd/*/*))
SYSUSERS := $(sort $(wildcard share/sysusers.d/*))
SCHEMAS := $(sort $(wildcard share/schema/v1/*.json))
C_ALL   := $(sort $(wildcard lib/*/*.[ch] server/*.[ch] cmd/*.[ch] tests/*/*.[ch]))
SCRIPTS := check demo .ci/run tests/tools/machine tests/tools/pgcluster completions/sentinel.bash $(sort $(filter-out %/completions %/json-man %/session,$(wildcard scripts/*)) $(wildcard tests/*/*.sh tests/*/*.bash examples/*.sh))

BINS  := $(CMD_SRC:cmd/%.c=$(B)/bin/%)
UNITS := $(UNT_SRC:tests/unit/%.c=$(B)/unit/%)
REPL  := $(FUZ_SRC:tests/fuzz/fuzz_%.c=$(B)/replay/fuzz_%)
FUZZ  := $(FUZ_SRC:tests/fuzz/fuzz_%.c=$(B)/fuzz_%)
BENCH := $(BEN_SRC:tests/bench/%.c=$(B)/bench/%)
TOOLS := $(TOO_SRC:tests/tools/%.c=$(B)/tools/%) \
	$(B)/tools/siege $(PRE_SRC:tests/preload/%.c=$(B)/tools/%.so)
obj    = $(patsubst %.c,$(B)/obj/%.o,$(1))
SRC   := $(LIB_SRC) $(SRV_SRC) $(CMD_SRC) $(UNT_SRC) $(UNT_LIB) $(FUZ_SRC) $(FUZ_LIB) \
         $(BEN_SRC) $(BEN_LIB) $(TOO_SRC) $(SIE_SRC) tests/fuzz/replay.c

# --- flags: ours are appended, the user's CFLAGS and LDFLAGS are kept ------
NEED   := libsodium sqlite3 jansson libseccomp
PROBE  := -Wlogical-op -Wduplicated-cond -fstack-clash-protection -fcf-protection \
          -mbranch-protection=standard -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3
LIBS   := $(shell $(PKG_CONFIG) --libs $(NEED) 2>/dev/null)
BUILDS := $(filter-out clean dist help format lint% uninstall,$(or $(MAKECMDGOALS),all))
ifneq ($(BUILDS),)
-include $(B)/probe.mk
$(if $(LIBS),,$(error $(NEED) not found by $(PKG_CONFIG): run `scripts/deps build`))
endif
CFLAGS ?= -O2 -g
STD    := -std=c11 -D_GNU_SOURCE -Ilib -I. -DVERSION='"$(VERSION)"' $(if $(PQ),-DWITH_LIBPQ $(PQFLAGS))
WARN   := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
          -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
          -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings -Wundef \
          -Wvla -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference \
          $(filter -W%,$(PROBED))
HARD   := -fstack-protector-strong -fPIE -fno-common -fno-strict-overflow $(filter-out -W%,$(PROBED))
HARDLD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code

# the same bytes wherever the tree stands
VAR_release := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(HARD) -ffile-prefix-map=$(CURDIR)=.
VAR_debug   := -O0 -g3
# what these bring along makes calls of its own: the relay's sandbox is off there
OPEN        := -DSANDBOX='"off"'
VAR_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer $(OPEN)
# shared, gcc's UBSan has 6 MB of tables, which the leak checker of each process reads
LINK_asan   := $(if $(findstring clang,$(CC)),,-static-libubsan)
VAR_tsan    := -O1 -g -fsanitize=thread $(OPEN)
VAR_cover   := -O0 -g --coverage $(OPEN)
VAR_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
$(if $(VAR_$(VARIANT)),,$(error VARIANT=$(VARIANT): use release, debug, asan, tsan, cover or fuzz))

ALL_CFLAGS  := $(STD) $(WARN) $(if $(WERROR),-Werror) $(CFLAGS) $(VAR_$(VARIANT)) \
               $(shell $(PKG_CONFIG) --cflags $(NEED) 2>/dev/null) -MMD -MP
ALL_LDFLAGS := $(LDFLAGS) -Wl,--as-needed $(filter -fsanitize=% --coverage,$(VAR_$(VARIANT))) \
               $(LINK_$(VARIANT)) \
               $(if $(filter release,$(VARIANT)),$(HARDLD))
, := ,
MAKEFLAGS += --no-print-directory
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)	$(2)')

# --- build ------------------------------------------------------------------
all: $(BINS)
tools: $(TOOLS)

$(B)/probe.mk: Makefile
	@mkdir -p $(@D)
	@for f in $(PROBE); do \
	  $(CC) -Werror $$f -x c -c -o /dev/null /dev/null 2>/dev/null && echo "PROBED += $$f"; \
	done >$@ || :

# Two stamps, rewritten when what they hold changes: the flags (everything is
# rebuilt) and the list of sources (the archives are).
$(B)/flags: HOLDS = $(CC) $(subst ',,$(ALL_CFLAGS))
$(B)/list: HOLDS = $(LIB_SRC) $(SRV_SRC) $(UNT_LIB) $(BEN_LIB) $(FUZ_LIB)
$(B)/flags $(B)/list: FORCE
	@mkdir -p $(@D); echo '$(HOLDS)' | cmp -s - $@ || echo '$(HOLDS)' >$@

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(if $(filter tests/%,$<),-Itests/unit) -c -o $@ $<

$(B)/libsentinel.a: $(call obj,$(LIB_SRC))
$(B)/librelay.a: $(call obj,$(SRV_SRC))
$(B)/libunit.a: $(call obj,$(UNT_LIB))
$(B)/libbench.a: $(call obj,$(BEN_LIB))
$(B)/libfuzz.a: $(call obj,$(FUZ_LIB))
$(B)/%.a: $(B)/list
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

# the relay's archive first: it leans on the other, never the reverse
define link
@mkdir -p $(@D)
$(call say,LD,$@)
$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
  $(filter %/libfuzz.a %/libbench.a,$^) $(filter %/libunit.a,$^) $(filter %/librelay.a,$^) $(filter %/libsentinel.a,$^) $(LIBS) $(1)
endef
$(B)/bin/%: $(B)/obj/cmd/%.o $(B)/libsentinel.a
	$(call link)
# only the relay may link the relay's code
$(B)/bin/sentinel-relay: $(B)/librelay.a
$(B)/unit/%: $(B)/obj/tests/unit/%.o $(B)/libunit.a $(B)/librelay.a $(B)/libsentinel.a
	$(call link,-lcmocka)
$(B)/replay/%: $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/fuzz/replay.o $(B)/libfuzz.a $(B)/libunit.a $(B)/librelay.a $(B)/libsentinel.a
	$(call link)
$(B)/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/libfuzz.a $(B)/libunit.a $(B)/librelay.a $(B)/libsentinel.a
	$(call link,-fsanitize=fuzzer)
# what still.c has in the place of the relay's
STILL := conn intake relay relay_sqlite small store
$(filter $(addprefix %/fuzz_,$(STILL)),$(FUZZ) $(REPL)): ALL_LDFLAGS += -Wl$(,)--wrap=rate_new
# stage.c and scratch.c say with cmocka what is wrong
$(filter %/fuzz_intake %/fuzz_keyfile %/fuzz_small,$(FUZZ) $(REPL)): LIBS += -lcmocka
# and fuzz_conn.c sees each frame that is served
$(filter %/fuzz_conn,$(FUZZ) $(REPL)): ALL_LDFLAGS += -Wl$(,)--wrap=serve_frame
$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/libbench.a $(B)/librelay.a $(B)/libsentinel.a
	$(call link,$(PQLIBS))
$(B)/tools/%: $(B)/obj/tests/tools/%.o $(B)/libsentinel.a
	$(call link)
$(B)/tools/siege: $(call obj,$(SIE_SRC)) $(B)/libunit.a $(B)/libsentinel.a
	$(call link)
# before each command of a test, so it has to begin fast: no sanitizer, no libraries
$(B)/tools/witness: tests/tools/witness.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(STD) $(WARN) $(if $(WERROR),-Werror) $(CFLAGS) -static -o $@ $<
# the relay's own main, with two functions in between
$(B)/tools/evilrelay: $(B)/obj/tests/tools/evilrelay.o $(B)/obj/cmd/sentinel-relay.o $(B)/librelay.a $(B)/libsentinel.a
	$(call link,-Wl$(,)--wrap=turn_reply$(,)--wrap=store_put)
# loaded before the commands, so never with a sanitizer of its own
$(B)/tools/%.so: tests/preload/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,SO,$@)
	$(Q)$(CC) $(STD) $(WARN) $(if $(WERROR),-Werror) $(CFLAGS) -fPIC -shared -o $@ $<

# --- check: each test leaves its TAP in $(B)/tap, scripts/tally sums it up ---
TAP  = scripts/tap $(B)/tap/$(1).tap $(2)
TAPS = $(HOUSE:%=$(B)/tap/house.%.tap) $(UNT_SRC:tests/unit/%.c=$(B)/tap/unit.%.tap) \
       $(FUZ_SRC:tests/fuzz/fuzz_%.c=$(B)/tap/replay.%.tap) $(BATS:tests/bats/%.bats=$(B)/tap/bats.%.tap)
check: check-house check-unit check-replay check-bats
	@scripts/tally $(TAPS)

# what a test writes need not outlive the machine: in memory, where there is room
ifndef TMPDIR
export TMPDIR := $(shell df -k --output=avail /dev/shm 2>/dev/null | \
  awk '$$1 > 4194304 { dir = "/dev/shm" } END { print dir ? dir : "/tmp" }')
endif
# but not what is to wait for a sync, to meet an inode's number again, or has
# files of some GiB
bats-40_files bats-62_attack_files bats-62_races \
slow-40_files slow-53_relay_crash slow-62_races slow-67_siege: export TMPDIR = /var/tmp
export CMOCKA_MESSAGE_OUTPUT = TAP
export SENTINEL_BIN = $(abspath $(B)/bin)
export SENTINEL_TOOLS = $(abspath $(B)/tools)
export SENTINEL_BENCH = $(abspath $(B)/bench)
export ASAN_OPTIONS ?= exitcode=99:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= exitcode=99:print_stacktrace=1

house  := $(HOUSE:%=house-%)
unit   := $(UNT_SRC:tests/unit/%.c=unit-%)
replay := $(FUZ_SRC:tests/fuzz/fuzz_%.c=replay-%)
bats   := $(BATS:tests/bats/%.bats=bats-%)
slow   := $(SLOW:tests/slow/%.bats=slow-%)
check-house: $(house)
check-replay: $(replay)
# what takes longest first
check-unit: $(filter unit-test_store%,$(unit)) $(unit)
check-bats: $(filter bats-61_killed bats-67_siege bats-80_faults,$(bats)) $(bats)
$(house): house-%: all
	@CC='$(CC)' $(call TAP,house.$*,$(if $(filter selftest,$*),,-1) tests/house/$*.sh $(B))
$(unit): unit-%: $(B)/unit/%
	@$(call TAP,unit.$*,$(if $(PQ),$(if $(filter test_store% test_figures test_pg_days,$*),tests/tools/pgcluster run)) $<)
$(replay): replay-%: $(B)/replay/fuzz_%
	@$(call TAP,replay.$*,-1 $< tests/fuzz/corpus/$*/*)
$(bats): bats-%: all $(TOOLS)
	@TEST_LIMIT=1800 $(call TAP,bats.$*,bats --formatter tap tests/bats/$*.bats)
$(slow): slow-%: all $(TOOLS)
	@TEST_LIMIT=3600 $(call TAP,slow.$*,bats --formatter tap tests/slow/$*.bats)

# each guard taken away in a copy of the tree: a test must fail
mutants: all tools
	@TEST_LIMIT=3600 $(call TAP,mutants,env VARIANT=$(VARIANT) CC='$(CC)' tests/mutants/run $(B) '$(T)')

asan tsan debug:
	$(Q)$(MAKE) VARIANT=$@ check-unit check-replay check-bats
# what gcov writes at the end no sandbox lets through, no full disk takes, and
# no other user; and it takes memory for granted
cover: export GCOV_ERROR_FILE = /dev/null
cover: UNSANDBOXED = $(filter-out 54_% 80_faults 93_walk,$(BATS:tests/bats/%.bats=%))
cover:
	@find $(BUILD)/cover -name '*.gcda' -delete 2>/dev/null || :
	$(Q)$(MAKE) -k VARIANT=cover check-unit check-replay $(UNSANDBOXED:%=bats-%); \
	  status=$$?; scripts/coverage $(BUILD)/cover && exit $$status
# what SECURITY.md promises, one by one: make trial T=A6
trial: all $(TOOLS)
	@scripts/trial '$(T)'
# what takes too long for every change
check-slow: export FUZZ_TIME := 20
check-slow: all tools
	$(Q)$(MAKE) check-slow-bats check-valgrind check-rest
# other builds, which need nothing of this one, and so would be the first
check-rest: all tools
	$(Q)$(MAKE) check-threads fuzz
check-slow-bats: $(filter slow-60_attack_cuts slow-61% slow-62% slow-80%,$(slow)) $(slow)
# files on their way, and what the relay has threads for
THREADED_UNITS := arriving chunks err file relay source thread worker figures pg_% store%
THREADED_BATS  := 40_% 41_% 5% 62_% 67_%
check-threads:
	$(Q)$(MAKE) VARIANT=tsan $(filter $(THREADED_UNITS:%=unit-test_%),$(unit)) $(filter $(THREADED_BATS:%=bats-%),$(bats))
# what is pure or parses, and the key file's tables; tests/slow/82_* the commands
MEMCHECK := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
WATCHED  := addr body frame id plain hkdf ident noise filebox ratchet shake colbox \
            handshake inbox outbox peers session snapshot spans order blind
check-valgrind: $(WATCHED:%=valgrind-%)
valgrind-%: $(B)/unit/test_%
	@$(call TAP,valgrind.$*,$(MEMCHECK) $<)

# --- fuzz, bench, lint ------------------------------------------------------
FUZZ_TIME ?= 60
fuzz:
	$(Q)$(MAKE) VARIANT=fuzz run-fuzz
fuzzing := $(FUZ_SRC:tests/fuzz/fuzz_%.c=run-fuzz-%)
run-fuzz: $(fuzzing)
$(fuzzing): run-fuzz-%: $(B)/fuzz_%
	@mkdir -p $(B)/corpus/$* $(B)/crash
	@echo '  FUZZ	$* $(FUZZ_TIME)s'
	@$< -max_total_time=$(FUZZ_TIME) -timeout=10 -artifact_prefix=$(B)/crash/$*- \
	  $(B)/corpus/$* tests/fuzz/corpus/$* >$(B)/$*.log 2>&1 || { tail -n 60 $(B)/$*.log; exit 1; }
	@tail -n 1 $(B)/$*.log
bench: $(BENCH) $(TOOLS) all
	@for t in $(BENCH) $(sort $(wildcard tests/bench/$(T).sh)); do $$t || exit 1; done
format:
	clang-format -i $(C_ALL)
# that out-parameters are unset after a failure is our rule; clang-tidy follows
# the paths and knows, cppcheck does not
CPPCHECK := --quiet --enable=warning,portability,performance --error-exitcode=1 \
            --inline-suppr --library=tests/house/cppcheck.cfg --std=c11 -D_GNU_SOURCE \
            --suppress=uninitvar --suppress=legacyUninitvar -Ilib -I.
lint: $(LINTS:%=lint-%)
	@scripts/tally $(LINTS:%=$(B)/tap/lint.%.tap)
TOLD = $(if $(filter lib/base/err.c,$<),,-include tests/house/analyze.h)
lint-format:
	@$(call TAP,lint.format,-1 clang-format --dry-run -Werror $(C_ALL))
lint-tidy:
	@$(call TAP,lint.tidy,-1 $(MAKE) -ks lint-each)
lint-each: $(patsubst %.c,$(B)/tidy/%.ok,$(LIB_SRC) $(SRV_SRC) $(CMD_SRC))
$(B)/tidy/%.ok: %.c .clang-tidy $(filter %.h,$(C_ALL))
	@clang-tidy --quiet $< -- $(STD) $(TOLD) 2>/dev/null && mkdir -p $(@D) && touch $@
lint-analyzer:
	@$(call TAP,lint.analyzer,-1 $(MAKE) -ks analyze-each)
analyze-each: $(patsubst %.c,$(B)/analyze/%.ok,$(LIB_SRC) $(SRV_SRC) $(CMD_SRC))
$(B)/analyze/%.ok: %.c $(filter %.h,$(C_ALL))
	@gcc $(STD) $(TOLD) -O0 -fanalyzer -Werror -c -o /dev/null $< && mkdir -p $(@D) && touch $@
lint-cppcheck:
	@$(call TAP,lint.cppcheck,-1 cppcheck $(CPPCHECK) lib server cmd)
lint-shell:
	@$(call TAP,lint.shell,-1 shellcheck $(SCRIPTS))
lint-man:
	@$(call TAP,lint.man,-1 sh -c '! mandoc -T lint -W style "$$@" 2>/dev/null | \
	  grep -v "referenced manual not found"' mandoc $(MANS))
lint-spell:
	@$(call TAP,lint.spell,-1 codespell -L nd$(,)iif$(,)fro \
	  $(wildcard *.md) $(SCRIPTS) $(C_ALL) $(MANS) $(BATS) $(SLOW))

# --- install ----------------------------------------------------------------
install: all
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DATADIR)/schema/v1 \
	  $(DESTDIR)$(DATADIR)/patroni \
	  $(addprefix $(DESTDIR)$(UNITDIR)/,user system) $(DESTDIR)$(SYSUSERSDIR)
	$(INSTALL) -m 755 $(BINS) $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 644 $(SCHEMAS) $(DESTDIR)$(DATADIR)/schema/v1
	$(INSTALL) -m 644 share/relay.conf $(DESTDIR)$(DATADIR)
	$(INSTALL) -m 644 share/patroni/* $(DESTDIR)$(DATADIR)/patroni
	$(INSTALL) -m 644 $(SYSUSERS) $(DESTDIR)$(SYSUSERSDIR)
	@for s in $(SERVICE:share/systemd/%=%); do \
	  $(INSTALL) -m 644 share/systemd/$$s $(DESTDIR)$(UNITDIR)/$$s || exit 1; \
	done
	@for m in $(MANS); do \
	  d=$(DESTDIR)$(MANDIR)/man$${m##*.}; $(INSTALL) -d $$d && $(INSTALL) -m 644 $$m $$d || exit 1; \
	done
	$(INSTALL) -d $(addprefix $(DESTDIR),$(BASHDIR) $(ZSHDIR) $(FISHDIR))
	$(INSTALL) -m 644 completions/_sentinel $(DESTDIR)$(ZSHDIR)
	$(INSTALL) -m 644 completions/*.fish $(DESTDIR)$(FISHDIR)
	@for b in $(notdir $(BINS)); do \
	  $(INSTALL) -m 644 completions/sentinel.bash $(DESTDIR)$(BASHDIR)/$$b || exit 1; \
	done
uninstall:
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,$(notdir $(BINS)))
	rm -f $(SERVICE:share/systemd/%=$(DESTDIR)$(UNITDIR)/%) $(SYSUSERS:share/sysusers.d/%=$(DESTDIR)$(SYSUSERSDIR)/%)
	rm -rf $(DESTDIR)$(DATADIR)
	rm -f $(addprefix $(DESTDIR)$(BASHDIR)/,$(notdir $(BINS))) $(DESTDIR)$(ZSHDIR)/_sentinel
	rm -f $(addprefix $(DESTDIR)$(FISHDIR)/,$(notdir $(BINS:%=%.fish)))
	@for m in $(MANS); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done
generated: all
	@scripts/completions/generate $(B)/bin completions
	@scripts/json-man share/schema/v1 >man/sentinel-json.5
session: all
	@scripts/session $(B)/bin >share/session.svg
deb:
	@scripts/deb $(BUILD)/deb
dist:
	git archive --prefix=sentinel-$(VERSION)/ -o sentinel-$(VERSION).tar.gz HEAD
clean:
	rm -rf $(BUILD)
help:
	@echo 'all         the commands and the relay, in $(B)/bin'
	@echo 'check       house rules, unit tests, fuzz corpora, bats      check-{house,unit,replay,bats}'
	@echo 'asan tsan cover debug    the same tests in another variant'
	@echo 'mutants     guards taken away one at a time: a test must fail for each'
	@echo 'check-slow  check-slow-bats, check-valgrind, check-threads (a part of tsan), and every fuzz target for 20 seconds'
	@echo 'trial       the tests of one trial of tests/trials.txt: make trial T=A6'
	@echo 'lint        one by one: $(LINTS:%=lint-%)'
	@echo 'generated   completions and sentinel-json(5), made again from their tables'
	@echo 'session     the picture of a session in README, taken again'
	@echo 'format bench fuzz install uninstall dist deb clean'
	@echo 'VARIANT=release|debug|asan|tsan|cover  WERROR=1  V=1  CC= CFLAGS= LDFLAGS= PREFIX= DESTDIR= BUILD='
	@echo 'T=GLOB      only the tests of that name: make check-unit T=frame, make fuzz T=id'

.PHONY: all tools check check-house check-unit check-replay check-bats check-slow check-slow-bats check-valgrind check-rest check-threads trial $(house) $(unit) \
        $(replay) $(bats) $(slow) asan tsan cover debug mutants fuzz run-fuzz $(fuzzing) bench format lint \
        lint-each analyze-each $(LINTS:%=lint-%) install uninstall generated session dist deb clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:
-include $(patsubst %.o,%.d,$(call obj,$(SRC)))
