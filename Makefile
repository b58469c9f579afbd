# Makefile: the kernel, its test image, the hosted unit tests, the root image.
#
#	make [ARCH=amd64] [DEBUG=1] [LOCKSTAT=1] [CC=clang-14] [V=1] [B=build] [target]
#
#	all		kernel and root image
#	unit		hosted unit tests, under ASan and UBSan: B/host/unit
#	vmsim detunit	the simulated machine; the tests of its engine
#	ktest		kernel with the unit tests linked in: .../vmspace-ktest
#	progs		programs of tests/user, as a root to overlay: .../testroot
#	layers		the nets that keep the layers apart
#	style		what tools/ can say about the source
#	mutants		seeded bugs: each has to be caught by its test
#	orders		memory orders: each has to be needed, or excused
#	lifecycle	docs/design/lifecycle.md, from comments beside tests
#	build-bench	Debian's gcc and make building C inside, and their times
#	bench		this kernel beside Linux; bench-quick: smaller sizes
#	bench-plots readme	what make bench left, as plots; in README.md
#	bench-host	cycles and instructions per page of the hosted release
#	conflicts	cache lines that operations share which need not
#	component demo port-check dist tiers	for other kernels: embed/embed.mk
#	size docs gdb tarball clean distclean

ARCH ?= amd64
DEBUG ?= 0
LOCKSTAT ?= 0
KASSERTS ?= 1
B ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG := $(findstring clang,$(CC))
O := $(B)/$(ARCH)$(if $(filter 1,$(DEBUG)),-debug)$(if $(filter 1,$(LOCKSTAT)),-lockstat)$(if $(filter 0,$(KASSERTS)),-unchecked)$(if $(CLANG),-clang)
H := $(B)/host$(if $(CLANG),-clang)
# The unit tests with another machine's tables, in a process of this one;
# GRANULE=16 or 64: arm64's larger pages.
GRANULE ?= 4
U := $(H)$(if $(filter-out amd64,$(ARCH)),/$(ARCH)-$(GRANULE))
GRANULE_16 := -DPAGE_SHIFT=14
GRANULE_64 := -DPAGE_SHIFT=16
CF_FORMAT_amd64 := -DHOST_FORMAT=mmu_amd64
CF_FORMAT_arm64 := -DHOST_FORMAT=mmu_arm64_$(GRANULE)k \
    $(GRANULE_$(GRANULE))
CF_FORMAT_riscv64 := -DHOST_FORMAT=mmu_sv48 -DRISCV_SV=48
Q := $(if $(V),,@)

# CC is for this machine; KCC makes kernels.  Debian's compilers answer to
# their triplets, native or cross.
TRIPLET_amd64 := x86_64-linux-gnu
TRIPLET_arm64 := aarch64-linux-gnu
TRIPLET := $(TRIPLET_$(ARCH))
KCC := $(if $(CLANG),$(CC) --target=$(TRIPLET),$(TRIPLET)-gcc)

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

#
# Layers, lowest first.  INC_x is what layer x may include; every layer also
# sees its own headers, <sys/...>, <machine/param.h> and the port's
# <md/inline.h>.  This is the first net.
#
LAYERS := base phys dev pmap uvm kern fs
INC_base := port
INC_phys := base port
INC_dev := phys base port
INC_pmap := phys base port
INC_uvm := pmap dev phys base
INC_kern := uvm pmap dev phys base port
INC_fs := kern uvm pmap dev phys base port
INC_all := port $(LAYERS)

