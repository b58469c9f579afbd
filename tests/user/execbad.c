/*
 * execbad.c: exec of what is no program is refused with the right errno, and
 * the caller lives on; a program cut short dies alone.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <elf.h>
#include <fcntl.h>
#include "t.h"

static char path[] = "/tmp/execbad.XXXXXX";

static void
put(const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	CHECK(fd != -1);
	CHECK(write(fd, data, len) == (ssize_t)len);
	CHECK(close(fd) == 0);
}

/* errno of an exec of the file in a child; 0: it ran or died running. */
static int
try_exec(void)
{
	char *argv[] = {path, NULL};
	int status;
	pid_t pid;

	pid = fork();
	CHECK(pid != -1);
	if (pid == 0) {
		execv(path, argv);
		_exit(errno);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

#ifdef __aarch64__
#define MACHINE EM_AARCH64
/* mov x0, #0; mov x8, #93; svc #0: exit(0) */
#define EXIT 0x00, 0x00, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4
#else
#define MACHINE EM_X86_64
/* xor edi,edi; mov eax,60; syscall: exit(0) */
#define EXIT    0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05
#endif

/* A header and one segment, as a base for mistakes. */
struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	unsigned char text[64];
};

static struct image
good(void)
{
	struct image im = {.eh = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2,
				      ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				      EV_CURRENT},
			       .e_type = ET_EXEC,
			       .e_machine = MACHINE,
			       .e_version = EV_CURRENT,
			       .e_entry =
				   0x400000 + offsetof(struct image, text),
			       .e_phoff = offsetof(struct image, ph),
			       .e_ehsize = sizeof(Elf64_Ehdr),
			       .e_phentsize = sizeof(Elf64_Phdr),
			       .e_phnum = 1},
	    .ph = {.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = 0x400000,
		.p_filesz = sizeof(struct image),
		.p_memsz = sizeof(struct image),
		.p_align = PAGE},
	    .text = {EXIT}};

	return im;
}

static void
mistakes(void)
{
	struct image im = good();

	put(&im, sizeof(im));
	CHECK(try_exec() == 0);
	im.eh.e_machine = EM_RISCV;
	put(&im, sizeof(im));
	CHECK(try_exec() == ENOEXEC);
	im = good();
	im.eh.e_phnum = 0;
	put(&im, sizeof(im));
	try_exec(); /* either way */
	im = good();
	im.eh.e_phoff = ~0UL - 100;
	put(&im, sizeof(im));
	CHECK(try_exec() != 0);
	im = good();
	im.ph.p_filesz = im.ph.p_memsz + 1;
	put(&im, sizeof(im));
	try_exec();
	im = good();
	im.ph.p_vaddr = 0xffff800000000000;
	put(&im, sizeof(im));
	try_exec();
	im = good();
	im.ph.p_memsz = ~0UL;
	put(&im, sizeof(im));
	try_exec();
	im = good();
	im.eh.e_entry = 0xdead0000dead0000;
	put(&im, sizeof(im));
	CHECK(try_exec() == 0); /* it starts, and dies */
	im = good();
	im.eh.e_phnum = 0xffff;
	put(&im, sizeof(im));
	CHECK(try_exec() != 0);
}

/* Random changes to a good image: anything may happen to the child. */
static void
noise(unsigned int seed)
{
	struct image im;
	int i, j;

	srandom(seed);
	for (i = 0; i < 200; i++) {
		im = good();
		for (j = 0; j < 4; j++)
			((unsigned char *)&im)[(size_t)random() %
					       offsetof(struct image, text)] =
			    (unsigned char)random();
		put(&im, (size_t)random() % 4 ? sizeof(im)
					      : (size_t)random() % sizeof(im));
		try_exec();
	}
}

int
main(void)
{
	char *argv[] = {path, NULL};
	void *volatile wild = (void *)8;
	int fd = mkstemp(path);

	CHECK(fd != -1 && close(fd) == 0);
	FAILS(EACCES, execv(path, argv)); /* not executable */
	CHECK(chmod(path, 0755) == 0);
	CHECK(try_exec() == ENOEXEC); /* empty */
	put("\177ELF", 4);
	CHECK(try_exec() == ENOEXEC);
	put("garbage\n", 8);
	CHECK(try_exec() == ENOEXEC);
	put("#!/no/such/interpreter\n", 23);
	CHECK(try_exec() == ENOENT);
	FAILS(ENOENT, execv("/no/such/file", argv));
	FAILS(EACCES, execv("/tmp", argv));
	FAILS(EFAULT, execv(wild, argv));
	FAILS(EFAULT, execv(path, wild));
	mistakes();
	noise(1);
	CHECK(unlink(path) == 0);
	return 0;
}
