/*
 * fuzz.h: random programs of memory operations, for two kernels.
 *
 * A program is a list of operations.  The same interpreter (fuzzops.c) runs
 * it on the simulated machine (fuzzsim.c) and on the Linux kernel beneath
 * (fuzzlinux.c); each writes a log, and the logs have to agree (fuzz.c) but
 * for the listed differences (fuzzdiff.c).
 *
 * Addresses are page numbers of an arena at FZ_BASE, which every table format
 * has, of the heap, or around the end of the address space, wherever that is.
 *
 * FORK opens a section that the child runs, up to the ENDCHILD that closes
 * it; the parent goes on behind.  On Linux it waits for the child there; on
 * the simulated machine it runs concurrently unless the program does what
 * makes the outcome depend on time (fz_decode() knows), so that schedules
 * vary and results must not.
 *
 * No kernel header and no libc header but these here: both sides include it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FZ_BASE	  0x1000000000ul
#define FZ_PAGE	  4096ul
#define FZ_NPAGES 24u /* of the arena */
#define FZ_BRKMAX 8u  /* pages of heap */
#define FZ_NFILE  6u  /* pages of the file, to begin with */
#define FZ_MAXOPS 40u
#define FZ_OPLEN  8u /* bytes of an encoded operation */
#define FZ_MAXLEN (FZ_MAXOPS * FZ_OPLEN)
#define FZ_NPROC  8u /* processes of a program */
#define FZ_DEPTH  3u /* of nested sections */
#define FZ_NSHM	  3u

enum fz_code {
	FZ_MMAP,
	FZ_MUNMAP,
	FZ_MPROTECT,
	FZ_READ,
	FZ_WRITE,
	FZ_FORK,
	FZ_ENDCHILD,
	FZ_MADVISE,
	FZ_MREMAP,
	FZ_MLOCK,
	FZ_MSYNC,
	FZ_BRK,
	FZ_MINCORE,
	FZ_KCOPY, /* a word through the kernel and back */
	FZ_SHMGET,
	FZ_SHMAT,
	FZ_SHMDT,
	FZ_SHMRM,
	FZ_TRUNCATE,
	FZ_WAIT,
	FZ_NCODE
};

enum fz_kind { FZ_ANON, FZ_SHANON, FZ_FILEPRIV, FZ_FILESHARED };

/* What is odd about a range; FZ_PLAIN: nothing. */
enum fz_odd {
	FZ_PLAIN,
	FZ_EMPTY,     /* length 0 */
	FZ_SKEWED,    /* address not aligned */
	FZ_SHORT,     /* length not a multiple of pages */
	FZ_WRAPPING,  /* length almost 2^64 */
	FZ_TOP,       /* across the end of the address space */
	FZ_BEYOND,    /* behind the end of it */
	FZ_ZERO,      /* page 0 */
	FZ_WILDFLAGS, /* flags that do not exist */
	FZ_WILDPROT,
	FZ_NODD
};

/* Decoded. */
struct fz_op {
	uint8_t fo_code, fo_page, fo_len, fo_prot;
	uint8_t fo_kind, fo_odd, fo_arg;
	bool fo_heap; /* pages of the heap */
	bool fo_sync; /* FORK: the parent waits at once */
	uint8_t fo_proc; /* whose it is; FORK: see fo_child */
	uint8_t fo_child, fo_end; /* FORK: process; its ENDCHILD */
	uint8_t fo_word; /* READ, WRITE: which word of the page */
	uint8_t fo_raw[FZ_OPLEN];
};

struct fz_prog {
	unsigned fp_nops, fp_nprocs;
	bool fp_locks; /* locked memory is worth counting */
	struct fz_op fp_op[FZ_MAXOPS];
};

/*
 * Results: a value, a negative errno, or a fault.
 */
#define FZ_SEGV	     0xb0000l /* SIGSEGV << 16, + si_code */
#define FZ_SIGBUS    0x70000l /* SIGBUS << 16, + si_code */
#define FZ_MAPERR    (FZ_SEGV + 1)
#define FZ_ACCERR    (FZ_SEGV + 2)
#define FZ_BUS	     (FZ_SIGBUS + 2)
#define FZ_ELSEWHERE 0x1000000l /* mapped at no place that was named */

/* A page of a process's arena at its end: FZ_M_*, or 0. */
#define FZ_M_PROT   7u
#define FZ_M_MAPPED 8u
#define FZ_M_SHARED 16u
#define FZ_M_OBJECT 32u
#define FZ_M_OFFSET 8 /* << 8: page of the object */

struct fz_end {
	bool fe_done;
	uint32_t fe_map[FZ_NPAGES];
	uint32_t fe_locked; /* pages */
	uint64_t fe_brk;    /* bytes from where it began */
};

