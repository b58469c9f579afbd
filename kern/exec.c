/*
 * exec.c: replacing the image of a process.
 *
 * The new space is always a fresh one, built while nobody runs in it, so
 * that until the last moment a failure leaves the caller as it was.  Then the
 * other threads are made to go and the process changes over: foreign readers
 * are turned away (EBUSY) from before its credentials change until it is the
 * new program in every respect, so none gets at a set-id image with a right
 * that it had to the old one.  The old space is left like in an exit, and
 * purged if no vfork parent and no clone uses it.
 */
#include <kern/exec.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <kern/futex.h>
#include <kern/ptimer.h>
#include <kern/ptrace.h>

#define HEADLEN       256 /* of the file, as far as #! is looked for */
#define SCRIPT_DEPTH  4   /* interpreters of interpreters */
#define STACK_INITIAL (128UL << 10)
#define STACK_MINGAP  (128UL << 20) /* room that is always kept for it */
#define MODE_SETUID   04000u
#define MODE_SETGID   02000u
#define MODE_XGRP     00010u
#define NAUX          20

/* One exec on its way. */
struct exec_run {
	struct exec_image er_image;
	struct exec_strings *er_strings;
	struct exec_layout er_layout;
	struct ucred er_cred;  /* of the new program */
	struct vmspace *er_vm; /* the new space */
	vaddr_t er_sp;         /* its first stack pointer */
	bool er_aslr;
	bool er_secure; /* set-id: the environment is not to be trusted */
	size_t er_headlen;
	char er_head[HEADLEN + 1];
};

vaddr_t
exec_random(bool aslr, u_long npages)
{
	uint64_t r = 0;

	KASSERT(npages > 0);
	if (aslr)
		md_entropy(&r, sizeof(r));
	return ptoa(r % npages);
}

/* Open path and read its first bytes. */
static int
exec_open(struct exec_run *er, int dirfd, const char *path, u_int flags)
{
	int error;

	if (kern_fs == NULL)
		return ENOENT;
	memset(&er->er_image, 0, sizeof(er->er_image));
	error = kern_fs->fo_open_image(dirfd, path, flags, &er->er_image);
	if (error != 0)
		return error;
	memset(er->er_head, 0, sizeof(er->er_head));
	error = uvm_object_io(er->er_image.ei_obj, 0, er->er_head, 0,
	    MIN(er->er_image.ei_size, HEADLEN), false, &er->er_headlen);
	if (error != 0)
		kern_fs->fo_close_image(&er->er_image);
	return error;
}

