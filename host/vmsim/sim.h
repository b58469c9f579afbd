/*
 * sim.h: what the files of the simulated machine share.
 *
 * The machine is the kernel's own base, phys, pmap, uvm and kern, compiled for
 * the engine (host/det), on a port whose CPUs are the engine's and whose MMU
 * is host/mmu.  User programs are scripts: their memory accesses go through
 * that MMU, their system calls enter the kernel where a real port would.
 *
 *	port_cpu.c   CPUs, threads, interrupts, time, boot
 *	glue.c       inline functions of the kernel, instrumented
 *	port_mmu.c   roots, flushes, user accesses and copies, page hooks
 *	port_user.c  user registers, user mode
 *	port_misc.c  console, randomness, what nothing here needs
 *	account.c    memory that comes and goes
 *	calls.c      what scripts ask that is no system call
 *	bare.c       the primitives alone, without processes; instrumented
 *	port_bare.c  the machine that this runs on
 *	simdisk.c    disks, files and swap on them; instrumented
 *	simfs.c      images to execute, and files
 *	script.c     programs from text
 *	cost.c       what exits cost
 *	lines.c      cache lines that CPUs share
 *	vmsim.c explore.c run.c show.c	commands
 */
#ifndef SIM_H
#define SIM_H

#include <sys/types.h>
#undef MINSIGSTKSZ /* libc's, if it was seen: not of this machine */
#include <machine/param.h>
#include <det/det.h>
#include <mmu/mmu.h>

struct thread;

/* Interrupt lines: those of enum md_ipi_kind, then the timer. */
#define LINE_TIMER 3
#define LINE_DISK  4

/*
 * Scripts.  A program is a list of instructions at user addresses: number i
 * of all is at TEXT_BASE + i * INSN_SIZE.
 */
#define TEXT_BASE 0x400000ul
#define INSN_SIZE 16u
#define DATA_BASE 0x600000ul /* two pages of data, then one of bss */
#define DATA_LEN  (2 * PAGE_SIZE)
#define BSS_LEN   PAGE_SIZE

#define NREG      24
#define NARG      7
#define NNAME     24
#define SIM_NFLAG 128 /* that programs wait for */

/* A number, or a variable plus a number. */
struct sarg {
	int sa_reg; /* -1: none */
	long sa_num;
};

enum sop {
	SOP_SYS,   /* system call s_num; result to s_reg, if any */
	SOP_FORK,  /* clone with flags s_num; the child goes to s_target */
	SOP_EXEC,  /* program s_name */
	SOP_READ,  /* a word at s_arg[0]; must be one of s_want, if any */
	SOP_WRITE, /* s_arg[1] to s_arg[0] */
	SOP_TOUCH, /* s_arg[1] pages from s_arg[0] on: s_num */
	SOP_FAULT, /* an access s_num to s_arg[0] must be refused */
	SOP_SET,   /* s_reg = s_arg[0] */
	SOP_IF,    /* s_arg[0] (s_num: == or !=) s_arg[1]: go to s_target */
	SOP_GOTO,
	SOP_CHECK, /* s_arg[0] must be one of s_want */
	SOP_CPU,   /* only on CPU s_arg[0] from here on */
	SOP_READY, /* wait until s_arg[0] threads are here; explore from here */
	SOP_AWAIT, /* wait until flag s_num is set */
	SOP_POST,  /* set it */
	SOP_CALM,  /* wait until other CPUs have nothing to do */
	SOP_MARK,  /* memory in use now is what is in use at the end */
	SOP_ENOUGH, /* the rest of the execution takes the ordinary course */
	SOP_END,    /* the scenario is over and was right */
	SOP_LAST,   /* the program is over: process 1 ends, others exit */
	SOP_CALL,   /* sim_calls[s_num]; result to s_reg, if any */
	SOP_FUZZ,   /* fuzzsim.c: a program of fuzz.h */
	SOP_RERUN,  /* rerun.c: a process of a record */
	SOP_NOP
};

struct insn {
	uint8_t s_op;
	int8_t s_reg;
	uint8_t s_narg, s_nwant;
	uint16_t s_line;
	uint16_t s_target;
	long s_num;
	struct sarg s_arg[NARG];
	long s_want[4];
	char s_name[NNAME];
};

#define NINSN    512
#define NPROGRAM 16
struct program {
	char p_name[NNAME];
	unsigned p_first, p_n;
};

