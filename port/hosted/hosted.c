/*
 * hosted.c: a port of all five tiers to a Linux process.
 *
 * A CPU is a thread that never ends, one kernel thread runs on each, and RAM is
 * a piece of memory that the process maps.  Nothing translates a program's
 * addresses: vms_fault(), vms_read() and vms_write() do all the work, which is
 * what an emulator or a test of a file system wants.  An interrupt is a
 * signal: interrupts that are "off" are remembered until they are on.
 *
 * The files and the swap space are arrays.
 */
#include "hosted.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <port/tier2.h>
#include <port/tier3.h>
#include <port/tier4.h>
#include <port/tier5.h>

#define RAM_START 0x100000ul
#define RAM_LEN   (48ul << 20)
#define SWAP_LEN  (64ul << 20)

/*
 * A CPU and its one thread.
 */
struct cpu {
#if VMS_TIER >= 2
	struct vms_thread thread;
#endif
	pthread_t pthread;
	sem_t token;
	volatile sig_atomic_t off, pending; /* interrupts */
	void (*fn)(void *);
	void *arg;
};

static struct cpu cpus[HOSTED_MAXCPU];
static _Thread_local unsigned self;
static _Atomic(unsigned) up;
static char *ram, *swap;
bool hosted_killed;
size_t hosted_traced;

static void
on_ipi(int sig)
{
	struct cpu *c = &cpus[self];

	(void)sig;
	c->pending = 1;
	if (c->off)
		return;
	c->off = 1;
	while (c->pending) {
		c->pending = 0;
#if VMS_TIER >= 2
		vms_tlb_interrupt();
#endif
	}
	c->off = 0;
}

bool
md_intr_disable(void)
{
	bool on = !cpus[self].off;

	cpus[self].off = 1;
	return on;
}

void
md_intr_restore(bool on)
{
	struct cpu *c = &cpus[self];

	if (!on)
		return;
	c->off = 0;
	if (c->pending)
		raise(SIGUSR1);
}

void
md_log(const char *s, size_t len)
{
	if (write(STDOUT_FILENO, s, len) < 0)
		_exit(1);
}

void
md_halt(int status)
{
	_exit(status);
}

/* No MMU, no caches: nothing is ever remembered. */
unsigned
md_asid_count(void)
{
	return 1;
}

void
md_root_load(uint64_t root, unsigned asid)
{
	(void)root;
	(void)asid;
}

void
md_root_kernel(void)
{
}

void
md_tlb_flush_pages(const unsigned *asid, const uintptr_t *va, unsigned n)
{
	(void)asid;
	(void)va;
	(void)n;
}

void
md_tlb_flush_asid(unsigned asid)
{
	(void)asid;
}

void
md_tlb_flush_kernel(void)
{
}

void
md_icache_sync(void *va, size_t len)
{
	(void)va;
	(void)len;
}

#if VMS_TIER >= 2
/*
 * Tier 2.
 */

unsigned
md_cpu_id(void)
{
	return self;
}

struct vms_thread *
md_thread_self(void)
{
	return &cpus[self].thread;
}

static struct cpu *
cpu_of(struct vms_thread *t)
{
	return (struct cpu *)(void *)t; /* its first member */
}

void
md_block(void)
{
	while (sem_wait(&cpus[self].token) != 0)
		; /* a signal: an interrupt */
	while (sem_trywait(&cpus[self].token) == 0)
		; /* one token is all there is */
}

void
md_unblock(struct vms_thread *t)
{
	sem_post(&cpu_of(t)->token);
}

void
md_ipi_tlb(unsigned cpu)
{
	pthread_kill(cpus[cpu].pthread, SIGUSR1);
}

bool
md_tlb_broadcast(void)
{
	return false;
}

void
md_tlb_flush_pages_all(const unsigned *asid, const uintptr_t *va, unsigned n)
{
	md_tlb_flush_pages(asid, va, n);
}

void
md_tlb_flush_asid_all(unsigned asid)
{
	md_tlb_flush_asid(asid);
}

#endif

#if VMS_TIER >= 3
/*
 * Tier 3.
 */

int
md_file_read(void *file, uint64_t off, void *buf, size_t len)
{
	struct hosted_file *f = file;

	memcpy(buf, f->bytes + off, len);
	f->nread++;
	return f->fail ? VMS_EIO : 0;
}