SRC_pmap := $(wildcard pmap/*.c pmap/$(ARCH)/*.c)
$(foreach l,base phys dev uvm kern fs,$(eval SRC_$l := $(wildcard $l/*.c)))
ifneq ($(LOCKSTAT),1)
SRC_base := $(filter-out base/lockstat.c,$(SRC_base))
SRC_fs := $(filter-out fs/proclock.c,$(SRC_fs))
endif
SRC_arch := $(wildcard arch/common/*.c arch/$(ARCH)/*.c arch/$(ARCH)/*.S)
SRC_host := $(wildcard host/*.c host/mmu/mmu_*.c) host/det/swtch.c
SRC_test := $(wildcard tests/unit/*.c)
LDSCRIPT := $(firstword $(wildcard arch/$(ARCH)/*.ld))

incs = $(foreach d,$1 $(INC_$1),-I $d/include) -I sys/include \
    -I sys/$(ARCH) $(if $(filter pmap all,$1),-I pmap/$(ARCH)) \
    $(if $(filter kern fs all,$1),-I $(B)/gen)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wvla -Werror
CF_GEN := -std=gnu11 -g -O2 -fno-strict-aliasing -fno-common
CF_ALL := $(CF_GEN) $(WARN) -DDEBUG=$(DEBUG) -DLOCKSTAT=$(LOCKSTAT) -DKASSERTS=$(KASSERTS) -MMD -MP
CF_KERN = $(LTO) -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
    -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
    -mgeneral-regs-only -I arch/$(ARCH)/include
# Every order is written down; tools/orders says what for.
CF_ORDER := $(if $(CLANG),-Watomic-implicit-seq-cst)
CF_amd64 := -mno-red-zone -mcmodel=kernel
CF_arm64 := -mno-outline-atomics
# Release kernels by gcc are optimized as a whole.  The objects hold code of
# their own besides: the nets look at it, and test kernels link it, faster.
# "make LTO=" builds in less time.
LTO ?= $(if $(CLANG)$(filter 1,$(DEBUG) $(LOCKSTAT)),,-flto -ffat-lto-objects)
# The compiler calls what is in there when it no longer looks for definitions.
$(O)/base/libc.o $(O)/arch/common/ksyms.o: LTO :=
CF_HOST := -std=gnu11 -g -O1 $(WARN) -fno-strict-aliasing -fno-common \
    -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=all -D_GNU_SOURCE -DDEBUG=1 $(CF_FORMAT_$(ARCH)) \
    -I host/include -I host -MMD -MP
CF_TOOL := -std=gnu11 -g -O2 $(WARN) -D_GNU_SOURCE -MMD -MP

obj = $(addprefix $(O)/,$(addsuffix .o,$(basename $1)))
hobj = $(addprefix $(U)/,$(addsuffix .o,$(basename $1)))

all: image
image: $(O)/vmspace $(O)/initramfs.cpio $(B)/host/feed $(B)/host/mkswap
kernel: $(O)/vmspace
ktest: $(O)/vmspace-ktest
unit: $(U)/unit
progs: $(O)/testroot.stamp

#
# The kernel: one archive per layer and the architecture's objects.
#
define layer
$(O)/$1/%.o: $1/%.c
	@mkdir -p $$(@D)
	$(Q)$$(KCC) $(CF_ALL) $$(CF_KERN) $(CF_ORDER) $(CF_$(ARCH)) \
	    $(call incs,$1) -c $$< -o $$@
$(O)/lib$1.a: $(call obj,$(SRC_$1))
	$(Q)rm -f $$@ && $(TRIPLET)-ar rcsD $$@ $$^
$(U)/$1/%.o: $1/%.c
	@mkdir -p $$(@D)
	$(Q)$$(CC) $(CF_HOST) $(call incs,$1) -c $$< -o $$@
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$l)))

$(O)/arch/%.o: arch/%.c
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CF_ALL) $(CF_KERN) $(CF_ORDER) $(CF_$(ARCH)) \
	    $(call incs,all) -c $< -o $@
$(O)/arch/%.o: arch/%.S
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CF_ALL) $(CF_KERN) $(CF_$(ARCH)) $(call incs,all) \
	    -D__ASSEMBLER__ -c $< -o $@
$(O)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CF_ALL) $(CF_KERN) $(CF_$(ARCH)) $(call incs,all) \
	    -I tests/unit -c $< -o $@

# What kern/syscalls.tbl generates: prototypes for whoever includes them, and
# the table itself, which names handlers of both layers and so lies in fs.
SYSCALLS_H := $(B)/gen/kern/syscalls.h
$(SYSCALLS_H): kern/syscalls.tbl tools/gensyscalls.sh
	@mkdir -p $(@D)
	$(Q)tools/gensyscalls.sh header $< >$@
$(O)/gen/sysent.c: kern/syscalls.tbl tools/gensyscalls.sh
	@mkdir -p $(@D)
	$(Q)tools/gensyscalls.sh table $< $(ARCH) >$@
$(O)/gen/sysent.o: $(O)/gen/sysent.c
	$(Q)$(KCC) $(CF_ALL) $(CF_KERN) $(CF_$(ARCH)) $(call incs,fs) \
	    -c $< -o $@
$(O)/libfs.a: $(O)/gen/sysent.o
$(call obj,$(SRC_kern) $(SRC_fs) $(SRC_arch) $(SRC_test)) $(O)/gen/sysent.o \
    $(O)/headers.ok: | $(SYSCALLS_H)

LIBS := $(LAYERS:%=$(O)/lib%.a)
LINK = $(KCC) $(CF_GEN) $(CF_KERN) $(CF_$(ARCH)) -nostdlib -static \
    -Wl,-T,$(LDSCRIPT) -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
    -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -o $@ $(filter %.o,$^) \
    -Wl,--whole-archive $(LIBS) -Wl,--no-whole-archive

# Linked twice: the second time with a table of the first one's symbols, for
# backtraces.
$(O)/vmspace: LINK += $(LTO:-flto=-flto=2)
$(O)/vmspace: $(call obj,$(SRC_arch))
$(O)/vmspace-ktest: LINK += -fno-lto
$(O)/vmspace-ktest: $(call obj,$(SRC_arch) $(SRC_test))
$(O)/vmspace $(O)/vmspace-ktest: $(LIBS) $(LDSCRIPT) $(O)/layers.ok \
    arch/common/ksyms.awk
	$(Q)$(LINK)
	$(Q)$(TRIPLET)-nm -n $@ | LC_ALL=C awk -f arch/common/ksyms.awk >$@.ksyms.S
	$(Q)$(KCC) -c $@.ksyms.S -o $@.ksyms.o
	$(Q)$(LINK) $@.ksyms.o
	$(Q)$(if $(filter arm64,$(ARCH)),$(TRIPLET)-objcopy -O binary $@ $@.bin)

#
# The other two nets.  An image does not link while one of them is torn.
#
HEADERS := $(wildcard $(INC_all:%=%/include/*/*.h) sys/include/sys/*.h \
    sys/$(ARCH)/machine/*.h pmap/$(ARCH)/machine/*.h)
HDR_CC = $(KCC) $(filter-out -MMD -MP,$(CF_ALL)) $(CF_KERN) $(CF_$(ARCH))
INC_port :=
INC_sys :=

layers: $(O)/layers.ok
$(O)/layers.ok: $(O)/symbols.ok $(O)/headers.ok
	@touch $@
$(O)/symbols.ok: tools/checklayers $(LIBS)
	$(Q)tools/checklayers $(LIBS)
	@touch $@
$(O)/headers.ok: tools/checkheaders $(HEADERS) \
    $(wildcard arch/$(ARCH)/include/md/*.h)
	@mkdir -p $(@D)
	$(Q)tools/checkheaders cycle $(HEADERS) \
	    $(wildcard arch/$(ARCH)/include/md/*.h)
	$(Q)$(foreach l,port sys $(LAYERS),tools/checkheaders alone \
	    "$(HDR_CC) $(call incs,$l)" $(filter $l/%,$(HEADERS)) &&) :
	@touch $@

#
# Hosted: the same layers in a Linux process.  base/libc.c is what a hosted
# libc has; kern and fs stay out for now.
#
HOSTED := $(filter-out base/libc.c,$(SRC_base)) $(SRC_phys) $(SRC_dev) $(SRC_pmap) \
    $(SRC_uvm) $(SRC_host) \
    $(filter-out tests/unit/t_kern_% tests/unit/t_fs_%,$(SRC_test))

$(U)/host/%.o: host/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CF_HOST) $(call incs,all) -I tests/unit -c $< -o $@
$(U)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CF_HOST) $(call incs,all) -I tests/unit -c $< -o $@
$(U)/unit: $(call hobj,$(HOSTED))
	$(Q)$(CC) -fsanitize=address,undefined -o $@ $^ -lpthread

include host/vmsim.mk
include host/fuzz.mk
include embed/embed.mk

#
# The root image: Debian's busybox, our init, a few files below etc.
#
BUSYBOX := $(B)/pkg/$(ARCH)/busybox-static
NATIVE := $(shell dpkg --print-architecture)
LISTER := $(B)/pkg/$(NATIVE)/busybox-static/bin/busybox
CC_USER := $(TRIPLET)-gcc

$(B)/pkg/%/busybox-static/bin/busybox:
	$(Q)B=$(abspath $(B)) tools/getpkg $* busybox-static \
	    $(B)/pkg/$*/busybox-static
