/*
 * exec.h: replacing the image of a process.
 *
 * Everything that can fail is done in a fresh address space that nobody runs
 * in; then the process is made single-threaded and changes over.
 */
#ifndef KERN_EXEC_H
#define KERN_EXEC_H

#include <sys/types.h>
#include <machine/param.h>
#include <kern/proc.h>

/*
 * The strings of argv and envp on their way from the old space to the new:
 * one after the other with their NULs, in pages.  A script's interpreter and
 * its argument take the place of argv[0]: they are in es_pre, and es_skip
 * bytes of the pages are left out.
 */
struct exec_strings {
	u_int es_argc, es_envc; /* strings in the pages */
	size_t es_len;          /* bytes in the pages */
	size_t es_limit;        /* as many as there may be, with pointers */
	size_t es_argend;       /* of them argv's */
	size_t es_skip;         /* bytes of argv[0] that are left out */
	u_int es_nskip;         /* 1 if so */
	u_int es_npre;          /* strings in es_pre */
	size_t es_prelen;       /* bytes at the end of es_pre */
	char es_pre[1024];
	char es_path[PATH_MAX]; /* what execfn says */
	bool es_byfd;           /* a descriptor names the file */
	char *es_page[ARG_LIMIT / PAGE_SIZE];
};

/*
 * exec_strings_create: empty, limited as the caller is; NULL: no memory.  _free: with what is in it.
 * exec_strings_add: one more string, of the kernel (ustr 0) or of the caller's
 *	space; argv's first, then envp's (env true).  E2BIG, EFAULT, ENOMEM.
 */
struct exec_strings *exec_strings_create(void);
void exec_strings_free(struct exec_strings *es);
int exec_strings_add(struct exec_strings *es, const char *kstr, vaddr_t ustr,
    bool env);

/*
 * exec_strings_next: the offset behind the string at off.
 * exec_strings_script: path is a script: interp, arg (may be NULL) and path
 *	take the place of argv[0].  ENOEXEC: too long.
 */
size_t exec_strings_next(const struct exec_strings *es, size_t off);
int exec_strings_script(struct exec_strings *es, const char *path,
    const char *interp, const char *arg);

/*
 * proc_exec: run path below dirfd, as execveat(2) with these flags.  0: the
 *	caller's frame is the new program's.  On failure nothing has changed.
 *	EBADF, ENOTDIR, ENOENT, EACCES, ENOEXEC, ELOOP, E2BIG,
 *	ENOMEM, ETXTBSY, EIO, EINTR (being killed).  No lock held.
 */
int proc_exec(int dirfd, const char *path, u_int flags,
    struct exec_strings *es);

/*
 * What the loader of an image format reports: exec_elf.c.
 *
 * exec_load: map the image (its first bytes are in head) and its interpreter
 *	into vm, which nobody runs in, and fill in the rest.  ENOEXEC, ...
 */
struct exec_layout {
	vaddr_t el_entry; /* of the image: AT_ENTRY */
	vaddr_t el_start; /* where to begin: the interpreter's, if any */
	vaddr_t el_base;  /* of the interpreter; 0: none */
	vaddr_t el_phdr;  /* user address of the program headers */
	u_int el_phnum;
	vaddr_t el_brk; /* end of the image, page aligned */
	vaddr_t el_text, el_etext, el_data, el_edata;
	bool el_execstack;
};
int exec_load(struct exec_image *ei, const void *head, size_t headlen,
    struct vmspace *vm, bool aslr, struct exec_layout *el);

/* Up to max - 1 pages of randomness as bytes, 0 unless aslr. */
vaddr_t exec_random(bool aslr, u_long npages);

/*
 * sigcode_boot: once, before the first exec.  May sleep.
 * sigcode_map: give vm, which nobody runs in yet, the page that signal handlers
 *	return to, if this machine needs one.  Errors as uvm_map().
 */
void sigcode_boot(void);
int sigcode_map(struct vmspace *vm);

#endif
