# fuzz.mk: differential fuzzing, vmsim against Linux.
#
#	make fuzz	FUZZTIME seconds (60) of libFuzzer on a machine whose
#			kernel tells it what it covers; needs clang.  Inputs
#			worth keeping go to B/fuzz/corpus, failing ones to
#			B/fuzz.
#
# The coverage pass gives each function a section; phystext is all of phys.
# `vmsim fuzz` is the same with random programs, and needs no clang.

FUZZTIME ?= 60
FUZZCC ?= clang-14
FZ := $(B)/fuzz
FUZZ_TSAN := -ffreestanding -fsanitize=thread \
    -fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp \
    -fno-optimize-sibling-calls -mllvm -tsan-instrument-func-entry-exit=0
FUZZ_PORT := $(filter-out host/vmsim/vmsim.c,$(SIM_PORT))
FUZZ_OBJ := $(SIM_KERNEL:%.c=$(FZ)/k/%.o) $(SIM_GLUE:%.c=$(FZ)/k/%.o) \
    $(FUZZ_PORT:%.c=$(FZ)/p/%.o) $(FZ)/p/host/vmsim/vmsim.o \
    $(FZ)/p/tests/sim/libfuzzer.o $(ENGINE:%.c=$(FZ)/e/%.o) $(FZ)/sysent.o

$(FZ)/k/%.o: %.c host/det/wrap.syms | $(SYSCALLS_H)
	@mkdir -p $(@D)
	$(Q)$(FUZZCC) $(CF_SIM) $(FUZZ_TSAN) -I host $(SIMINC_amd64) -c $< -o $@
	$(Q)objcopy --redefine-syms=host/det/wrap.syms \
	    --redefine-sym __tsan_read1=fuzz_read1 \
	    --redefine-sym __tsan_write1=fuzz_write1 \
	    $(if $(filter phys/%,$<),$$(objdump -h $@ | awk '$$2 ~ /^\.text/ \
	        { print "--rename-section " $$2 "=phystext" }')) $@
$(FZ)/p/%.o: %.c | $(SYSCALLS_H)
	@mkdir -p $(@D)
	$(Q)$(FUZZCC) $(CF_SIM) $(CF_PORT) $(SIMINC_amd64) -Dmain=vmsim_main \
	    -Wno-missing-prototypes -DSIM_FORMAT='"amd64"' -c $< -o $@
$(FZ)/e/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZCC) $(CF_SIM) $(CF_PORT) -c $< -o $@
$(FZ)/sysent.o: $(B)/gen/sim-sysent.c | $(SYSCALLS_H)
	@mkdir -p $(@D)
	$(Q)$(FUZZCC) $(CF_SIM) $(SIMINC_amd64) -c $< -o $@
$(FZ)/fuzz: $(FUZZ_OBJ)
	$(Q)$(FUZZCC) -fsanitize=fuzzer -no-pie $(SIM_WRAP:%=-Wl,--wrap=%) \
	    -Wl,-z,noexecstack -o $@ $^

fuzz-build: $(FZ)/fuzz
fuzz: $(FZ)/fuzz
	@mkdir -p $(FZ)/corpus
	@echo "fuzzing for $(FUZZTIME) s (FUZZTIME=N for another time)"
	$(Q)$(FZ)/fuzz -max_total_time=$(FUZZTIME) -max_len=352 \
	    -len_control=0 -print_final_stats=1 -artifact_prefix=$(FZ)/ \
	    $(FZ)/corpus

-include $(FUZZ_OBJ:.o=.d)
.PHONY: fuzz fuzz-build
