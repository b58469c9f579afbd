/*
 * hosted.c: cycles per page of touching, protecting, forking, unmapping and
 * exiting, in a release build on the hosted machine, beside Linux.
 *
 *	hosted [MIB...]		default: 4 512
 *	hosted --once OP MIB	one operation once, for callgrind
 *
 * The kernel's functions are called as its trap handlers call them, on one
 * virtual CPU; a flush is a call of the port that only counts.  The same
 * things are asked of the Linux beneath by system calls and touches, so its
 * figures have the traps in them and ours have not: bench/vmbench compares
 * whole systems.
 *
 * Frames are handed out fresh, in runs, or shuffled, as on a machine that has
 * been up for a while.  Beside each stands a lower bound: see bound_run().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/cpu.h>
#include <base/epoch.h>
#include <phys/page.h>
#include <phys/pool.h>
#include <pmap/pmap.h>
#include <uvm/uvm.h>

#include "host.h"
#include "hosted.h"

#define BASE ((vaddr_t)1 << 32)
#define RW   (PROT_READ | PROT_WRITE)
#define RUNS 3 /* the least counts */
#define MIB  (1048576 / PAGE_SIZE)

static const char *const names[NOP] = {"touch", "protect", "fork", "cow",
    "child-exit", "unmap", "exit"};

static void
must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "hosted: %s failed\n", what);
		exit(1);
	}
}

/*
 * The operations; not inlined, so that callgrind can tell them apart.
 */
static __attribute__((noinline)) void
op_touch(struct vmspace *vm, u_long npages)
{
	paddr_t pa, root = vm_pmap(vm)->pm_rootpa;
	u_long i;

	/* As the MMU: no fault where the tables allow the write. */
	for (i = 0; i < npages; i++)
		while (!host_walk(root, BASE + ptoa(i), HOST_WRITE, &pa))
			must(uvm_fault(&vm->vm_map, BASE + ptoa(i), PROT_WRITE,
				 0) == 0,
			    "uvm_fault");
}

static __attribute__((noinline)) void
op_protect(struct vmspace *vm, u_long npages)
{
	must(uvm_protect(&vm->vm_map, BASE, BASE + ptoa(npages), PROT_READ) ==
		 0,
	    "uvm_protect");
}

static __attribute__((noinline)) struct vmspace *
op_fork(struct vmspace *vm)
{
	struct vmspace *child;

	must(uvmspace_fork(vm, &child, 0) == 0, "uvmspace_fork");
	return child;
}

static __attribute__((noinline)) void
op_unmap(struct vmspace *vm, u_long npages)
{
	must(uvm_unmap(&vm->vm_map, BASE, BASE + ptoa(npages)) == 0,
	    "uvm_unmap");
}

static __attribute__((noinline)) void
op_exit(struct vmspace *vm)
{
	must(uvmspace_leave(vm), "uvmspace_leave");
	uvmspace_purge(vm);
	uvmspace_free(vm);
}

static struct vmspace *
mapped(u_long npages)
{
	struct uvm_mapargs args = {
	    .um_prot = RW,
	    .um_maxprot = PROT_ALL,
	    .um_inherit = INHERIT_COPY,
	    .um_flags = VE_COW,
	    .um_how = UVM_MAP_FIXED,
	};
	struct vmspace *vm;
	vaddr_t va = BASE;

	must(uvmspace_create(&vm) == 0, "uvmspace_create");
	must(uvm_map(&vm->vm_map, &va, ptoa(npages), &args) == 0, "uvm_map");
	return vm;
}

static uint64_t start;

static void
begin(void)
{
	start = hosted_clock();
}

static void
end(uint64_t *best)
{
	uint64_t t = hosted_clock() - start;

	if (*best == 0 || t < *best)
		*best = t;
}

static void
our_run(u_long npages, uint64_t best[NOP])
{
	struct vmspace *vm = mapped(npages), *child;

	begin();
	op_touch(vm, npages);
	end(&best[TOUCH]);
	begin();
	child = op_fork(vm);
	end(&best[FORK]);
	begin();
	op_touch(vm, npages);
	end(&best[COW]);
	begin();
	op_exit(child);
	end(&best[CHILD_EXIT]);
	begin();
	op_protect(vm, npages);
	end(&best[PROTECT]);
	begin();
	op_unmap(vm, npages);
	end(&best[UNMAP]);
	op_exit(vm);
	vm = mapped(npages);
	op_touch(vm, npages);
	begin();
	op_exit(vm);
	end(&best[EXIT]);
	epoch_drain();
}