static bool
isblank_(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * The file begins with "#!": its interpreter and one argument, cut out of the
 * first line in place.  ENOEXEC: there is none, or the line is too long.
 */
static int
script_parse(char *line, char **interp, char **arg)
{
	char *s = line + 2, *end;

	end = strchr(s, '\n');
	if (end == NULL && strlen(line) == HEADLEN)
		return ENOEXEC;
	if (end == NULL)
		end = s + strlen(s);
	while (end > s && (isblank_(end[-1]) || end[-1] == '\r'))
		end--;
	*end = '\0';
	while (isblank_(*s))
		s++;
	if (*s == '\0')
		return ENOEXEC;
	*interp = s;
	while (*s != '\0' && !isblank_(*s))
		s++;
	*arg = NULL;
	if (*s != '\0') {
		*s++ = '\0';
		while (isblank_(*s))
			s++;
		*arg = s;
	}
	return 0;
}

/*
 * Open path, and if it is a script its interpreter instead, and so on.  The
 * interpreter gets the name that es_path has.
 */
static int
exec_resolve(struct exec_run *er, int dirfd, const char *path, u_int flags)
{
	char *interp, *arg;
	char *name;
	u_int depth;
	int error;

	name = kmem_alloc(PATH_MAX, 0);
	if (name == NULL)
		return ENOMEM;
	strlcpy(name, path, PATH_MAX);
	for (depth = 0;; depth++) {
		error = exec_open(er, dirfd, name, flags);
		if (error != 0)
			break;
		if (er->er_head[0] != '#' || er->er_head[1] != '!')
			break;
		if (er->er_image.ei_cloexec)
			error = ENOENT;
		else if (depth == SCRIPT_DEPTH)
			error = ELOOP;
		else
			error = script_parse(er->er_head, &interp, &arg);
		if (error == 0)
			error = exec_strings_script(er->er_strings,
			    depth == 0 ? er->er_strings->es_path : name, interp,
			    arg);
		kern_fs->fo_close_image(&er->er_image);
		if (error != 0)
			break;
		strlcpy(name, interp, PATH_MAX);
		dirfd = AT_FDCWD;
		flags = 0;
	}
	kmem_free(name, PATH_MAX);
	return error;
}

/* Who the new program runs as. */
static void
exec_cred(struct exec_run *er)
{
	const struct exec_image *ei = &er->er_image;
	struct ucred *cr = &er->er_cred;

	*cr = curproc()->ps_cred;
	if ((ei->ei_mode & MODE_SETUID) != 0 && !cr->cr_nonewprivs)
		cr->cr_euid = ei->ei_uid;
	if ((ei->ei_mode & (MODE_SETGID | MODE_XGRP)) ==
		(MODE_SETGID | MODE_XGRP) &&
	    !cr->cr_nonewprivs)
		cr->cr_egid = ei->ei_gid;
	cr->cr_suid = cr->cr_fsuid = cr->cr_euid;
	cr->cr_sgid = cr->cr_fsgid = cr->cr_egid;
	er->er_secure = cr->cr_euid != cr->cr_uid || cr->cr_egid != cr->cr_gid;
}

/*
 * Where the stack and the mappings below it go.  The lowest address the stack
 * may ever reach is fixed here, so that growing can be refused without a lock.
 */
static void
exec_place_stack(struct exec_run *er)
{
	struct vmspace *vm = er->er_vm;
	uint64_t gap;
	vaddr_t top;

	gap = curproc()->ps_rlimit[RLIMIT_STACK].rlim_cur;
	gap = MIN(MAX(gap, STACK_MINGAP), VM_MAXUSER_ADDRESS / 6);
	top = VM_MAXUSER_ADDRESS - exec_random(er->er_aslr, 1UL << 22);
	vm->vm_minsaddr = top;
	vm->vm_maxsaddr = trunc_page(top - gap);
	vm->vm_map.vm_mmapbase = vm->vm_maxsaddr - VM_STACK_MAXGAP -
				 exec_random(er->er_aslr, 1UL << 24);
}

/* The first piece of stack, with room for need bytes. */
static int
exec_map_stack(struct exec_run *er, size_t need)
{
	struct vmspace *vm = er->er_vm;
	struct uvm_mapargs args = {0};
	vaddr_t va;
	int error;

	args.um_prot = PROT_READ | PROT_WRITE |
		       (er->er_layout.el_execstack ? PROT_EXEC : 0);
	args.um_maxprot = PROT_ALL;
	args.um_inherit = INHERIT_COPY;
	args.um_flags = VE_COW | VE_STACK;
	args.um_how = UVM_MAP_FIXED | UVM_MAP_NOREPLACE;
	need = round_page(need + STACK_INITIAL);
	va = vm->vm_minsaddr - need;
	error = uvm_map(&vm->vm_map, &va, need, &args);
	if (error == 0)
		vm->vm_ssize = need;
	return error == EEXIST ? ENOMEM : error;
}

/* Words on their way to the new stack, upwards. */
struct stack_writer {
	struct vmspace *sw_vm;
	vaddr_t sw_va;
	u_int sw_n;
	int sw_error; /* the first */
	uint64_t sw_word[64];
};

static int
stack_write(struct vmspace *vm, vaddr_t va, const void *buf, size_t len)
{
	size_t done;

	return len == 0 ? 0
			: uvm_io(vm, va, (void *)(uintptr_t)buf, len, true,
			      UVM_FAULT_FORCE, &done);
}

static void
stack_flush(struct stack_writer *sw)
{
	if (sw->sw_error == 0)
		sw->sw_error = stack_write(sw->sw_vm, sw->sw_va, sw->sw_word,
		    sw->sw_n * sizeof(sw->sw_word[0]));
	sw->sw_va += sw->sw_n * sizeof(sw->sw_word[0]);
	sw->sw_n = 0;
}

static void
stack_put(struct stack_writer *sw, uint64_t word)
{
	if (sw->sw_n == nitems(sw->sw_word))
		stack_flush(sw);
	sw->sw_word[sw->sw_n++] = word;
}

static void
stack_aux(struct stack_writer *sw, uint64_t type, uint64_t value)
{
	stack_put(sw, type);
	stack_put(sw, value);
}

/* The auxiliary vector.  The addresses are of strings on the stack. */
static void
exec_put_aux(struct exec_run *er, struct stack_writer *sw, vaddr_t random,
    vaddr_t platform, vaddr_t execfn)
{
	const struct exec_layout *el = &er->er_layout;
	const struct ucred *cr = &er->er_cred;

	stack_aux(sw, AT_HWCAP, md_hwcap());
	stack_aux(sw, AT_PAGESZ, PAGE_SIZE);
	stack_aux(sw, AT_CLKTCK, CLK_TCK);
	stack_aux(sw, AT_PHDR, el->el_phdr);
	stack_aux(sw, AT_PHENT, 56);
	stack_aux(sw, AT_PHNUM, el->el_phnum);
	stack_aux(sw, AT_BASE, el->el_base);
	stack_aux(sw, AT_FLAGS, 0);
	stack_aux(sw, AT_ENTRY, el->el_entry);
	stack_aux(sw, AT_UID, cr->cr_uid);
	stack_aux(sw, AT_EUID, cr->cr_euid);
	stack_aux(sw, AT_GID, cr->cr_gid);
	stack_aux(sw, AT_EGID, cr->cr_egid);
	stack_aux(sw, AT_SECURE, er->er_secure);
	stack_aux(sw, AT_RANDOM, random);
	stack_aux(sw, AT_HWCAP2, md_hwcap2());
	stack_aux(sw, AT_PLATFORM, platform);
	stack_aux(sw, AT_EXECFN, execfn);
	stack_aux(sw, AT_MINSIGSTKSZ, MINSIGSTKSZ);
	stack_aux(sw, AT_NULL, 0);
}

/* Pointers to the strings between two offsets, which lie at va. */
static void
exec_put_pointers(struct stack_writer *sw, const struct exec_strings *es,
    size_t off, size_t end, vaddr_t va)
{
	vaddr_t base = va - off;

	for (; off < end; off = exec_strings_next(es, off))
		stack_put(sw, base + off);
}

/* argc, argv, envp and the auxiliary vector, as programs find them at sp. */
static int
exec_put_vectors(struct exec_run *er, vaddr_t random, vaddr_t platform,
    vaddr_t execfn)
{
	const struct exec_strings *es = er->er_strings;
	struct vmspace *vm = er->er_vm;
	struct stack_writer sw = {.sw_vm = vm, .sw_va = er->er_sp};
	const char *pre = es->es_pre + sizeof(es->es_pre) - es->es_prelen;
	vaddr_t va = vm->vm_argaddr;
	u_int i;

	stack_put(&sw, es->es_npre + es->es_argc - es->es_nskip);
	for (i = 0; i < es->es_npre; i++) {
		stack_put(&sw, va);
		va += strlen(pre) + 1;
		pre += strlen(pre) + 1;
	}
	exec_put_pointers(&sw, es, es->es_skip, es->es_argend, va);
	stack_put(&sw, 0);
	exec_put_pointers(&sw, es, es->es_argend, es->es_len, vm->vm_envaddr);
	stack_put(&sw, 0);
	stack_flush(&sw);
	vm->vm_auxaddr = sw.sw_va;
	exec_put_aux(er, &sw, random, platform, execfn);
	stack_flush(&sw);
	vm->vm_auxend = sw.sw_va;
	return sw.sw_error;
}

/* The strings of argv and envp themselves, upwards from va. */
static int
exec_put_strings(struct exec_run *er, vaddr_t va)
{
	const struct exec_strings *es = er->er_strings;
	struct vmspace *vm = er->er_vm;
	size_t off, len;
	int error;

	vm->vm_argaddr = va;
	error = stack_write(vm, va,
	    es->es_pre + sizeof(es->es_pre) - es->es_prelen, es->es_prelen);
	va += es->es_prelen;
	vm->vm_argend = vm->vm_envaddr = va + (es->es_argend - es->es_skip);
	for (off = es->es_skip; error == 0 && off < es->es_len; off += len) {
		len = MIN(PAGE_SIZE - off % PAGE_SIZE, es->es_len - off);
		error = stack_write(vm, va,
		    es->es_page[atop(off)] + off % PAGE_SIZE, len);
		va += len;
	}
	vm->vm_envend = va;
	return error;
}

/*
 * The stack as a program finds it: from the top down a null word, the path,
 * the strings, the platform's name, sixteen random bytes, the vectors.
 */
static int
exec_stack(struct exec_run *er)
{
	const struct exec_strings *es = er->er_strings;
	struct vmspace *vm = er->er_vm;
	vaddr_t va, execfn, platform, random;
	const char *name = md_platform();
	size_t strings, nwords;
	uint8_t bytes[16];
	int error;

	if (es->es_npre + es->es_argc - es->es_nskip == 0)
		return EINVAL; /* a program without a name is a trap for it */
	strings = es->es_prelen + es->es_len - es->es_skip;
	nwords = 1 + es->es_npre + es->es_argc - es->es_nskip + 1 +
		 es->es_envc + 1 + 2 * NAUX;
	error = exec_map_stack(er, strings + nwords * 8 + PATH_MAX);
	if (error != 0)
		return error;

	execfn = vm->vm_minsaddr - 8 - (strlen(es->es_path) + 1);
	va = execfn - strings;
	error = stack_write(vm, execfn, es->es_path, strlen(es->es_path) + 1);
	if (error == 0)
		error = exec_put_strings(er, va);
	platform = va - (strlen(name) + 1);
	if (error == 0)
		error = stack_write(vm, platform, name, strlen(name) + 1);
	random = (platform - sizeof(bytes)) & ~(vaddr_t)15;
	md_entropy(bytes, sizeof(bytes));
	if (error == 0)
		error = stack_write(vm, random, bytes, sizeof(bytes));
	er->er_sp = (random - nwords * 8) & ~(vaddr_t)15;
	if (error == 0)
		error = exec_put_vectors(er, random, platform, execfn);
	return error;
}

/* Build the new space: image, stack, heap. */
static int
exec_build(struct exec_run *er)
{
	struct vmspace *vm;
	struct exec_layout *el = &er->er_layout;
	int error;

	error = uvmspace_create(&er->er_vm);
	if (error != 0)
		return error;
	vm = er->er_vm;
	uvmspace_limits(vm, curproc()->ps_rlimit[RLIMIT_AS].rlim_cur,
	    curproc()->ps_rlimit[RLIMIT_DATA].rlim_cur);
	exec_place_stack(er);
	error = exec_load(&er->er_image, er->er_head, er->er_headlen, vm,
	    er->er_aslr, el);
	if (error == 0)
		error = sigcode_map(vm);
	if (error != 0)
		return error;
	vm->vm_taddr = el->el_text;
	vm->vm_tend = el->el_etext;
	vm->vm_daddr = el->el_data;
	vm->vm_dend = el->el_edata;
	vm->vm_brkbase = vm->vm_brk =
	    el->el_brk + exec_random(er->er_aslr, 1UL << 13);
	return exec_stack(er);
}

/* Leave the old space like an exit does; the process runs in the new one. */
static void
exec_leave_space(struct proc *p, struct vmspace *old)
{
	bool last;

	KASSERT(p->ps_vmspace != old);
	KASSERT(lock_none());
	last = uvmspace_leave(old);
	proc_vfork_done(p);
	if (last) {
		uvmspace_purge(old);
		KASSERT(old->vm_map.vm_state == VM_DEAD);
	}
	uvmspace_free(old);
}

/* What the process is called: the last component of the path, or the file's name. */
static void
exec_name(struct exec_run *er)
{
	const char *path = er->er_strings->es_byfd ? er->er_image.ei_path
						   : er->er_strings->es_path,
		   *base;

	base = strrchr(path, '/');
	base = base != NULL ? base + 1 : path;
	lwp_setname(curlwp(), base);
}

/*
 * Who traces the process, and is not root, would gain what the new image
 * gains: it gains nothing then.  From here on nobody can attach, as the
 * process is in exec.
 */
static void
exec_untrusted(struct proc *p, struct exec_run *er)
{
	struct ucred *cr = &er->er_cred;

	KASSERT(p->ps_inexec);
	mutex_enter(&proctree_lock);
	if (er->er_secure && ptrace_secure(p)) {
		cr->cr_euid = cr->cr_suid = cr->cr_fsuid = cr->cr_uid;
		cr->cr_egid = cr->cr_sgid = cr->cr_fsgid = cr->cr_gid;
	}
	mutex_exit(&proctree_lock);
}

/* The point of no return: change over to the new image.  Cannot fail. */
static void
exec_commit(struct exec_run *er)
{
	struct proc *p = curproc();
	struct vmspace *old = p->ps_vmspace, *vm = er->er_vm;

	KASSERT(p->ps_nlwp == 1);
	mutex_enter(&p->ps_vmlock);
	p->ps_inexec = true;
	mutex_exit(&p->ps_vmlock);

	if (old != NULL)
		futex_lwp_exit();
	exec_untrusted(p, er);
	mutex_enter(&p->ps_lock);
	p->ps_cred = er->er_cred;
	p->ps_dumpable = !er->er_secure;
	p->ps_lockfuture = 0;
	p->ps_barriers = 0;
	mutex_exit(&p->ps_lock);
	lwp_take_pid(curlwp());
	md_frame_exec(curthread(), er->er_layout.el_start, er->er_sp);
	mutex_enter(&p->ps_vmlock);
	p->ps_vmspace = vm;
	mutex_exit(&p->ps_vmlock);
	er->er_vm = NULL;
	lwp_switch_pmap(vm_pmap(vm));
	if (old != NULL)
		exec_leave_space(p, old);

	exec_name(er);
	sig_exec(p);
	ptimer_delete_all(p, false);
	if (kern_fs != NULL)
		kern_fs->fo_exec(p, &er->er_image);
	mutex_enter(&proctree_lock);
	p->ps_execd = true;
	p->ps_exitsig = SIGCHLD;
	if (er->er_secure)
		p->ps_pdeathsig = 0;
	mutex_exit(&proctree_lock);
	mutex_enter(&p->ps_vmlock);
	p->ps_inexec = false;
	mutex_exit(&p->ps_vmlock);
	count_add(COUNT_EXEC, 1);
}

/* The name of what execveat() runs, for the program itself to see. */
static void
exec_path(struct exec_strings *es, int dirfd, const char *path)
{
	es->es_byfd = *path == '\0';
	if (dirfd == AT_FDCWD || *path == '/')
		strlcpy(es->es_path, path, sizeof(es->es_path));
	else if (es->es_byfd)
		ksnprintf(es->es_path, sizeof(es->es_path), "/dev/fd/%d",
		    dirfd);
	else
		ksnprintf(es->es_path, sizeof(es->es_path), "/dev/fd/%d/%s",
		    dirfd, path);
}

int
proc_exec(int dirfd, const char *path, u_int flags, struct exec_strings *es)
{
	struct exec_run *er;
	int error;

	KASSERT(lock_none());
	er = kmem_alloc(sizeof(*er), PA_ZERO);
	if (er == NULL)
		return ENOMEM;
	er->er_strings = es;
	exec_path(es, dirfd, path);
	er->er_aslr = (curproc()->ps_persona & ADDR_NO_RANDOMIZE) == 0 &&
		      kern_param_num("aslr", 1) != 0;
	error = exec_resolve(er, dirfd, path, flags);
	if (error == 0) {
		exec_cred(er);
		error = exec_build(er);
		if (error == 0)
			error = proc_single();
		if (error == 0)
			exec_commit(er);
		else if (er->er_vm != NULL)
			uvmspace_free(er->er_vm);
		kern_fs->fo_close_image(&er->er_image);
	}
	kmem_free(er, sizeof(*er));
	KASSERT(lock_none());
	return error;
}
