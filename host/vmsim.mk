# vmsim.mk: the simulated machine, and the tests of its engine.
#
#	make vmsim	B/host/vmsim, one more program for each table format
#	make vmsim-par	the same on real threads, under ThreadSanitizer
#	make detunit	B/host/detunit
#
# The kernel's own files are compiled with -fsanitize=thread and linked with
# host/det in place of the sanitizer's runtime; see host/det/tsanrt.c.

SIM_FORMATS := amd64 arm64 arm64-16k arm64-64k sv39 sv48
SIM_ARCH_amd64 := amd64
SIM_ARCH_arm64 := arm64
SIM_ARCH_arm64-16k := arm64
SIM_ARCH_arm64-64k := arm64
SIM_ARCH_sv39 := riscv64
SIM_ARCH_sv48 := riscv64
SIM_DEF_arm64-16k := $(GRANULE_16)
SIM_DEF_arm64-64k := $(GRANULE_64)
SIM_DEF_sv39 := -DRISCV_SV=39
SIM_DEF_sv48 := -DRISCV_SV=48
# Whose system call numbers scripts use.
SIM_CALLS := amd64

CF_SIM := -std=gnu11 -g -O2 -fno-strict-aliasing -fno-common -fno-pie \
    -fno-omit-frame-pointer -DDEBUG=0 -MMD -MP
CF_TSAN := -ffreestanding -fsanitize=thread -fno-optimize-sibling-calls \
    $(if $(CLANG),-mllvm -tsan-instrument-func-entry-exit=0,-Wno-tsan \
    --param=tsan-instrument-func-entry-exit=0 \
    -fno-reorder-blocks-and-partition)
CF_PORT := $(WARN) -D_GNU_SOURCE -I host
# What the port wants to know of phys: host/vmsim/account.c.
SIM_WRAP := page_alloc page_alloc_batch page_alloc_run page_free page_free_run \
    page_free_batch page_free_spans pool_get pool_put pool_get_batch \
    pool_put_batch pool_put_runs kmem_alloc kmem_free
# Where the phases of an exit meet: host/vmsim/cost.c.
SIM_WRAP += uvmspace_leave uvmspace_purge uvmspace_free pmap_purge