/*
 * Take every page there is and give them back in an order of no meaning; the
 * memory beneath has been touched then, too.
 */
static void
shuffle(bool in_order)
{
	u_long n = phys_free_count(), i, k;
	struct vm_page **all = malloc(n * sizeof *all), *t;

	must(all != NULL, "malloc");
	for (i = 0; i < n; i++) {
		all[i] = page_alloc(PK_LOOSE, 0);
		if (all[i] == NULL)
			break;
		memset(page_direct(all[i]), 0, PAGE_SIZE);
	}
	n = i;
	for (i = 0; !in_order && i + 1 < n; i++) {
		k = i + host_random() % (n - i);
		t = all[i];
		all[i] = all[k];
		all[k] = t;
	}
	for (i = 0; i < n; i++)
		page_free(all[i]);
	free(all);
}

static void
table(u_long mib)
{
	uint64_t fresh[NOP] = {0}, mixed[NOP] = {0}, theirs[NOP] = {0}, clear;
	uint64_t least[NOP] = {0}, mixedleast[NOP] = {0};
	double n = (double)(mib * MIB);
	u_int i;

	fprintf(stderr, "%lu MiB\r", mib);
	for (i = 0; i < RUNS; i++) {
		shuffle(true);
		phys_drain_all();
		our_run(mib * MIB, fresh);
		linux_run(mib * MIB, theirs);
		bound_run(mib * MIB, 0, least);
		bound_run(mib * MIB, 1, mixedleast);
		shuffle(false);
		our_run(mib * MIB, mixed);
	}
	clear = clear_run(mib * MIB);
	printf("%lu MiB, cycles per page (clearing one takes %.0f)\n", mib,
	    (double)clear / n);
	printf("  %-12s %9s %9s %9s %9s %9s %9s\n", "", "fresh", "bound",
	    "shuffled", "bound", "Linux", "ratio");
	for (i = 0; i < NOP; i++)
		printf("  %-12s %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f\n",
		    names[i], (double)fresh[i] / n, (double)least[i] / n,
		    (double)mixed[i] / n, (double)mixedleast[i] / n,
		    (double)theirs[i] / n,
		    (double)theirs[i] / (double)mixed[i]);
}

/* The operation alone after one touch of each page, for callgrind. */
static int
once(const char *op, u_long mib)
{
	struct vmspace *vm;

	host_boot(1, (mib * 5 / 2 + 64) << 20, 1);
	vm = mapped(mib * MIB);
	op_touch(vm, mib * MIB);
	if (strcmp(op, "protect") == 0)
		op_protect(vm, mib * MIB);
	else if (strcmp(op, "fork") == 0)
		(void)op_fork(vm);
	else if (strcmp(op, "unmap") == 0)
		op_unmap(vm, mib * MIB);
	else if (strcmp(op, "exit") == 0)
		op_exit(vm);
	else
		return strcmp(op, "touch") != 0;
	return 0;
}

int
main(int argc, char **argv)
{
	static const u_long sizes[] = {4, 512};
	u_long max = 0, mib[8];
	int i, n = 0;

	if (argc == 4 && strcmp(argv[1], "--once") == 0)
		return once(argv[2], strtoul(argv[3], NULL, 10));
	for (i = 1; i < argc && n < 8; i++)
		mib[n++] = strtoul(argv[i], NULL, 10);
	for (i = 0; argc == 1 && i < 2; i++)
		mib[n++] = sizes[i];
	for (i = 0; i < n; i++) {
		if (mib[i] == 0 || mib[i] > 4096) {
			fprintf(stderr, "usage: hosted [MIB...]\n");
			return 2;
		}
		max = mib[i] > max ? mib[i] : max;
	}
	linux_start();
	host_boot(1, (max * 5 / 2 + 64) << 20, 1);
	for (i = 0; i < n; i++)
		table(mib[i]);
	return 0;
}
