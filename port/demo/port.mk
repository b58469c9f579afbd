# port.mk: what "make port-check PORT=port/demo" has to know of this port.
#	PORT_TIER	how far it goes
#	PORT_OBJ	what to link besides the component and the check
#	PORT_LD		how
#	PORT_RUN	a command that boots $@, and ends when it halts
PORT_TIER := 1
PORT_OBJ = $(P)/port/demo/demo.o $(P)/port/demo/$(ARCH).o \
    $(C)/demo/$(ARCH)-asm.o
PORT_LD = -Wl,-T,port/demo/$(ARCH).ld -Wl,-z,max-page-size=4096
PORT_RUN_amd64 = qemu-system-x86_64 -M q35 -m 64 -kernel $(PORT_IMAGE) \
    -display none -no-reboot -serial stdio \
    -device isa-debug-exit,iobase=0xf4,iosize=4; test $$? -eq 1
PORT_RUN_arm64 = qemu-system-aarch64 -M virt -cpu cortex-a72 -m 64 \
    -kernel $(PORT_IMAGE) -display none -no-reboot -serial stdio -semihosting
PORT_RUN = $(PORT_RUN_$(ARCH))
