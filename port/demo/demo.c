/*
 * demo.c: a kernel with processes, in as few lines as that takes.
 *
 * One CPU, interrupts off; a process runs until it waits or exits.  The one
 * kernel stack is empty whenever a program runs.  Everything about memory is
 * vmspace's: see each call of vms_*.
 */
#include "demo.h"

#include <port/tier1.h>

#define NPROC     8
#define STACK_TOP 0x7fff0000ul
#define STACK_MAX 0x100000ul
#define IMAGE_MAX 0x10000ul

struct proc {
	enum { FREE, READY, WAITING, ZOMBIE } state;
	struct vmspace *vm;
	struct frame frame;
	struct proc *parent;
	int status;
};

static struct proc procs[NPROC], *cur;

static void
say(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	md_log(s, n);
}

static void
say_number(size_t v)
{
	char buf[20];
	unsigned n = sizeof(buf);

	do
		buf[--n] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	md_log(&buf[n], sizeof(buf) - n);
}

/* Go on with any process that can; there is one, or all have ended. */
static __attribute__((noreturn)) void
schedule(void)
{
	unsigned i;

	for (i = 0; i < NPROC; i++) {
		cur = &procs[i];
		if (cur->state == READY) {
			vms_activate(cur->vm);
			frame_resume(&cur->frame);
		}
	}
	say("deadlock\n");
	md_halt(1);
}

static struct proc *
proc_new(struct proc *parent)
{
	struct proc *p;

	for (p = procs; p < &procs[NPROC]; p++)
		if (p->state == FREE) {
			*p = (struct proc){.state = READY, .parent = parent};
			return p;
		}
	return NULL;
}

/* A process that begins at the top of the program. */
static void
spawn(uint64_t which)
{
	struct proc *p = proc_new(NULL);
	uintptr_t base = USER_BASE;

	if (p == NULL || vms_create(&p->vm) != 0 ||
	    vms_map(p->vm, &base, IMAGE_MAX, VMS_READ | VMS_WRITE | VMS_EXEC,
		VMS_FIXED) != 0 ||
	    vms_stack(p->vm, STACK_TOP, VMS_PAGE_SIZE, STACK_MAX) != 0 ||
	    vms_write(p->vm, USER_BASE, user_image,
		(size_t)(user_image_end - user_image)) != 0) {
		say("no memory for a program\n");
		md_halt(1);
	}
	frame_init(&p->frame, USER_BASE, STACK_TOP - 64, which);
}

/* p, a zombie, tells its parent, which waits for it. */
static void
collect(struct proc *p)
{
	frame_result(&p->parent->frame, (uint64_t)p->status);
	p->parent->state = READY;
	p->state = FREE;
}

static __attribute__((noreturn)) void
leave(int status)
{
	unsigned i;

	/* First the memory, then the news: who waits finds it free. */
	vms_exit(cur->vm);
	vms_release(cur->vm);
	cur->vm = NULL;
	cur->status = status;
	cur->state = cur->parent == NULL ? FREE : ZOMBIE;
	if (cur->parent != NULL && cur->parent->state == WAITING)
		collect(cur);
	for (i = 0; i < NPROC; i++)
		if (procs[i].state != FREE && procs[i].parent == cur)
			procs[i].parent = NULL; /* nobody waits for these */
	if (cur->parent == NULL)
		demo_main();
	schedule();
}

/* Boot, and again whenever a program without a parent has ended. */
void
demo_main(void)
{
	static uint64_t next;
	static size_t free;
	size_t now;

	if (next == 0)
		machine_start();
	now = vms_pages_free_count();
	if (next == 0)
		free = now;
	say_number(now);
	say(" pages free\n");
	if (now != free)
		md_halt(1);
	if (next == 2) {
		vms_verify();
		say("demo done\n");
		md_halt(0);
	}
	spawn(++next);
	schedule();
}

void
demo_kill(const char *why)
{
	say("killed: ");
	say(why);
	say("\n");
	if (cur == NULL)
		md_halt(1);
	leave(255);
}

__attribute__((weak)) void
demo_bad(struct frame *f, uintptr_t va)
{
	(void)f;
	(void)va;
	demo_kill("trap in the kernel");
}

void
demo_fault(struct frame *f, uintptr_t va, unsigned access)
{
	cur->frame = *f;
	if (vms_fault(cur->vm, va, access) != 0)
		demo_kill("page fault");
	schedule();
}

static uint64_t
call_fork(void)
{
	struct proc *child = proc_new(cur);

	if (child == NULL)
		return (uint64_t)-1;
	if (vms_fork(cur->vm, &child->vm) != 0) {
		child->state = FREE;
		return (uint64_t)-1;
	}
	child->frame = cur->frame;
	frame_result(&child->frame, 0);
	return (uint64_t)(child - procs) + 1;
}

/* The next child that ends, or has; the result comes with it. */
static void
call_wait(void)
{
	unsigned i, n = 0;

	for (i = 0; i < NPROC; i++) {
		if (procs[i].state == FREE || procs[i].parent != cur)
			continue;
		n++;
		if (procs[i].state == ZOMBIE) {
			collect(&procs[i]);
			return;
		}
	}
	if (n > 0)
		cur->state = WAITING;
	else
		frame_result(&cur->frame, (uint64_t)-1);
}

void
demo_call(struct frame *f, uint64_t number, uint64_t arg)
{
	uintptr_t va = 0;
	char line[80];

	cur->frame = *f;
	switch (number) {
	case CALL_EXIT:
		leave((int)(arg & 0xff));
	case CALL_FORK:
		frame_result(&cur->frame, call_fork());
		break;
	case CALL_WAIT:
		call_wait();
		break;
	case CALL_PRINT:
		line[sizeof(line) - 1] = '\0';
		if (vms_read(cur->vm, arg, line, sizeof(line) - 1) == 0)
			say(line);
		break;
	case CALL_MAP:
		if (vms_map(cur->vm, &va, arg, VMS_READ | VMS_WRITE, 0) != 0)
			va = 0;
		frame_result(&cur->frame, va);
		break;
	case CALL_FREE:
		frame_result(&cur->frame, vms_pages_free_count());
		break;
	default:
		demo_kill("bad system call");
	}
	schedule();
}