#define SIM_NFILE 4
struct script {
	char sc_name[64];
	char sc_about[256];
	unsigned sc_ncpu, sc_ram; /* CPUs; MiB */
	unsigned sc_bound, sc_stale, sc_depth, sc_asids, sc_ticks;
	unsigned sc_exitmax; /* points that an exit may take; 0: any */
	unsigned sc_file[SIM_NFILE], sc_swap; /* pages; 0: none */
	const struct bare *sc_bare; /* instead of programs; NULL: none */
	bool sc_evict, sc_swflags, sc_reaper, sc_late;
	bool sc_faults;    /* programs may die of what they touch */
	unsigned sc_nspec; /* addresses fetched ahead */
	vaddr_t sc_spec[4];
	unsigned sc_ninsn, sc_nprogram;
	struct insn sc_insn[NINSN];
	struct program sc_program[NPROGRAM];
	char sc_reg[NREG][NNAME];
	unsigned sc_nreg;
};
extern struct script script;

/*
 * script_parse: text into script; on an error a message to standard error and
 *	false.  file is for the message.
 * script_program: the program of that name; NULL: none.
 * script_print: instruction i as it was written, more or less.
 */
bool script_parse(const char *text, const char *file);
const struct program *script_program(const char *name);
/* No program asks for a CPU that there is not, or a message. */
bool script_check_cpus(const char *file);
void script_print(const struct insn *in, char *buf, size_t len);

/* port_cpu.c */
struct simcpu {
	struct cpu *sc_cpu;
	struct thread *sc_thread;
	uint64_t sc_timer; /* UINT64_MAX: none */
	bool sc_user;      /* between two user instructions */
	u_int sc_asid;     /* loaded; 0: the kernel's root */
	uint64_t sc_pad[3];
};
extern struct simcpu simcpus[];
extern uint64_t sim_time;
extern const struct det_machine sim_machine;
/* The machine's size and nature; before det_run(). */
extern unsigned sim_ncpu;
extern uint64_t sim_ramlen;
struct simcpu *sim_self(void);

/*
 * bare.c: a test of base/ or pmap/ with nothing above it.  CPU 0 brings up the
 * machine, calls ba_setup(), waits until the others stand still and opens the
 * gate; what is explored begins there.  ba_body(n) runs on CPU n, 1 to cpus - 1:
 * as a thread, or, when ba_thread is false, as the CPU's first function, which
 * cannot sleep.  The execution is over when the last of them returns.
 * ba_attach: CPUs are not even registered when the gate opens.
 */
struct bare {
	const char *ba_name;
	void (*ba_setup)(void);
	void (*ba_body)(u_int cpu);
	bool ba_thread, ba_attach;
};
const struct bare *sim_bare_named(const char *name); /* NULL: none */

/*
 * port_bare.c.  What bodies ask that must not order anything by itself.
 * bare_gate: from here on is explored.
 * bare_next, bare_wait: before that: a stage more; wait for stage n.
 * bare_tick: it is that late.
 * bare_access: a word at a user address; false: the access would fault.
 * bare_completed: nobody may use old translations of the page any more.
 * bare_done: the body of this CPU is over.  Does not return.
 */
void bare_start(u_int cpu);
void bare_gate(void);
void bare_next(void);
void bare_wait(u_int n);
void bare_tick(uint64_t now);
bool bare_access(vaddr_t va, bool write, uint64_t *val);
void bare_completed(vaddr_t va);
__attribute__((noreturn)) void bare_done(void);

/* port_cpu.c */
void sim_machine_up(void);
void sim_adopt(unsigned cpu);

/* glue.c: what the kernel's headers have inline. */
void sim_user_enter(struct thread *td);
void sim_user_exit(struct thread *td);
long sim_epoch_read(void);
void sim_epoch_retire(void);
bool sim_ast_need(struct thread *td);

/* port_mmu.c */
extern paddr_t sim_ram; /* first byte */
void sim_mmu_init(void);
/*
 * sim_access: one access of size bytes (1, 2, 4, 8; aligned; 0: only the
 *	translation) to user memory, as the kernel makes it.  0, or the errno
 *	of the fault that it could not resolve.
 * sim_access_once: one try at it.
 * sim_load, sim_store: the bytes at a physical address, inside a step.
 * sim_speculate: perhaps fetch something ahead, here.
 */
uint64_t sim_load(paddr_t pa, unsigned size);
void sim_store(paddr_t pa, unsigned size, uint64_t val);
/* After a page fault at va: what a port does before it goes back. */
void sim_fault_done(vaddr_t va);
void sim_speculate(void);
int sim_access(vaddr_t va, unsigned size, unsigned access, uint64_t *val);
enum mmu_fault sim_access_once(vaddr_t va, unsigned size, unsigned access,
    uint64_t *val);

/* port_user.c */
struct md_frame {
	uint64_t f_pc, f_sp, f_ret;
	uint64_t f_forkpc; /* where a child is to begin */
	uint64_t f_fault;  /* SOP_FUZZ: signal << 16 | code; 0: none */
	uint64_t f_reg[NREG];
};
__attribute__((noreturn)) void sim_user_loop(void);
extern bool sim_user_began; /* there has been one */
/*
 * What a user program does; interrupts are off on entry and return.
 * sim_user_access: a load or store; false: it faulted and the kernel has been
 *	asked.
 * sim_user_syscall: a value or a negative errno.
 * sim_user_leave: into the kernel, for something else; back:
 *	sim_user_return().
 */
