# Bandsaw - raw music recordings in, songs out.
#
#   make            build everything into build/bin
#   make help       list the targets
#   make deps       install what is missing (Debian)
#
# Every folder becomes one static library, built from its *.c files; a main.c
# is a program. What a program or a test links follows from layers.txt.
# Options: MODE=release|debug|asan|ubsan|tsan  O=build folder  CC=gcc|clang  V=1 (show commands)

MODE ?= release
O    ?= build$(if $(filter-out release,$(MODE)),/$(MODE))
CC   := $(if $(filter default,$(origin CC)),gcc,$(CC))
PREFIX ?= /usr/local
Q := $(if $(V),,@)# make V=1 shows the commands
VERSION := $(shell cat VERSION)

PACKAGES := libzmq3-dev libprotobuf-c-dev protobuf-c-compiler libsndfile1-dev libfftw3-dev \
  libsqlite3-dev libsoxr-dev libebur128-dev libsodium-dev libxxhash-dev libjansson-dev \
  libinih-dev libopenblas-dev libmicrohttpd-dev libcmocka-dev pkg-config gcc make clang \
  libclang-rt-14-dev clang-format python3-dev python3-venv

OPT_release := -O2
OPT_debug   := -O0 -g3
OPT_asan    := -O1 -fsanitize=address -fno-omit-frame-pointer
OPT_ubsan   := -O1 -fsanitize=undefined -fno-sanitize-recover=all
OPT_tsan    := -O1 -fsanitize=thread
$(if $(OPT_$(MODE)),,$(error MODE=$(MODE) is unknown: release, debug, asan, ubsan, tsan))

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
ARCH   := -march=x86-64-v3
CFLAGS := -std=c11 -D_GNU_SOURCE -g $(OPT_$(MODE)) $(ARCH) -ffp-contract=off -fno-math-errno $(WARN) -I. -I$(O)/gen \
  -DBANDSAW_VERSION='"$(VERSION)"' $(EXTRA_CFLAGS)
LDFLAGS := $(OPT_$(MODE)) -Wl,--as-needed -Wl,--gc-sections $(EXTRA_LDFLAGS)

# ---- folders ---------------------------------------------------------------
LIBDIRS := $(shell awk '!/^\#/ && NF {print $$1}' layers.txt)
srcs     = $(filter-out %/main.c,$(wildcard $(1)/*.c $(1)/*/*.c))
lib      = $(O)/lib/lib$(subst /,_,$(1)).a
reach    = $(shell awk -v mode=folders -v WANT='$(1)' -f tools/layers.awk layers.txt)
pkgs     = $(shell awk -v mode=pkgs -v WANT='$(1)' -f tools/layers.awk layers.txt)
have     = $(foreach d,$(1),$(if $(call srcs,$(d))$(filter proto,$(d)),$(d)))

# program = the folder that holds its main.c
PROGRAMS := simulator featurizer actor learner editor cli
BIN_cli  := bandsaw
bin       = $(O)/bin/$(or $(BIN_$(1)),bandsaw-$(1))
BUILT    := $(foreach p,$(PROGRAMS),$(if $(wildcard $(p)/main.c),$(call bin,$(p))))

# ---- tests: "// needs: folder folder" on a test's first line says what it links
TESTS_C := $(sort $(wildcard tests/unit/test_*.c))
TESTS   := $(TESTS_C:tests/unit/%.c=$(O)/tests/%)
BENCH_C := $(sort $(wildcard tests/bench/bench_*.c))
BENCHES := $(BENCH_C:tests/bench/%.c=$(O)/bench/%)
FUZZ_C  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS := $(FUZZ_C:tests/fuzz/%.c=$(O)/fuzz/%)
TRAIN_C := $(sort $(wildcard tests/train/train_*.c))
needs    = $(shell sed -n '1s,^// needs: *,,p' $(1))

.PHONY: all
all: check-deps $(BUILT) ## build every program into build/bin

$(foreach d,$(LIBDIRS),$(eval $(call lib,$(d)): $(patsubst %.c,$(O)/obj/%.o,$(call srcs,$(d)))))
$(call lib,proto): $(O)/obj/gen/proto/bandsaw.pb-c.o
$(O)/lib/%.a:
	@mkdir -p $(@D); rm -f $@
	@ar rcs $@ $^