int
md_file_write(void *file, uint64_t off, const void *buf, size_t len)
{
	struct hosted_file *f = file;

	memcpy(f->bytes + off, buf, len);
	f->nwritten++;
	return 0;
}

uint64_t
md_file_size(void *file)
{
	return ((struct hosted_file *)file)->size;
}

void
md_file_ref(void *file)
{
	((struct hosted_file *)file)->refs++;
}

void
md_file_unref(void *file)
{
	((struct hosted_file *)file)->refs--;
}

size_t
md_file_name(void *file, char *buf, size_t len)
{
	struct hosted_file *f = file;
	int n = snprintf(buf, len, "%s", f->name);

	return (size_t)n < len ? (size_t)n : len - 1;
}

void
md_file_ident(void *file, uint64_t *dev, uint64_t *ino)
{
	*dev = 1;
	*ino = (uintptr_t)file;
}

#endif

#if VMS_TIER >= 4
/*
 * Tier 4.
 */

uint64_t
md_time_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t
md_swap_pages(void)
{
	return SWAP_LEN / VMS_PAGE_SIZE;
}

void
md_swap_start(struct vms_io *io)
{
	char *disk = swap + io->io_block * VMS_PAGE_SIZE, *mem;
	unsigned i;

	for (i = 0; i < io->io_npages; i++, disk += VMS_PAGE_SIZE) {
		mem = ram + (io->io_pa[i] - RAM_START);
		if (io->io_write)
			memcpy(disk, mem, VMS_PAGE_SIZE);
		else
			memcpy(mem, disk, VMS_PAGE_SIZE);
	}
	vms_swap_done(io, 0);
}

size_t
md_shrink(void)
{
	return 0;
}

bool
md_nomem(void)
{
	hosted_killed = true;
	return true;
}

bool
md_killed(void)
{
	return hosted_killed;
}

#endif

#if VMS_TIER >= 5
/*
 * Tier 5.
 */

void
md_backtrace(void)
{
	md_log("(no call chain)\n", 16);
}

void
md_entropy(void *buf, size_t len)
{
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort();
}

uint64_t
md_cycles(void)
{
	return md_time_ns();
}

void
md_trace(const char *name, const struct vmspace *vm, uintptr_t arg,
    uint64_t cycles, int error)
{
	(void)name;
	(void)vm;
	(void)arg;
	(void)cycles;
	(void)error;
	__atomic_fetch_add(&hosted_traced, 1, __ATOMIC_RELAXED);
}

void
md_stat(void *arg, const char *name, uint64_t value)
{
	(void)name;
	(void)value;
	++*(size_t *)arg;
}

#endif

/*
 * The machine.
 */

void
hosted_boot_info(struct vms_boot *b)
{
	static struct vms_range range = {RAM_START, RAM_START + RAM_LEN};
	struct sigaction sa = {.sa_handler = on_ipi, .sa_flags = SA_RESTART};
	void *p;

	p = mmap(NULL, RAM_LEN + SWAP_LEN, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || sigaction(SIGUSR1, &sa, NULL) != 0)
		abort();
	ram = p;
	swap = ram + RAM_LEN;
	cpus[0].pthread = pthread_self();
	sem_init(&cpus[0].token, 0, 0);
#if VMS_TIER >= 2
	vms_thread_init(&cpus[0].thread, "main");
#endif
	up = 1;
	/* The first page is the kernel's root: it maps nothing. */
	*b = (struct vms_boot){.vb_direct = (uintptr_t)ram - RAM_START,
	    .vb_root = RAM_START,
	    .vb_ram = &range,
	    .vb_nram = 1};
}

#if VMS_TIER >= 2
static void *
cpu_begin(void *arg)
{
	struct cpu *c = arg;

	self = (unsigned)(c - cpus);
	c->off = 1;
	vms_thread_init(&c->thread, "cpu");
	vms_cpu_up(self);
	md_intr_restore(true);
	up = self + 1;
	c->fn(c->arg);
	/* Nothing more to do, but interrupts are still served. */
	while (pause() != 0)
		;
	return NULL;
}

void
hosted_cpu_start(void (*fn)(void *), void *arg)
{
	struct cpu *c = &cpus[up];
	unsigned id = up;

	if (id == HOSTED_MAXCPU)
		abort();
	sem_init(&c->token, 0, 0);
	c->fn = fn;
	c->arg = arg;
	if (pthread_create(&c->pthread, NULL, cpu_begin, c) != 0)
		abort();
	while (up == id)
		sched_yield();
}
#endif
