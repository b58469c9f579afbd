/*
 * simfs.c (vmsim): what kern asks of fs, for scripts.
 *
 * Every program of the script is an ELF image: its text is the script, which
 * is not read but counted; behind it lie the names of all programs and an
 * argument vector for each, so that a script can call execve(); data and bss
 * follow.
 */
#include <string.h>

#include <sys/abi.h>
#include <sys/elf.h>
#include <sys/errno.h>
#include <base/print.h>
#include <kern/exec.h>
#include <kern/proc.h>
#include <fs/sysent.h>
#include <uvm/object.h>

#include "sim.h"

#define TEXT_LEN   round_page(NINSN *INSN_SIZE + PAGE_SIZE)
#define NAMES_AT   (NINSN * INSN_SIZE)
#define VECTORS_AT (NAMES_AT + 2048)
#define IMAGE_LEN  (PAGE_SIZE + TEXT_LEN + DATA_LEN)
_Static_assert(NPROGRAM *NNAME <= 2048 && NPROGRAM * 16 <= 2048, "one page");
_Static_assert(TEXT_BASE + TEXT_LEN <= DATA_BASE, "text, then data");

static struct uvm_object *images[NPROGRAM];

static void
put(struct uvm_object *uo, uint64_t off, const void *p, size_t len)
{
	size_t done;
	int error;

	error =
	    uvm_object_io(uo, off, (void *)(uintptr_t)p, 0, len, true, &done);
	if (error != 0 || done != len)
		panic("image: error %d", error);
}

static void
image_create(u_int i)
{
	struct elf_header h = {.e_type = ET_EXEC,
	    .e_machine = MACHINE_ELF,
	    .e_version = 1,
	    .e_phoff = sizeof h,
	    .e_ehsize = sizeof h,
	    .e_phentsize = sizeof(struct elf_phdr),
	    .e_phnum = 2};
	struct elf_phdr ph[2] = {{.p_type = PT_LOAD,
				     .p_flags = PF_R | PF_X,
				     .p_offset = PAGE_SIZE,
				     .p_vaddr = TEXT_BASE,
				     .p_filesz = TEXT_LEN,
				     .p_memsz = TEXT_LEN,
				     .p_align = PAGE_SIZE},
	    {.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = PAGE_SIZE + TEXT_LEN,
		.p_vaddr = DATA_BASE,
		.p_filesz = DATA_LEN,
		.p_memsz = DATA_LEN + BSS_LEN,
		.p_align = PAGE_SIZE}};
	uint64_t vec[2] = {0, 0};
	char name[NNAME];
	u_int k;

	memcpy(h.e_ident, ELF_MAGIC, 4);
	h.e_ident[ELF_CLASS] = ELF_CLASS64;
	h.e_ident[ELF_DATA] = ELF_DATALSB;
	h.e_entry = TEXT_BASE + script.sc_program[i].p_first * INSN_SIZE;
	if (uao_create(IMAGE_LEN, &images[i]) != 0)
		panic("image: no memory");
	for (k = 0; k < IMAGE_LEN / PAGE_SIZE; k++) /* all resident */
		put(images[i], ptoa(k), vec, 8);
	put(images[i], 0, &h, sizeof h);
	put(images[i], sizeof h, ph, sizeof ph);
	for (k = 0; k < script.sc_nprogram; k++) {
		memcpy(name, script.sc_program[k].p_name, NNAME);
		put(images[i], PAGE_SIZE + NAMES_AT + k * NNAME, name, NNAME);
		vec[0] = TEXT_BASE + NAMES_AT + k * NNAME;
		put(images[i], PAGE_SIZE + VECTORS_AT + k * 16, vec, 16);
	}
}

static void
mount_root(const void *initrd __unused, size_t len __unused)
{
	u_int i;

	for (i = 0; i < script.sc_nprogram; i++)
		image_create(i);
	sim_disk_init(script.sc_file);
	if (script.sc_swap != 0 && sim_swap_init(script.sc_swap) != 0)
		panic("no swap");
}

static int
open_image(int dirfd __unused, const char *path, u_int flags __unused,
    struct exec_image *ei)
{
	const struct program *p;

	p = strcmp(path, "/sbin/init") == 0 ? &script.sc_program[0]
					    : script_program(path);
	if (p == NULL)
		return ENOENT;
	ei->ei_obj = images[p - script.sc_program];
	uvm_object_ref(ei->ei_obj);
	ei->ei_size = IMAGE_LEN;
	ei->ei_mode = 0100755;
	strlcpy(ei->ei_path, p->p_name, sizeof ei->ei_path);
	return 0;
}

static void
close_image(struct exec_image *ei)
{
	uvm_object_free(ei->ei_obj);
	ei->ei_obj = NULL;
}

static int
open_console(struct proc *p __unused)
{
	return 0;
}

static int
file_mmap(int fd, vm_prot_t prot __unused, u_int flags __unused,
    uint64_t off __unused, struct uvm_object **uop, vm_prot_t *maxprotp)
{
	if (sim_rerun_mmap(fd, uop, maxprotp) == 0)
		return 0;
	return fd >= SIM_FILE_FD ? sim_file_open((u_int)(fd - SIM_FILE_FD), uop)
				 : sim_fuzz_mmap(fd, uop, maxprotp);
}

static int
no_fork(struct proc *parent __unused, struct proc *child __unused,
    u_int flags __unused)
{
	return 0;
}

static void
no_exec(struct proc *p __unused, struct exec_image *ei __unused)
{
}

static void
no_exit(struct proc *p __unused)
{
}

static int
no_pidfd(int fd __unused, struct proc **pp __unused)
{
	return EBADF;
}

static void
ended(void)
{
	sim_exit_reaped();
}

static const struct fs_upcalls upcalls = {
    .fo_fork = no_fork,
    .fo_exec = no_exec,
    .fo_exit = no_exit,
    .fo_open_image = open_image,
    .fo_close_image = close_image,
    .fo_mmap = file_mmap,
    .fo_mount_root = mount_root,
    .fo_open_console = open_console,
    .fo_pidfd = no_pidfd,
    .fo_changed = ended,
};

void
sim_fs_register(void)
{
	kern_fs = &upcalls;
	kern_syscall_init(sysent, nsysent);
}

long
sim_syscall_number(const char *name)
{
	u_int i;

	for (i = 0; i < nsysent; i++)
		if (sysent[i].sy_name != NULL &&
		    strcmp(sysent[i].sy_name, name) == 0)
			return (long)i;
	return -1;
}

const char *
sim_syscall_name(long nr)
{
	return sysent[nr].sy_name;
}
