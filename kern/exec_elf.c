/*
 * exec_elf.c: ELF images into a fresh address space.
 *
 * Every PT_LOAD is a private mapping of the file's object; what it has more
 * in memory than in the file is anonymous.  Position-independent images go
 * where there is room: the program at two thirds of user space, as programs
 * expect, its interpreter below the mappings.
 */
#include <kern/exec.h>
#include <sys/elf.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <port/machdep.h>

#define MAXPHNUM 64

/* One file on its way into memory. */
struct elf_file {
	struct exec_image *ef_image;
	struct elf_header ef_hdr;
	struct elf_phdr *ef_phdr; /* kmem, ef_hdr.e_phnum of them */
	vaddr_t ef_bias;          /* added to every address in the file */
	vaddr_t ef_low, ef_high;  /* pages of the file's own addresses */
};

/* Read len bytes of the file; ENOEXEC if it has not got them. */
static int
elf_read(struct exec_image *ei, uint64_t off, void *buf, size_t len)
{
	size_t done = 0;
	int error;

	if (off > ei->ei_size || len > ei->ei_size - off)
		return ENOEXEC;
	error = uvm_object_io(ei->ei_obj, off, buf, 0, len, false, &done);
	if (error == 0 && done != len)
		error = ENOEXEC;
	return error;
}

/* A header of our machine that we can run, and the span it wants. */
static int
elf_open(struct exec_image *ei, struct elf_file *ef)
{
	struct elf_header *h = &ef->ef_hdr;
	const struct elf_phdr *ph;
	bool load = false;
	size_t len;
	int error;

	memset(ef, 0, sizeof(*ef));
	ef->ef_image = ei;
	error = elf_read(ei, 0, h, sizeof(*h));
	if (error != 0)
		return error;
	if (memcmp(h->e_ident, ELF_MAGIC, 4) != 0 ||
	    h->e_ident[ELF_CLASS] != ELF_CLASS64 ||
	    h->e_ident[ELF_DATA] != ELF_DATALSB ||
	    h->e_machine != MACHINE_ELF ||
	    (h->e_type != ET_EXEC && h->e_type != ET_DYN) ||
	    h->e_phentsize != sizeof(*ph) || h->e_phnum == 0 ||
	    h->e_phnum > MAXPHNUM)
		return ENOEXEC;
	len = h->e_phnum * sizeof(*ph);
	ef->ef_phdr = kmem_alloc(len, 0);
	if (ef->ef_phdr == NULL)
		return ENOMEM;
	error = elf_read(ei, h->e_phoff, ef->ef_phdr, len);
	if (error != 0)
		return error;

	ef->ef_low = VM_MAXUSER_ADDRESS;
	for (ph = ef->ef_phdr; ph < ef->ef_phdr + h->e_phnum; ph++) {
		if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
			continue;
		if (ph->p_filesz > ph->p_memsz ||
		    ph->p_vaddr >= VM_MAXUSER_ADDRESS ||
		    ph->p_memsz >= VM_MAXUSER_ADDRESS - ph->p_vaddr ||
		    ph->p_offset % PAGE_SIZE != ph->p_vaddr % PAGE_SIZE ||
		    ph->p_offset + ph->p_filesz < ph->p_offset)
			return ENOEXEC;
		load = true;
		ef->ef_low = MIN(ef->ef_low, trunc_page(ph->p_vaddr));
		ef->ef_high =
		    MAX(ef->ef_high, round_page(ph->p_vaddr + ph->p_memsz));
	}
	if (!load || ef->ef_high <= ef->ef_low)
		return ENOEXEC;
	return h->e_type == ET_EXEC && ef->ef_low < VM_MIN_ADDRESS ? EPERM : 0;
}

static void
elf_close(struct elf_file *ef)
{
	if (ef->ef_phdr != NULL)
		kmem_free(ef->ef_phdr,
		    ef->ef_hdr.e_phnum * sizeof(*ef->ef_phdr));
	ef->ef_phdr = NULL;
}