$(B)/host/mkcpio $(B)/host/feed $(B)/host/mkswap: $(B)/host/%: tools/%.c
	@mkdir -p $(@D)
	$(Q)gcc $(CF_TOOL) -o $@ $<
$(B)/$(ARCH)/init: user/init.c
	@mkdir -p $(@D)
	$(Q)$(CC_USER) $(CF_TOOL) -static -s -o $@ $<
$(O)/initramfs.cpio: tools/mkimage $(BUSYBOX)/bin/busybox $(LISTER) \
    $(B)/$(ARCH)/init $(B)/host/mkcpio $(wildcard user/etc/*)
	@mkdir -p $(@D)
	$(Q)tools/mkimage $(O)/root $(BUSYBOX)/bin/busybox $(LISTER) \
	    $(B)/$(ARCH)/init
	$(Q)$(B)/host/mkcpio $(O)/root >$@

# Programs of our own for the tests, each from one file.
LINK_isolate := -static-pie -fPIE
PROGS := $(patsubst tests/user/%.c,$(O)/testroot/t/%,$(wildcard tests/user/*.c))

$(O)/testroot/t/%: tests/user/%.c $(wildcard tests/user/*.h)
	@mkdir -p $(@D) $(O)/testdep
	$(Q)$(CC_USER) -std=gnu11 -g -O2 $(WARN) -D_GNU_SOURCE -pthread \
	    $(or $(LINK_$*),-static) -o $@ $<
$(O)/testroot.stamp: $(PROGS)
	@touch $@

#
# Measuring: one static program as pid 1 of this kernel and of Linux.
#
BENCH := $(B)/bench/$(ARCH)
$(BENCH)/root/init: bench/vmbench.c
	@mkdir -p $(@D)
	$(Q)$(CC_USER) -std=gnu11 -g -O2 $(WARN) -D_GNU_SOURCE -static -o $@ $<
$(BENCH)/root/tiny: bench/tiny.c
	@mkdir -p $(@D)
	$(Q)$(CC_USER) -O2 -static -nostdlib -o $@ $<
$(BENCH)/root.cpio: $(BENCH)/root/init $(BENCH)/root/tiny $(B)/host/mkcpio
	@mkdir -p $(BENCH)/root/dev
	$(Q)$(B)/host/mkcpio $(BENCH)/root >$@
bench-image: $(BENCH)/root.cpio
# What was measured last, again drawn, and into README.md.
bench-plots:
	$(Q)B=$(abspath $(B)) bench/plot $(ARCH)
readme:
	$(Q)B=$(abspath $(B)) bench/readme
build-bench: image
	$(Q)B=$(abspath $(B)) ARCH=$(ARCH) bench/build
bench: kernel bench-image $(B)/host/mkswap $(H)/vmsim-amd64
	$(Q)$(MAKE) ARCH=$(ARCH) KASSERTS=0 kernel
	$(Q)ln -sf vmsim-amd64 $(H)/vmsim
	$(Q)B=$(abspath $(B)) ARCH=$(ARCH) bench/bench
bench-quick: kernel bench-image $(B)/host/mkswap
	$(Q)B=$(abspath $(B)) ARCH=$(ARCH) bench/bench quick

# The kernel's objects as a release, in a process; beside the Linux beneath.
R := $(B)/host-release/$(ARCH)
CF_BENCH := -std=gnu11 -g -O2 $(WARN) -fno-strict-aliasing -fno-common \
    -fno-omit-frame-pointer -D_GNU_SOURCE -DDEBUG=0 $(CF_FORMAT_$(ARCH)) \
    -I host/include -I host \
    -MMD -MP
SRC_hostbench := $(filter-out host/unit_main.c,$(filter-out tests/%,$(HOSTED))) \
    bench/hosted.c
$(R)/bench/hosted_linux.o: bench/hosted_linux.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CF_TOOL) -c $< -o $@
$(R)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CF_BENCH) $(call incs,all) -c $< -o $@
$(R)/hosted: $(addprefix $(R)/,$(SRC_hostbench:.c=.o)) $(R)/bench/hosted_linux.o
	$(Q)$(CC) -o $@ $^ -lpthread
bench-host: $(R)/hosted
	$(Q)$(R)/hosted
	$(Q)B=$(abspath $(B)) bench/callgrind

# Cache lines that operations share which need not.
conflicts: $(H)/vmsim-amd64
	$(Q)ln -sf vmsim-amd64 $(H)/vmsim
	$(Q)B=$(abspath $(B)) bench/conflicts
	$(Q)B=$(abspath $(B)) bench/conflicts growth

#
# The rest.
#
style:
	$(Q)tools/checkstyle

# Seeded bugs, each of which a test has to catch.
mutants:
	$(Q)B=$(abspath $(B)) tools/mutants
orders: vmsim
	$(Q)B=$(abspath $(B)) tools/orders

lifecycle:
	$(Q)tools/genlifecycle

# Lines by layer; code and data of the component by tier and machine.
size:
	@tools/sizes $(ARCH)
	@tools/sizes component

# Pages and pictures say what the source says; HTML in B/docs.
docs: $(SYSCALLS_H)
	$(Q)mandoc -T lint -W warning docs/man/*.?
	$(Q)B=$(abspath $(B)) tools/checkman
	$(Q)tools/genfigures -c
	$(Q)mkdir -p $(B)/docs
	$(Q)for f in docs/man/*.?; do \
	    mandoc -T html -O man=%N.%S.html,style=mandoc.css $$f \
	    >$(B)/docs/$${f##*/}.html || exit 1; done
	$(Q)cp docs/man/mandoc.css $(B)/docs/

# A kernel that waits for "make gdb" in another terminal:
#	QEMUFLAGS='-s -S' ./run
gdb: $(O)/vmspace
	gdb -q $< -x tools/gdb/vmspace.py -ex 'target remote :1234'

REVISION = $(shell git describe --always --dirty)
tarball:
	@mkdir -p $(B)
	git archive --prefix=vmspace-$(REVISION)/ \
	    -o $(B)/vmspace-$(REVISION).tar.gz HEAD

# What was downloaded stays until distclean.
clean:
	rm -rf $(filter-out $(B)/pkg $(B)/apt,$(wildcard $(B)/*))
distclean:
	rm -rf $(B)

.PHONY: bench-plots readme bench-host conflicts bench build-bench bench-image bench-quick all image kernel ktest unit progs layers style mutants lifecycle orders size \
    docs gdb tarball \
    clean distclean

-include $(shell find $(O) $(H) $(B)/host -name '*.d' 2>/dev/null)
