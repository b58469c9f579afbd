# embed.mk: the component as other people build it.
#
#	make component TIER=n	B/component/ARCH-tN/libvmspace.a
#	make demo		B/component/ARCH-t1/demo: boots, see tests/embed
#	make port-check PORT=dir	your port against the contract
#	make dist		B/dist: sources to take away

TIER ?= 1
C := $(B)/component/$(ARCH)-t$(TIER)
NAMES := $(B)/gen/vmspace/names.h
INC_COMPONENT := -I embed/include -I $(B)/gen $(foreach d,port base phys dev pmap uvm sys,\
    -I $d/include) -I sys/$(ARCH) -I pmap/$(ARCH)
SRC_COMPONENT := $(shell awk '!/^\#/ && $$1 <= $(TIER) && $(TIER) <= $$2 \
    { print $$3 }' embed/sources)
CF_COMPONENT = -std=gnu11 -g -O2 $(WARN) -fno-strict-aliasing -fno-common \
    -DVMS_TIER=$(TIER) $(VMSFLAGS) -MMD -MP $(CF_KERN0) \
    $(CF_$(ARCH)) $(INC_COMPONENT)
CF_KERN0 := -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
    -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -mgeneral-regs-only

$(NAMES): tools/gennames embed/sources $(shell awk '!/^\#/ { print $$3 }' \
    embed/sources)
	$(Q)tools/gennames $@
$(C)/%.o: %.c | $(NAMES)
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CF_COMPONENT) -include embed/include/vmspace/build.h -c $< -o $@
$(C)/libvmspace.a: $(addprefix $(C)/,$(SRC_COMPONENT:.c=.o))
	$(Q)rm -f $@ && $(TRIPLET)-ar rcsD $@ $^
component: $(C)/libvmspace.a

#
# The demo: its own code, the public headers, the library.
#
CF_DEMO = -std=gnu11 -g -O2 $(WARN) $(CF_KERN0) $(CF_$(ARCH)) \
    -I embed/include -I port/include -MMD -MP
CF_USER_amd64 := -mno-red-zone
$(C)/demo/user.bin: port/demo/user.c port/demo/demo.h
	@mkdir -p $(@D)
	$(Q)$(KCC) -std=gnu11 -O2 $(WARN) $(CF_KERN0) $(CF_USER_$(ARCH)) \
	    -I embed/include -I port/include -nostdlib -static \
	    -Wl,-Ttext=0x400000,-N,--no-warn-rwx-segments,--build-id=none,-z,noexecstack \
	    -Wl,--section-start=.text.first=0x400000 $< -o $(@D)/user
	$(Q)$(TRIPLET)-objcopy -O binary $(@D)/user $@
$(C)/demo/%.o: port/demo/%.c
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CF_DEMO) -c $< -o $@
$(C)/demo/$(ARCH)-asm.o: port/demo/$(ARCH).S $(C)/demo/user.bin
	$(Q)$(KCC) -c -DUSER_BIN='"$(C)/demo/user.bin"' $< -o $@
$(C)/demo/demo: $(C)/demo/demo.o $(C)/demo/$(ARCH).o $(C)/demo/$(ARCH)-asm.o \
    $(C)/libvmspace.a port/demo/$(ARCH).ld
	$(Q)$(KCC) -nostdlib -static -Wl,-T,port/demo/$(ARCH).ld \
	    -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments \
	    -Wl,-z,max-page-size=4096 -o $@ $(filter %.o %.a,$^)
demo: $(C)/demo/demo

.PHONY: component demo

#
# The hosted port: all tiers in a Linux process, under sanitizers.
#	make tiers	B/component/host/tiers-1 to -5
#
HC := $(B)/component/host
CF_HC = -std=gnu11 -g -O1 $(WARN) -fno-strict-aliasing -fno-common \
    -fsanitize=address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE \
    -MMD -MP -Wno-unused-function
INC_HC := $(subst sys/$(ARCH),sys/amd64,$(subst pmap/$(ARCH),pmap/amd64,$(INC_COMPONENT)))
define hosted_tier
HSRC_$1 := $$(filter-out base/libc.c,$$(shell awk '!/^\#/ && $$$$1 <= $1 && \
    $1 <= $$$$2 { print $$$$3 }' embed/sources))
$$(HC)/$1/%.o: %.c
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CF_HC) -DVMS_TIER=$1 -DVMS_MAXCPU=$(if $(filter 1,$1),1,8) \
	    -DVMS_DEBUG=1 $$(if $$(filter port/% tests/% embed/check/%,$$<),-I embed/include \
	    -I port/include -I port/hosted,$$(INC_HC) -DVMSPACE_NO_NAMES \
	    -include embed/include/vmspace/build.h) -c $$< -o $$@
$$(HC)/tiers-$1: $$(HSRC_$1:%.c=$$(HC)/$1/%.o) $$(HC)/$1/port/hosted/hosted.o \
    $$(HC)/$1/tests/embed/tiers.o
	$$(Q)$$(CC) -fsanitize=address,undefined -o $$@ $$^ -lpthread
endef
$(foreach t,1 2 3 4 5,$(eval $(call hosted_tier,$t)))
TIERS ?= 1 2 3 4 5
tiers: $(TIERS:%=$(HC)/tiers-%)
.PHONY: tiers

#
# A port against its contract: PORT/port.mk says how to link and run it.
# BROKEN=file adds a function that replaces the port's own.
#
PORT ?= port/demo
P := $(B)/component/check-$(ARCH)
PORT_IMAGE = $(P)/$(subst /,-,$(PORT))$(notdir $(basename $(BROKEN)))
ifneq ($(filter port-check port-check-%,$(MAKECMDGOALS)),)
include $(PORT)/port.mk
TIER := $(PORT_TIER)
endif

$(P)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CF_DEMO) -DVMS_TIER=$(TIER) -c $< -o $@
PORT_CHECK ?= $(P)/embed/check/port_check.o
PORT_LIB ?= $(C)/libvmspace.a
PORT_LINK ?= $(KCC) -nostdlib -static $(PORT_LD) \
    -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments
PORT_BROKEN ?= $(BROKEN:%.c=$(P)/%.o)
# The broken port's function comes first, and wins.
$(PORT_IMAGE): $(PORT_BROKEN) $(PORT_OBJ) $(PORT_CHECK) $(PORT_LIB)
	$(Q)$(PORT_LINK) -o $@ $(if $(BROKEN),-Wl$(comma)-z$(comma)muldefs) $^ \
	    $(PORT_LDLIBS)
comma := ,
port-check: $(PORT_IMAGE)
	$(Q)timeout 60 sh -c '$(PORT_RUN)'

.PHONY: port-check

#
# What to take away.
#
VERSION := $(shell awk '/define VMS_VERSION_/ { v = v s $$3; s = "." } \
    END { print v }' embed/include/vmspace/vmspace.h)
dist: $(NAMES)
	$(Q)tools/mkdist $(B)/dist/vmspace-$(VERSION) $(VERSION) $(NAMES)
	@echo $(B)/dist/vmspace-$(VERSION)

.PHONY: dist

-include $(shell find $(B)/component -name "*.d" 2>/dev/null)