/* Choose where a position-independent image goes; ET_EXEC has no choice. */
static int
elf_place(struct elf_file *ef, struct vmspace *vm, bool interp, bool aslr)
{
	struct uvm_mapargs args = {0};
	vaddr_t va = 0;
	int error;

	if (ef->ef_hdr.e_type == ET_EXEC)
		return 0;
	if (!interp) {
		va = trunc_page(VM_MAXUSER_ADDRESS / 3 * 2) +
		     exec_random(aslr, 1UL << 28);
		ef->ef_bias = va - ef->ef_low;
		return 0;
	}
	/* Find a hole by mapping it; the segments replace the place holder. */
	args.um_maxprot = PROT_ALL;
	args.um_inherit = INHERIT_COPY;
	args.um_flags = VE_COW;
	error = uvm_map(&vm->vm_map, &va, ef->ef_high - ef->ef_low, &args);
	if (error != 0)
		return error;
	ef->ef_bias = va - ef->ef_low;
	return uvm_unmap(&vm->vm_map, va, va + (ef->ef_high - ef->ef_low));
}

/* The bytes between the end of a segment's file part and of its page. */
static int
elf_zero_tail(struct vmspace *vm, vaddr_t va, vaddr_t end)
{
	static const char zeroes[512];
	size_t done, len;
	int error;

	for (; va < end; va += len) {
		len = MIN(end - va, sizeof(zeroes));
		error = uvm_io(vm, va, (void *)(uintptr_t)zeroes, len, true,
		    UVM_FAULT_FORCE, &done);
		if (error != 0)
			return error;
	}
	return 0;
}

static int
elf_map_segment(struct elf_file *ef, const struct elf_phdr *ph,
    struct vmspace *vm)
{
	struct uvm_mapargs args = {0};
	vaddr_t start, filend, end, va;
	int error = 0;

	start = trunc_page(ef->ef_bias + ph->p_vaddr);
	filend = round_page(ef->ef_bias + ph->p_vaddr + ph->p_filesz);
	end = round_page(ef->ef_bias + ph->p_vaddr + ph->p_memsz);
	if (ph->p_filesz == 0)
		filend = start;
	args.um_prot = (ph->p_flags & PF_R ? PROT_READ : 0) |
		       (ph->p_flags & PF_W ? PROT_WRITE : 0) |
		       (ph->p_flags & PF_X ? PROT_EXEC : 0);
	args.um_maxprot = PROT_ALL;
	args.um_inherit = INHERIT_COPY;
	args.um_flags = VE_COW;
	args.um_how = UVM_MAP_FIXED;

	if (filend > start) {
		args.um_obj = ef->ef_image->ei_obj;
		args.um_off = trunc_page(ph->p_offset);
		uvm_object_ref(args.um_obj);
		va = start;
		error = uvm_map(&vm->vm_map, &va, filend - start, &args);
		if (error != 0) {
			uvm_object_free(args.um_obj);
			return error;
		}
		if (ph->p_memsz > ph->p_filesz && (ph->p_flags & PF_W))
			error = elf_zero_tail(vm,
			    ef->ef_bias + ph->p_vaddr + ph->p_filesz, filend);
	}
	if (error == 0 && end > filend) {
		args.um_obj = NULL;
		args.um_off = 0;
		va = filend;
		error = uvm_map(&vm->vm_map, &va, end - filend, &args);
	}
	return error;
}

static int
elf_map(struct elf_file *ef, struct vmspace *vm)
{
	const struct elf_phdr *ph;
	int error;

	if (ef->ef_bias + ef->ef_high >= VM_MAXUSER_ADDRESS)
		return ENOMEM;
	for (ph = ef->ef_phdr; ph < ef->ef_phdr + ef->ef_hdr.e_phnum; ph++) {
		if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
			continue;
		error = elf_map_segment(ef, ph, vm);
		if (error != 0)
			return error;
	}
	return 0;
}