struct fz_log {
	long fl_result[FZ_MAXOPS];
	bool fl_done[FZ_MAXOPS];
	struct fz_end fl_end[FZ_NPROC];
	long fl_shm[FZ_MAXOPS]; /* identifiers to remove at the end */
	unsigned fl_nshm;
};

/* Where a process is; all of it is copied by fork, also the machine's. */
struct fz_state {
	uint64_t fs_begun;   /* 0: this is init, which starts the program */
	uint64_t fs_pc, fs_end; /* operations */
	uint64_t fs_proc;
	uint64_t fs_brk; /* where the heap begins */
	uint64_t fs_kids;
	long fs_shm[FZ_NSHM]; /* identifier + 1; 0: none */
};

enum fz_call {
	FZ_C_MMAP,
	FZ_C_MUNMAP,
	FZ_C_MPROTECT,
	FZ_C_MADVISE,
	FZ_C_MREMAP,
	FZ_C_MLOCK,
	FZ_C_MLOCK2,
	FZ_C_MUNLOCK,
	FZ_C_MSYNC,
	FZ_C_BRK,
	FZ_C_MINCORE,
	FZ_C_SIGPROCMASK,
	FZ_C_SHMGET,
	FZ_C_SHMAT,
	FZ_C_SHMDT,
	FZ_C_SHMCTL,
	FZ_C_WAIT,
	FZ_NCALL
};
extern const char *const fz_call_names[FZ_NCALL];

/* What a kernel has to offer to the interpreter. */
struct fz_machine {
	/* A system call: a value or a negative errno. */
	long (*fm_call)(enum fz_call c, const uint64_t arg[6]);
	/* An 8-byte access: 0 or a fault. */
	long (*fm_access)(uint64_t va, bool write, uint64_t *val);
	/*
	 * flags: of clone().  The child begins with fz_child() on a copy of
	 * *st.  A pid or a negative errno.
	 */
	long (*fm_fork)(const struct fz_state *st, unsigned long flags);
	/* The file is len bytes from now on. */
	long (*fm_truncate)(uint64_t len);
	/* Of this process, as it is. */
	void (*fm_end)(struct fz_end *fe, bool locks);
	__attribute__((noreturn)) void (*fm_exit)(const struct fz_state *st);
	uint64_t fm_top;     /* user addresses end here */
	uint64_t fm_scratch; /* an address of 64 bytes that can be written */
	bool fm_sync;	     /* parents wait for children at once */
	struct fz_log *fm_log;
};

extern const char *const fz_code_names[FZ_NCODE];

/* clone() flags of each kind of FORK. */
extern const unsigned long fz_clone_flags[3];

/*
 * fz_decode: bytes to a program; every string is one.  Closes the sections.
 * fz_print: operation i, as a line.
 * fz_result: a result, in words.
 * fz_root: what process 0 does; fz_child: any other.  Neither returns.
 */
void fz_decode(struct fz_prog *p, const uint8_t *bytes, size_t len);
void fz_print(const struct fz_prog *p, unsigned i, char *buf, size_t len);
void fz_result(long r, char *buf, size_t len);
__attribute__((noreturn)) void fz_root(const struct fz_prog *p,
    const struct fz_machine *m, struct fz_state *st);
__attribute__((noreturn)) void fz_child(const struct fz_prog *p,
    const struct fz_machine *m, struct fz_state *st);

/*
 * fuzzsim.c: the program that the machine runs next and its log.
 */
extern const struct fz_prog *fz_sim_prog;
extern struct fz_log fz_sim_log;

/*
 * fuzzlinux.c: the Linux kernel's answers, by a process of their own.
 * fz_linux_start: make it; false: it cannot be had.  Before det_run().
 * fz_linux_ask: begin with this program; one at a time.
 * fz_linux_answer: its log; NULL: the process died.
 */
bool fz_linux_start(void);
void fz_linux_ask(const uint8_t *bytes, size_t len);
const struct fz_log *fz_linux_answer(void);
void fz_linux_stop(void);

/*
 * fuzzdiff.c: where we differ from Linux and mean to.
 * fz_differs: compare; false: they agree, or up to a listed difference,
 *	which is counted.  *op: the operation that differs, or -1 - process:
 *	at its end.
 */
struct fz_difference {
	const char *fd_name, *fd_why;
	bool (*fd_is)(const struct fz_op *op, long ours, long theirs);
	uint64_t fd_count;
};
extern struct fz_difference fz_differences[];
extern const unsigned fz_ndifferences;
bool fz_differs(const struct fz_prog *p, const struct fz_log *ours,
    const struct fz_log *theirs, int *op);

/* fuzz.c */
int cmd_fuzz(void);

#endif