ENGINE := $(wildcard host/det/*.c host/mmu/*.c)
SIMTEST := tests/sim/simmain.c tests/sim/mmutest.c
SIMTEST_TSAN := tests/sim/litmus.c tests/sim/toy.c tests/sim/engtest.c \
    tests/sim/refcount.c
SIM_KERNEL := $(filter-out base/libc.c,$(foreach l,base phys dev uvm kern,\
    $(SRC_$l))) $(wildcard pmap/*.c)
# Of the port, what counts as kernel: instrumented.
SIM_GLUE := host/vmsim/glue.c host/vmsim/simdisk.c host/vmsim/bare.c
SIM_PORT := $(filter-out $(SIM_GLUE),$(wildcard host/vmsim/*.c))

$(H)/sim/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CF_SIM) $(CF_PORT) -c $< -o $@
$(H)/simtsan/%.o: %.c host/det/wrap.syms
	@mkdir -p $(@D)
	$(Q)$(CC) $(CF_SIM) $(CF_PORT) $(CF_TSAN) -c $< -o $@
	$(Q)objcopy --redefine-syms=host/det/wrap.syms $@
# The kernel's own header, and what it includes.
$(H)/simtsan/tests/sim/refcount.o: CF_PORT += -I base/include -I port/include \
    -I sys/include -I sys/amd64
$(H)/detunit: $(ENGINE:%.c=$(H)/sim/%.o) $(SIMTEST:%.c=$(H)/sim/%.o) \
    $(SIMTEST_TSAN:%.c=$(H)/simtsan/%.o)
	$(Q)$(CC) -no-pie -o $@ $^

# Calls of fs are not there: the same table without them.
$(B)/gen/sim-sysent.c: kern/syscalls.tbl tools/gensyscalls.sh
	@mkdir -p $(@D)
	$(Q)awk '$$3 == "fs" { $$3 = "-" } 1' $< >$@.tbl
	$(Q)tools/gensyscalls.sh table $@.tbl $(SIM_CALLS) >$@

# $1: format, $2: architecture.
define simformat
SIMINC_$1 := $(INC_all:%=-I %/include) -I sys/include -I sys/$2 -I pmap/$2 \
    -I host/vmsim/include -I $(B)/gen $$(SIM_DEF_$1)
$(H)/sim-$1/%.o: %.c host/det/wrap.syms | $(SYSCALLS_H)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $(CF_SIM) $(CF_TSAN) -I host $$(SIMINC_$1) -c $$< -o $$@
	$(Q)objcopy --redefine-syms=host/det/wrap.syms \
	    $$(if $$(filter phys/%,$$<),--rename-section .text=phystext) $$@
$(H)/sim-$1/port/%.o: host/vmsim/%.c | $(SYSCALLS_H)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $(CF_SIM) $(CF_PORT) $$(SIMINC_$1) \
	    -DSIM_FORMAT='"$1"' -c $$< -o $$@
$(H)/sim-$1/sysent.o: $(B)/gen/sim-sysent.c | $(SYSCALLS_H)
	@mkdir -p $$(@D)
	$(Q)$$(CC) $(CF_SIM) $$(SIMINC_$1) -c $$< -o $$@
$(H)/vmsim-$1: $(SIM_KERNEL:%.c=$(H)/sim-$1/%.o) \
    $(SIM_PORT:host/vmsim/%.c=$(H)/sim-$1/port/%.o) \
    $(SIM_GLUE:%.c=$(H)/sim-$1/%.o) $(ENGINE:%.c=$(H)/sim/%.o) \
    $(H)/sim-$1/sysent.o
	$(Q)$$(CC) -no-pie $(SIM_WRAP:%=-Wl,--wrap=%) -Wl,-z,noexecstack \
	    -o $$@ $$^
endef
$(foreach f,$(SIM_FORMATS),$(eval $(call simformat,$f,$(SIM_ARCH_$f))))

# The same on real threads, for ThreadSanitizer: the kernel's objects with its
# runtime instead of ours.  memcpy() and its like get their names back, and
# host/par/order.c is between the kernel's atomics and the sanitizer.
$(H)/par-%.o: $(H)/sim-%.o host/par/wrap.syms
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-syms=host/par/wrap.syms $< $@
$(H)/par/%.o: host/par/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CF_SIM) $(CF_PORT) -c $< -o $@
define parformat
$(H)/vmsim-par-$1: $(SIM_KERNEL:%.c=$(H)/par-$1/%.o) \
    $(SIM_GLUE:%.c=$(H)/par-$1/%.o) \
    $(SIM_PORT:host/vmsim/%.c=$(H)/sim-$1/port/%.o) \
    $(patsubst %.c,$(H)/sim/%.o,$(wildcard host/mmu/*.c) host/det/swtch.c \
    host/det/sym.c) $(H)/par/par.o $(H)/par/turns.o $(H)/par/order.o \
    $(H)/sim-$1/sysent.o
	$(Q)$$(CC) -no-pie -fsanitize=thread -pthread \
	    $(SIM_WRAP:%=-Wl,--wrap=%) -Wl,-z,noexecstack -o $$@ $$^
endef
$(foreach f,$(SIM_FORMATS),$(eval $(call parformat,$f)))
vmsim-par: $(H)/vmsim-par-amd64

# vmsim finds its siblings by name.
$(H)/vmsim: $(SIM_FORMATS:%=$(H)/vmsim-%)
	$(Q)ln -sf vmsim-amd64 $@
vmsim: $(H)/vmsim
detunit: $(H)/detunit

.PHONY: vmsim vmsim-par detunit