/* What the program and /proc want to know of the image. */
static void
elf_layout(const struct elf_file *ef, struct exec_layout *el)
{
	const struct elf_header *h = &ef->ef_hdr;
	const struct elf_phdr *ph;
	vaddr_t va;

	el->el_entry = ef->ef_bias + h->e_entry;
	el->el_start = el->el_entry;
	el->el_phnum = h->e_phnum;
	el->el_brk = ef->ef_bias + ef->ef_high;
	for (ph = ef->ef_phdr; ph < ef->ef_phdr + h->e_phnum; ph++) {
		va = ef->ef_bias + ph->p_vaddr;
		if (ph->p_type == PT_PHDR)
			el->el_phdr = va;
		if (ph->p_type == PT_GNU_STACK)
			el->el_execstack = (ph->p_flags & PF_X) != 0;
		if (ph->p_type != PT_LOAD)
			continue;
		if (el->el_phdr == 0 && h->e_phoff >= ph->p_offset &&
		    h->e_phoff - ph->p_offset < ph->p_filesz)
			el->el_phdr = va + (h->e_phoff - ph->p_offset);
		if (ph->p_flags & PF_X) {
			el->el_text = va;
			el->el_etext = va + ph->p_filesz;
		}
		if (ph->p_flags & PF_W) {
			el->el_data = va;
			el->el_edata = va + ph->p_filesz;
		}
	}
}

/* Map the interpreter that the image names in ph. */
static int
elf_interp(struct exec_image *ei, const struct elf_phdr *ph, struct vmspace *vm,
    bool aslr, struct exec_layout *el)
{
	struct exec_image *image;
	struct elf_file ef;
	char path[256];
	int error;

	if (ph->p_filesz < 2 || ph->p_filesz > sizeof(path))
		return ENOEXEC;
	error = elf_read(ei, ph->p_offset, path, ph->p_filesz);
	if (error != 0)
		return error;
	if (path[ph->p_filesz - 1] != '\0' || kern_fs == NULL)
		return ENOEXEC;
	image = kmem_alloc(sizeof(*image), PA_ZERO);
	if (image == NULL)
		return ENOMEM;
	error = kern_fs->fo_open_image(AT_FDCWD, path, 0, image);
	if (error == 0) {
		error = elf_open(image, &ef);
		if (error == ENOEXEC)
			error = ELIBBAD;
		if (error == 0)
			error = elf_place(&ef, vm, true, aslr);
		if (error == 0)
			error = elf_map(&ef, vm);
		if (error == 0) {
			el->el_base = ef.ef_bias;
			el->el_start = ef.ef_bias + ef.ef_hdr.e_entry;
		}
		elf_close(&ef);
		kern_fs->fo_close_image(image);
	}
	kmem_free(image, sizeof(*image));
	return error;
}

int
exec_load(struct exec_image *ei, const void *head, size_t headlen,
    struct vmspace *vm, bool aslr, struct exec_layout *el)
{
	const struct elf_phdr *ph;
	struct elf_file ef;
	int error;

	memset(el, 0, sizeof(*el));
	if (headlen < 4 || memcmp(head, ELF_MAGIC, 4) != 0)
		return ENOEXEC;
	error = elf_open(ei, &ef);
	if (error == 0)
		error = elf_place(&ef, vm, false, aslr);
	if (error == 0)
		error = elf_map(&ef, vm);
	if (error == 0) {
		elf_layout(&ef, el);
		for (ph = ef.ef_phdr; ph < ef.ef_phdr + ef.ef_hdr.e_phnum; ph++)
			if (ph->p_type == PT_INTERP) {
				error = elf_interp(ei, ph, vm, aslr, el);
				break;
			}
	}
	elf_close(&ef);
	return error;
}
