# port.mk: how "make port-check PORT=port/hosted" links and runs this port.
PORT_TIER := 5
PORT_OBJ = $(HC)/5/port/hosted/hosted.o $(HC)/5/port/hosted/check.o
PORT_CHECK = $(HC)/5/embed/check/port_check.o
PORT_LIB = $(HSRC_5:%.c=$(HC)/5/%.o)
PORT_BROKEN = $(BROKEN:%.c=$(HC)/5/%.o)
PORT_LINK = $(CC) -fsanitize=address,undefined
PORT_LDLIBS = -lpthread
PORT_RUN = $(PORT_IMAGE)