bool sim_user_access(struct thread *td, vaddr_t va, unsigned access,
    uint64_t *val);
uint64_t sim_user_syscall(struct thread *td, long nr, const uintptr_t args[6]);
void sim_user_leave(struct thread *td);
/*
 * sim_user_enter_call: a system call of the thread that runs, again and again
 *	while the kernel wants that.
 * sim_user_exec: the program of that name; the pc is its first instruction.
 */
long sim_user_enter_call(long nr, const uintptr_t args[6]);
void sim_user_exec(struct thread *td, const char *name);
extern bool sim_catch_faults; /* f_fault says what went wrong */
/* After an interrupt that came in user mode, on its way back there. */
void sim_user_return(struct thread *td);
unsigned sim_ready_count(void);

/* simfs.c */
void sim_fs_register(void);
long sim_syscall_number(const char *name); /* -1: none */
const char *sim_syscall_name(long nr);

/*
 * calls.c: instructions that ask the kernel for what is no system call.
 * sc_fn: a value, or a negative errno.
 */
struct sim_call {
	const char *sc_name;
	unsigned sc_narg;
	long (*sc_fn)(const uint64_t arg[2]);
};
#define SIM_NCALLS 16
extern const struct sim_call sim_calls[SIM_NCALLS];

/*
 * fuzzsim.c
 * sim_fuzz: the instruction.  Returns to init only, when all is over.
 * sim_fuzz_mmap: as fo_mmap, for the file that programs map.
 */
struct uvm_object;
void sim_fuzz(struct thread *td);
/*
 * rerun.c, the same; false: exec has been done, the pc is right as it is.
 */
bool sim_rerun(struct thread *td);
int sim_rerun_mmap(int fd, struct uvm_object **uop, u_int *maxprotp);
int sim_fuzz_mmap(int fd, struct uvm_object **uop, u_int *maxprotp);

/*
 * simdisk.c.  How requests end from now on: by an interrupt at once, some time
 * after everybody else has nothing to do, with EIO; or a choice.
 *
 * sim_disk_init: once, with the length of each file in pages.
 * sim_swap_init: begin to swap to that many pages; errno.
 * sim_disk_intr: LINE_DISK.
 * sim_file_open: as fo_mmap; file id is descriptor SIM_FILE_FD + id.  May
 *	sleep until the file has been inactivated.
 * sim_file_sync: write back what is modified: 0 or -EIO.  Sleeps.
 * sim_file_forget: drop what is not; how many pages.
 * sim_disk_word: the first word of a page as the disk has it.
 */
enum sim_io { SIM_IO_PROMPT, SIM_IO_STALL, SIM_IO_FAIL, SIM_IO_CHOOSE };
#define SIM_FILE_FD 10
void sim_disk_init(const u_int npages[SIM_NFILE]);
int sim_swap_init(u_int npages);
void sim_disk_intr(void);
int sim_file_open(u_int id, struct uvm_object **uop);
long sim_file_sync(u_int id);
long sim_file_forget(u_int id);
long sim_disk_word(u_int id, uint64_t idx);
void sim_io_mode(u_int how);

/* port_misc.c: what the kernel logs goes to standard error, too. */
extern bool sim_verbose;

/* cost.c: with sim_costs, a line for each exit. */
extern bool sim_costs;
/* Of each exit: pages freed, points of each phase.  NULL: nobody asks. */
extern void (*sim_exit_hook)(uint64_t pages, const char *const *phases,
    const uint64_t *points, u_int n);
/* Of what exit this thread's accesses are part; NULL: of none. */
const char *sim_exit_phase(void);
void sim_exit_begins(const struct thread *td, int pid);
void sim_exit_ends(const struct thread *td);
/* The reaper has made a zombie of somebody. */
void sim_exit_reaped(void);

/* lines.c: this CPU's accesses count, or do not. */
void sim_watch(bool on);

/* account.c */
/* A page comes as kind, or goes and was of it.  NULL: nobody asks. */
extern void (*sim_page_hook)(uint64_t pa, unsigned kind, bool came);
/* Memory in use, by what it is; compared between start and end. */
void sim_account_begin(void);
void sim_account_end(void);
/*
 * sim_failalloc: one allocation of each execution may fail.
 * sim_alloc_failed: it has; programs need not get what they expect.
 */
extern bool sim_failalloc;
bool sim_alloc_failed(void);
/* A det_namer(). */
bool sim_namer(uintptr_t a, char *buf, size_t len);

#endif