$(O)/gen/proto/bandsaw.pb-c.c: proto/bandsaw.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=. --c_out=$(O)/gen $<
$(O)/gen/proto/bandsaw.pb-c.h: $(O)/gen/proto/bandsaw.pb-c.c ;
$(O)/obj/gen/proto/bandsaw.pb-c.o: $(O)/gen/proto/bandsaw.pb-c.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -w -c $< -o $@
$(patsubst %.c,$(O)/obj/%.o,$(wildcard common/net/*.c)): $(O)/gen/proto/bandsaw.pb-c.h

ifeq ($(MODE),release)
$(O)/obj/featurizer/dsp/stem%.o: CFLAGS += -O3 # loops over bins become vector code
endif
$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  cc    $<')
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# $(1) = output, $(2) = object, $(3) = folders wanted
define link_rule
$(1): $(2) $(foreach d,$(call have,$(call reach,$(3))),$(call lib,$(d)))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo '  link  $$@')
	$$(Q)$$(CC) $(LDFLAGS) $(4) $(2) -Wl,--start-group $(foreach d,$(call have,$(call reach,$(3))),$(call lib,$(d))) -Wl,--end-group \
	  $$(shell pkg-config --libs $(call pkgs,$(3)) $(5)) -lm -lpthread -o $$@
endef
$(foreach p,$(PROGRAMS),$(if $(wildcard $(p)/main.c),$(eval $(call link_rule,$(call bin,$(p)),$(O)/obj/$(p)/main.o,$(p)))))
$(foreach t,$(TESTS_C),$(eval $(call link_rule,$(t:tests/unit/%.c=$(O)/tests/%),$(O)/obj/$(t:.c=.o),$(call needs,$(t)),,cmocka)))
$(foreach t,$(BENCH_C),$(eval $(call link_rule,$(t:tests/bench/%.c=$(O)/bench/%),$(O)/obj/$(t:.c=.o),$(call needs,$(t)),,)))
$(foreach t,$(FUZZ_C),$(eval $(call link_rule,$(t:tests/fuzz/%.c=$(O)/fuzz/%),$(O)/obj/$(t:.c=.o),$(call needs,$(t)),-fsanitize=fuzzer,)))

$(foreach t,$(TRAIN_C),$(eval $(call link_rule,$(t:tests/train/%.c=$(O)/train/%),$(O)/obj/$(t:.c=.o),$(call needs,$(t)),,)))

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

# ---- people ----------------------------------------------------------------
.PHONY: help deps check-deps
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install the Debian packages that are missing
	@tools/deps.sh $(PACKAGES)

check-deps:
	@pkg-config --exists libzmq libprotobuf-c sndfile fftw3f sqlite3 soxr libebur128 libsodium libxxhash jansson inih openblas libmicrohttpd cmocka 2>/dev/null \
	  && command -v protoc-c >/dev/null || { echo "bandsaw: libraries are missing: run 'make deps'" >&2; exit 1; }

.PHONY: demo test test-long test-system lint asan ubsan tsan fuzz bench fmt install uninstall clean compile_commands.json docs
demo: ## raw sessions to edited songs, through every program (about 8 minutes, writes demo/)
	@tools/demo.sh

test: all $(TESTS) ## what a change can break, in a few minutes
	@tools/run-tests.sh $(O) $(TESTS) $(sort $(wildcard tests/system/local_*.sh))

test-long: all $(TESTS) ## the same with a hundred times the sequences and seeds
	@N=1000000 LONG=1 TEST_TIMEOUT_S=3600 tools/run-tests.sh $(O) $(TESTS) $(sort $(wildcard tests/system/local_*.sh))

test-system: all ## Docker (skips loudly where there is no engine)
	@tools/run-tests.sh $(O) $(sort $(wildcard tests/system/docker_*.sh))

lint: ## layers, headers, banned calls, formatting
	@tests/lint/lint.sh

asan ubsan tsan: ## unit tests under a sanitizer
	@$(MAKE) --no-print-directory MODE=$@ sanitized
.PHONY: sanitized
sanitized: $(TESTS)
	@SANITIZED=1 TSAN_OPTIONS=suppressions=tests/tsan.supp tools/run-tests.sh $(O) $(TESTS)

fuzz: ## every parser of outside bytes, FUZZ_S seconds each (default 10)
	@$(MAKE) --no-print-directory CC=clang O=build/fuzz EXTRA_CFLAGS='-fsanitize=fuzzer-no-link,address' EXTRA_LDFLAGS='-fsanitize=address' fuzzers
	@tools/run-fuzz.sh build/fuzz/fuzz $${FUZZ_S:-10}
.PHONY: fuzzers
fuzzers: $(FUZZERS)

bench: all $(BENCHES) ## the numbers, each checked before it is timed
	@for b in $(BENCHES); do echo "# $$b"; $$b || exit 1; done

bench-%: all $(O)/bench/bench_% ## one of them: make bench-env
	@$(O)/bench/bench_$*

.PHONY: python bench-python
bench-python: all python ## the same through Python, beside plain Python of the same rules
	@$(O)/python/bin/python tests/bench/bench_python.py $(O)

python: $(O)/python/installed ## the Gymnasium package with what its tests need, into build/python (from PyPI)
$(O)/python/installed: $(shell find python common/core common/song common/env -type f -not -path '*/build/*' -not -path '*.egg-info/*')
	@test -x $(O)/python/bin/python || python3 -m venv $(O)/python
	$(Q)$(O)/python/bin/pip install --quiet './python[test]'
	@touch $@

.PHONY: train-presence train-edges
train-presence: $(O)/train/train_presence ## refit what hears whether the band plays (about 10 minutes)
	@nice -n 10 $< -r $(O)/train/presence_rows.bin -o featurizer/dsp/presence_weights.inc

train-edges: $(O)/train/train_edges ## refit with which beats takes begin and end (about 8 minutes)
	@nice -n 10 $< -r $(O)/train/edge_rows.bin -o featurizer/dsp/edge_weights.inc

.PHONY: bench-align
bench-align: $(O)/bench/bench_align $(O)/bench/bench_project ## what is found of edits with known truth, and what of it comes back from actions
	@nice -n 10 $< && nice -n 10 $(O)/bench/bench_project

.PHONY: bench-hearing train-hearing train-stems train-flaw
bench-hearing: $(O)/bench/bench_hearing $(O)/bench/bench_elsewhere $(O)/bench/bench_stems $(O)/bench/bench_listening ## what is heard of 60 simulated sessions, and of music from elsewhere, and what it costs
	@$< -n 60 && $(O)/bench/bench_elsewhere && $(O)/bench/bench_stems && $(O)/bench/bench_listening

.PHONY: bench-charts bench-midi
# $(call packages,FOLDER,NAMES): unpacks Debian packages into build/FOLDER/NAME, once
packages = mkdir -p $(O)/$1 && cd $(O)/$1 && for p in $2; do \
	  [ -d $$p ] || { apt-get -q download $$p && dpkg-deb -x $${p}_*.deb $$p.part && mv $$p.part $$p && rm $${p}_*.deb; } || exit 1; done
bench-charts: all ## beats of real recordings whose musicians charted them (fetches two Debian packages, 58 MB)
	@$(call packages,charts,fretsonfire-songs-sectoid fretsonfire-songs-muldjord)
	@tests/bench/bench_charts.py $(O)/bin/bandsaw $(O)/charts

bench-midi: all ## beats of composed music, played by fluidsynth (fetches three Debian packages, 136 MB)
	@$(call packages,midi,openttd-openmsx freedoom fluid-soundfont-gm)
	@tests/bench/bench_midi.py $(O)/bin/bandsaw $(O)/midi

.PHONY: bench-sessions
bench-sessions: $(O)/bench/bench_sessions ## what 200 simulated sessions ask of an editor, and how fast they are made
	@$<

# Annotated music in a hundred styles for the choice of beat (needs fluidsynth; fetches three Debian packages, 124 MB)
$(O)/composed/done: tests/train/compose.py
	@$(call packages,midi,mma python3-mido fluid-soundfont-gm)
	@nice -n 10 $< $(O)/midi $(@D) && touch $@

train-hearing: $(O)/train/train_tempo $(O)/train/train_meter $(O)/train/train_tunes $(O)/composed/done ## refit the choice of beat, metre and tune
	@nice -n 10 $(O)/train/train_tempo -a $(O)/composed -o featurizer/dsp/tempo_weights.inc
	@nice -n 10 $(O)/train/train_meter -o featurizer/dsp/meter_weights.inc
	@nice -n 10 $(O)/train/train_tunes -o featurizer/dsp/tunes_weights.inc

train-stems: $(O)/train/train_stems $(O)/train/train_voice ## refit who plays and whether somebody sings (about 10 minutes)
	@nice -n 10 $(O)/train/train_stems -r $(O)/train/stem_rows.bin -o featurizer/dsp/stem_weights.inc
	@$(MAKE) --no-print-directory $(O)/train/train_voice
	@nice -n 10 $(O)/train/train_voice -r $(O)/train/voice_rows.bin -o featurizer/dsp/voice_weights.inc

train-flaw: $(O)/train/train_flaw ## refit the flaw model to what the simulator plays now (about 15 minutes)
	@nice -n 10 $< -r $(O)/train/flaw_rows.bin -o featurizer/dsp/flaw_weights.inc

fmt: ## clang-format on every C file
	@git ls-files '*.c' '*.h' | xargs clang-format -i

docs: all ## regenerate the tables under docs/
	@tools/gen-docs.sh $(O)

install: all ## programs into PREFIX/bin
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BUILT) $(DESTDIR)$(PREFIX)/bin
uninstall: ## remove them again
	rm -f $(foreach b,$(BUILT),$(DESTDIR)$(PREFIX)/bin/$(notdir $(b)))

compile_commands.json: ## for editors
	@bear -- $(MAKE) -B all

clean: ## remove build/
	rm -rf build
