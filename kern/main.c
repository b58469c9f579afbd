/*
 * main.c: from the first thread to the first process.
 */
#include <kern/trap.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <port/frame.h>
#include <port/machdep.h>
#include <kern/exec.h>
#include <kern/futex.h>
#include <kern/mm.h>
#include <kern/proc.h>
#include <kern/swap.h>
#include <kern/shm.h>
#include <kern/syscalls.h>

/* In test kernels: run the tests that filter names; how many failed. */
int ktest_boot(const char *filter) __attribute__((weak));

static const struct bootinfo *main_bootinfo;

/* The one way a restarted sleep is told from other calls. */
static void
main_find_restart(void)
{
	u_int i;

	for (i = 0; i < kern_nsysent; i++)
		if (kern_sysent[i].sy_fn == sys_restart_syscall)
			kern_restart_call = (long)i;
}

/* One line about the CPUs, one about memory, and the way out. */
static void
main_banner(void)
{
	kprintf("vmspace: %u %s%s, %s\n", cpu_count(), "CPU",
	    cpu_count() == 1 ? "" : "s", MACHINE_NAME);
	kprintf("vmspace: memory %lu MiB, %lu MiB free\n",
	    phys_total() >> (20 - PAGE_SHIFT),
	    phys_free_count() >> (20 - PAGE_SHIFT));
	kprintf("vmspace: to leave QEMU: press Ctrl-A, release, then x\n");
}

/*
 * The first thread of process 1: it becomes a user thread by exec.  It has
 * no space before that, so it looks like a kernel thread to everybody.
 */
static void
init_start(void *arg __unused)
{
	const char *path = kern_param("init");
	char name[256];
	struct exec_strings *es;
	int error;

	strlcpy(name, path != NULL ? path : "/sbin/init", sizeof(name));
	if (kern_fs == NULL)
		panic("no file system");
	error = kern_fs->fo_open_console(curproc());
	if (error != 0)
		panic("no console: error %d", error);
	es = exec_strings_create();
	error = es == NULL ? ENOMEM : exec_strings_add(es, name, 0, false);
	if (error == 0)
		error = exec_strings_add(es, "HOME=/", 0, true);
	if (error == 0)
		error = exec_strings_add(es, "TERM=linux", 0, true);
	if (error == 0)
		error = proc_exec(AT_FDCWD, name, 0, es);
	if (error != 0) {
		kprintf("vmspace: cannot run %s: error %d\n", name, error);
		md_halt(127);
	}
	exec_strings_free(es);
	md_frame_enter();
}

/* What needs a thread that may sleep in any way. */
static void
main_thread(void *arg __unused)
{
	const struct bootinfo *bi = main_bootinfo;
	const char *filter = kern_param("ktest"), *policy;
	int error;

	reaper_init();
	if (md_devices != NULL)
		md_devices();
	sigcode_boot();
	policy = kern_param("vm.exit_policy");
	mm_wx = kern_param_num("vm.wx", 0) != 0;
	uvm_conceal = kern_param_num("vm.conceal", 0) != 0;
	mm_stackcheck = kern_param_num("vm.stackcheck", 0) != 0;
	uvm_exit_reaper = policy != NULL && strcmp(policy, "reaper") == 0;
	if (kern_fs != NULL)
		kern_fs->fo_mount_root(bi->bi_initrdlen != 0
					   ? md_direct(bi->bi_initrd)
					   : NULL,
		    bi->bi_initrdlen);
	if (filter != NULL && ktest_boot != NULL)
		md_halt(ktest_boot(filter) != 0);
	main_find_restart();
	uvm_reserve_init();
	swap_boot(kern_param("swap"));
	main_banner();
	error = proc_create("init", init_start, NULL, &initproc);
	if (error != 0)
		panic("no first process: error %d", error);
}

void
kern_main(const struct bootinfo *bi)
{
	u_int n;
	int error;

	main_bootinfo = bi;
	kern_param_init(bi->bi_cmdline);
	sched_switched = lwp_switched;
	oom_init();
	uvm_init();
	proc_boot();
	futex_boot();
	shm_init();
	md_intr_restore(true);
	n = md_cpu_start();
	KASSERT(n == cpu_count());
	error = kthread_create("main", main_thread, NULL, NULL);
	KASSERT(error == 0);

	/* The boot thread has nothing more to do and a stack of its own. */
	for (;;)
		(void)sleep_until(UINT64_MAX, 0, "boot");
}
