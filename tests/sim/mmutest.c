/*
 * mmutest.c: the software MMUs against tables written by hand.
 *
 * Goal: every walker reads its format as the manual says, and the buffers
 * keep and forget exactly what the architecture says.
 * Method: entries are literal numbers, worked out from the manuals' figures;
 * no macro of the walkers or of pmap/ is used.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <mmu/mmu.h>
#include "simtest.h"

#define BASE 0x100000ull
#define LEN  0x400000ull

static uint64_t ram[LEN / 8];
static unsigned bad;
static char violation[256];
static uint32_t knows; /* what the CPU that asks knows of the others */
static unsigned choice;

static uint64_t
load(uint64_t pa)
{
	return ram[(pa - BASE) / 8];
}

static bool
cas(uint64_t pa, uint64_t old, uint64_t new)
{
	if (load(pa) != old)
		return false;
	ram[(pa - BASE) / 8] = new;
	return true;
}

static void
put(uint64_t pa, uint64_t entry)
{
	ram[(pa - BASE) / 8] = entry;
}

static void
violated(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(violation, sizeof violation, fmt, ap);
	va_end(ap);
}

static uint32_t
clock_now(void)
{
	return 10;
}

static bool
ordered(unsigned cpu, uint32_t clk)
{
	(void)cpu;
	return clk <= knows;
}

static unsigned
choose(unsigned n, const char *what)
{
	(void)what;
	return choice % n;
}

static struct mmu_machine machine = {.mm_ncpu = 2,
    .mm_rambase = BASE,
    .mm_ramlen = LEN,
    .mm_hwflags = true,
    .mm_load = load,
    .mm_cas = cas,
    .mm_peek = load,
    .mm_violation = violated,
    .mm_choose = choose,
    .mm_clock = clock_now,
    .mm_ordered = ordered};

static void
begin(const struct mmu_format *fm)
{
	memset(ram, 0, sizeof ram);
	violation[0] = '\0';
	bad = 0;
	knows = 100;
	choice = 0;
	machine.mm_format = fm;
	mmu_init(&machine);
}

#define IS(e)                                                                  \
	do {                                                                   \
		if (!(e)) {                                                    \
			bad++;                                                 \
			printf("# line %d: %s (%s)\n", __LINE__, #e,           \
			    violation);                                        \
		}                                                              \
	} while (0)

static uint64_t last;

static enum mmu_fault
at(uint64_t va, unsigned access)
{
	last = 0;
	return mmu_translate(0, va, access, &last);
}

static void
test_amd64(void)
{
	uint64_t va = 0x7f8040201abcull; /* indices 255, 1, 1, 1 */

	begin(&mmu_amd64);
	mmu_root(0, 0x100000, 1);
	put(0x100000 + 255 * 8, 0x101007); /* P RW US */
	put(0x101000 + 1 * 8, 0x102007);
	put(0x102000 + 1 * 8, 0x103007);
	put(0x103000 + 1 * 8, 0x8000000000200005ull); /* P US NX */
	IS(at(va, MMU_READ) == MMU_OK && last == 0x200abc);
	IS(load(0x100000 + 255 * 8) == 0x101027); /* A in every level */
	IS(load(0x103000 + 8) == 0x8000000000200025ull);
	IS(at(va, MMU_WRITE) == MMU_DENIED);
	IS(at(va, MMU_EXEC) == MMU_DENIED);
	IS(at(va + 0x1000, MMU_READ) == MMU_ABSENT);
	IS(at(0x800000000000ull, MMU_READ) == MMU_ABSENT);

	/* Granting needs no flush: the fault has dropped the entry. */
	put(0x103000 + 8, 0x200007);
	IS(at(va, MMU_WRITE) == MMU_OK);
	IS(load(0x103000 + 8) == 0x200067); /* A and D */

	/* A stale entry serves until it is flushed. */
	put(0x103000 + 8, 0);
	IS(at(va, MMU_WRITE) == MMU_OK && last == 0x200abc);
	mmu_flush_page(0, 2, va & ~0xfffull); /* another ASID */
	IS(at(va, MMU_WRITE) == MMU_OK);
	mmu_flush_page(0, 1, va & ~0xfffull);
	IS(at(va, MMU_READ) == MMU_ABSENT);

	/* 2 MiB, and one with a bad address. */
	put(0x102000 + 2 * 8, 0x200087);
	IS(at(0x7f8040400000ull + 0x12345, MMU_WRITE) == MMU_OK &&
	    last == 0x212345);
	IS(load(0x102000 + 2 * 8) == 0x2000e7);
	put(0x102000 + 3 * 8, 0x202087);
	IS(at(0x7f8040600000ull, MMU_READ) == MMU_MALFORMED);
	put(0x102000 + 4 * 8, 0x8000000200007ull | 1); /* bit 51 */
	IS(at(0x7f8040800000ull, MMU_READ) == MMU_MALFORMED);

	/* Rights are those of all levels; supervisor pages are not ours. */
	put(0x100000 + 254 * 8, 0x101005);
	IS(at(0x7f0040400000ull, MMU_READ) == MMU_OK);
	IS(at(0x7f0040400000ull, MMU_WRITE) == MMU_DENIED);
	put(0x102000 + 5 * 8, 0x200083);
	IS(at(0x7f8040a00000ull, MMU_READ) == MMU_DENIED);

	/* Global entries serve every ASID and outlive the flush of one. */
	put(0x102000 + 6 * 8, 0x200187);
	IS(at(0x7f8040c00000ull, MMU_READ) == MMU_OK);
	put(0x102000 + 6 * 8, 0);
	mmu_root(0, 0x100000, 3);
	mmu_flush_asid(0, 1);
	IS(at(0x7f8040c00000ull, MMU_READ) == MMU_OK);
	mmu_flush_all(0);
	IS(at(0x7f8040c00000ull, MMU_READ) == MMU_ABSENT);
	IS(violation[0] == '\0');
	sim_result(bad == 0, "mmu: amd64 tables and buffer");
}

static void
test_dirty(void)
{
	begin(&mmu_amd64);
	mmu_root(0, 0x100000, 0);
	put(0x100000, 0x101007);
	put(0x101000, 0x102007);
	put(0x102000, 0x103007);
	put(0x103000, 0x200007);
	/* Loaded by a read: the first write walks, to set D. */
	IS(at(0, MMU_READ) == MMU_OK);
	put(0x103000, 0x200025); /* made read-only, not flushed */
	IS(at(0, MMU_WRITE) == MMU_DENIED);
	put(0x103000, 0x200027);
	IS(at(0, MMU_WRITE) == MMU_OK && load(0x103000) == 0x200067);
	/* Loaded dirty: a write to a clean, read-only page goes unseen. */
	put(0x103000, 0x200025);
	IS(at(0, MMU_WRITE) == MMU_OK && load(0x103000) == 0x200025);
	sim_result(bad == 0, "mmu: the dirty flag needs a walk, once");
}

static void
test_frames(void)
{
	begin(&mmu_amd64);
	mmu_root(0, 0x100000, 0);
	put(0x100000, 0x101007);
	put(0x101000, 0x102007);
	put(0x102000, 0x103007);
	put(0x103000, 0x200007);
	mmu_frame_used(0x200000);
	IS(at(0, MMU_READ) == MMU_OK && violation[0] == '\0');
	mmu_frame_free(0x200000);
	IS(violation[0] == '\0');
	(void)at(0, MMU_READ);
	IS(strstr(violation, "is free") != NULL);
	violation[0] = '\0';
	mmu_frame_used(0x200000);
	(void)at(0, MMU_READ);
	IS(strstr(violation, "new owner") != NULL);

	/* A freed table, known from an earlier walk; a loaded root. */
	violation[0] = '\0';
	put(0x103000 + 8, 0x201007);
	mmu_frame_free(0x103000);
	IS(strstr(violation, "may walk through") != NULL);
	violation[0] = '\0';
	(void)at(0x1000, MMU_READ);
	IS(strstr(violation, "table page that was freed") != NULL);
	violation[0] = '\0';
	mmu_frame_free(0x100000);
	IS(strstr(violation, "has it loaded") != NULL);
	mmu_frame_used(0x100000);
	mmu_root(0, 0x100000, 0);

	/* Freed while the other CPU's access is not known to be over. */
	mmu_flush_all(0);
	violation[0] = '\0';
	mmu_frame_used(0x103000);
	put(0x103000, 0x202007);
	IS(at(0, MMU_READ) == MMU_OK && violation[0] == '\0');
	knows = 5;
	mmu_frame_free(0x202000);
	IS(strstr(violation, "may still be using") != NULL);

	/* Taken away and done with: those who know must not use it. */
	begin(&mmu_amd64);
	mmu_root(0, 0x100000, 0);
	put(0x100000, 0x101007);
	put(0x101000, 0x102007);
	put(0x102000, 0x103007);
	put(0x103000, 0x200007);
	IS(at(0, MMU_READ) == MMU_OK);
	put(0x103000, 0);
	knows = 5;
	IS(at(0, MMU_READ) == MMU_OK && violation[0] == '\0');
	mmu_root(1, 0x100000, 0);
	mmu_completed(1, 0, 0x1000);
	IS(at(0, MMU_READ) == MMU_OK && violation[0] == '\0');
	knows = 10;
	(void)at(0, MMU_READ);
	IS(strstr(violation, "taken away") != NULL);
	sim_result(bad == 0, "mmu: freed, reused and taken-away pages");
}

static void
test_arm64(void)
{
	uint64_t va = 0x7f8040201abcull;

	begin(&mmu_arm64_4k);
	mmu_root(0, 0x100000, 1);
	put(0x100000 + 255 * 8, 0x101003);
	put(0x101000 + 1 * 8, 0x102003);
	put(0x102000 + 1 * 8, 0x103003);
	/* page, AttrIndx 0, AP 11 (EL0, read-only), SH 3, AF, nG, UXN */
	put(0x103000 + 1 * 8, 0x0040000000200fc3ull);
	IS(at(va, MMU_READ) == MMU_OK && last == 0x200abc);
	IS(at(va, MMU_WRITE) == MMU_DENIED);
	IS(at(va, MMU_EXEC) == MMU_DENIED);
	/* The denied entry stays: granting needs a flush here. */
	put(0x103000 + 1 * 8, 0x0040000000200f43ull);
	IS(at(va, MMU_WRITE) == MMU_DENIED);
	mmu_flush_page(0, 1, va & ~0xfffull);
	IS(at(va, MMU_WRITE) == MMU_OK);
	/* AP[1] clear: not for EL0. */
	put(0x103000 + 2 * 8, 0x200f03);
	IS(at(va + 0x1000, MMU_READ) == MMU_DENIED);
	/* DBM: a write cleans AP[2]. */
	put(0x103000 + 3 * 8, 0x0008000000201fc3ull);
	IS(at(va + 0x2000, MMU_READ) == MMU_OK);
	IS(at(va + 0x2000, MMU_WRITE) == MMU_OK);
	IS(load(0x103000 + 3 * 8) == 0x0008000000201f43ull);
	/* The access flag. */
	put(0x103000 + 4 * 8, 0x202b43);
	IS(at(va + 0x3000, MMU_READ) == MMU_OK);
	IS(load(0x103000 + 4 * 8) == 0x202f43);
	/* Level 3 with bits 01 is invalid; so is a block at level 0. */
	put(0x103000 + 5 * 8, 0x202f41);
	IS(at(va + 0x4000, MMU_READ) == MMU_ABSENT);
	put(0x100000 + 1 * 8, 0x200f41);
	IS(at(0x8000000000ull, MMU_READ) == MMU_ABSENT);
	/* A 2 MiB block, under a table that forbids writes and execution. */
	put(0x101000 + 2 * 8, 0x5000000000104003ull);
	put(0x104000, 0x200f41);
	IS(at(0x7f8080012345ull, MMU_READ) == MMU_OK && last == 0x212345);
	IS(at(0x7f8080012345ull, MMU_WRITE) == MMU_DENIED);
	IS(at(0x7f8080012345ull, MMU_EXEC) == MMU_DENIED);
	IS(violation[0] == '\0');
	/* Break before make. */
	put(0x103000 + 1 * 8, 0x0040000000203f43ull);
	(void)at(va, MMU_READ);
	IS(strstr(violation, "break-before-make") != NULL);
	violation[0] = '\0';
	put(0x103000 + 1 * 8, 0);
	IS(at(va, MMU_READ) == MMU_OK && violation[0] == '\0');
	mmu_flush_page(0, 1, va & ~0xfffull);
	put(0x103000 + 1 * 8, 0x0040000000203f43ull);
	IS(at(va, MMU_READ) == MMU_OK && last == 0x203abc);
	IS(violation[0] == '\0');

	machine.mm_hwflags = false;
	begin(&mmu_arm64_4k);
	mmu_root(0, 0x100000, 1);
	put(0x100000, 0x101003);
	put(0x101000, 0x102003);
	put(0x102000, 0x103003);
	put(0x103000, 0x200b43);
	IS(at(0, MMU_READ) == MMU_FLAG && load(0x103000) == 0x200b43);
	put(0x103000, 0x0008000000200fc3ull);
	IS(at(0, MMU_READ) == MMU_OK);
	IS(at(0, MMU_WRITE) == MMU_DENIED);
	machine.mm_hwflags = true;
	sim_result(bad == 0, "mmu: arm64, 4 KiB granule");
}

/* 64 KiB of 4 KiB pages at 1 << 16, from page 0x210000 on, contiguous. */
static void
group(uint64_t attr)
{
	unsigned i;

	for (i = 0; i < 16; i++)
		put(0x103000 + (16 + i) * 8, (0x210000 + i * 0x1000) | attr);
}

#define G_RW   0x0018000000000f43ull /* DBM, contiguous, AF, written to */
#define G_RO   0x0010000000000fc3ull
#define G_NONE 0x0008000000000f43ull /* not contiguous */

static void
test_group(void)
{
	uint64_t va = 1 << 16;
	unsigned i;

	begin(&mmu_arm64_4k);
	mmu_root(0, 0x100000, 1);
	put(0x100000, 0x101003);
	put(0x101000, 0x102003);
	put(0x102000, 0x103003);
	group(G_RW);
	/* One walk serves all. */
	IS(at(va + 0x5abc, MMU_READ) == MMU_OK && last == 0x215abc);
	for (i = 0; i < 16; i++)
		IS(at(va + i * 0x1000 + 4, MMU_WRITE) == MMU_OK &&
		    last == 0x210004 + i * 0x1000);
	IS(mmu_counts.mc_walks == 1 && violation[0] == '\0');
	IS(at(va + 0x10000, MMU_READ) == MMU_ABSENT);
	/* One page of it taken away, as if it were alone: it stays. */
	put(0x103000 + 19 * 8, 0);
	mmu_flush_page(0, 1, va + 0x3000);
	IS(at(va, MMU_READ) == MMU_OK);
	IS(at(va + 0x3000, MMU_READ) == MMU_OK && last == 0x213000);
	mmu_frame_free(0x213000);
	IS(at(va + 0x3000, MMU_READ) == MMU_OK);
	IS(strstr(violation, "which is free") != NULL);
	violation[0] = '\0';
	mmu_frame_used(0x213000);
	IS(at(va, MMU_READ) == MMU_OK);
	IS(strstr(violation, "a new owner") != NULL);
	/* Any page's flush is the group's. */
	violation[0] = '\0';
	group(0);
	mmu_flush_page(0, 1, va + 0xf000);
	IS(at(va, MMU_READ) == MMU_ABSENT && violation[0] == '\0');
	/* Rights of any entry; what is narrowed alike is so after the flush. */
	group(G_RW);
	put(0x103000 + 18 * 8, 0x212000 | G_RO);
	IS(at(va + 0x2000, MMU_WRITE) == MMU_OK && violation[0] == '\0');
	group(G_RO);
	IS(at(va + 0x4000, MMU_WRITE) == MMU_OK);
	mmu_flush_asid(0, 1);
	IS(at(va + 0x4000, MMU_WRITE) == MMU_DENIED && violation[0] == '\0');
	/* The hint of a live entry. */
	mmu_flush_asid(0, 1);
	group(G_RW);
	IS(at(va + 0x1000, MMU_READ) == MMU_OK);
	put(0x103000 + 25 * 8, 0x219000 | G_NONE);
	(void)at(va + 0x9000, MMU_READ);
	IS(strstr(violation, "break-before-make") != NULL);
	violation[0] = '\0';
	mmu_flush_asid(0, 1);
	(void)at(va + 0x1000, MMU_READ);
	IS(strstr(violation, "neighbour 9") != NULL);
	/* Another page; pages in a row, from the wrong one on. */
	violation[0] = '\0';
	mmu_flush_asid(0, 1);
	put(0x103000 + 25 * 8, 0x221000 | G_RW);
	(void)at(va + 0x1000, MMU_READ);
	IS(strstr(violation, "neighbour 9") != NULL);
	violation[0] = '\0';
	mmu_flush_asid(0, 1);
	for (i = 0; i < 16; i++)
		put(0x103000 + (16 + i) * 8, (0x211000 + i * 0x1000) | G_RW);
	(void)at(va, MMU_READ);
	IS(strstr(violation, "another of its group") != NULL);
	/* The access flag is noted in any of them. */
	violation[0] = '\0';
	mmu_flush_asid(0, 1);
	group(G_RW & ~0x400ull);
	IS(at(va + 0x6000, MMU_READ) == MMU_OK && violation[0] == '\0');
	IS(load(0x103000 + 16 * 8) == (0x210000 | G_RW));
	IS(load(0x103000 + 22 * 8) == (0x216000 | (G_RW & ~0x400ull)));
	sim_result(bad == 0, "mmu: arm64, contiguous entries");
}

static void
test_granules(void)
{
	begin(&mmu_arm64_16k); /* 1 + 11 + 11 + 11 + 14 bits */
	mmu_root(0, 0x100000, 1);
	put(0x100000 + 1 * 8, 0x104003); /* bit 47 */
	put(0x104000 + 3 * 8, 0x108003); /* bits 46:36 */
	put(0x108000 + 5 * 8, 0x10c003); /* bits 35:25 */
	put(0x10c000 + 7 * 8, 0x200f43); /* bits 24:14 */
	IS(at(1ull << 47 | 3ull << 36 | 5ull << 25 | 7ull << 14 | 0x3abc,
	       MMU_WRITE) == MMU_OK &&
	    last == 0x203abc);
	IS(at(3ull << 36 | 5ull << 25 | 7ull << 14, MMU_READ) == MMU_ABSENT);
	/* A 32 MiB block one level up, none two levels up. */
	put(0x108000 + 6 * 8, 0xf41);
	IS(at(1ull << 47 | 3ull << 36 | 6ull << 25 | 0x1234567, MMU_READ) ==
		MMU_OK &&
	    last == 0x1234567);
	put(0x104000 + 4 * 8, 0xf41);
	IS(at(1ull << 47 | 4ull << 36, MMU_READ) == MMU_ABSENT);

	begin(&mmu_arm64_64k); /* 6 + 13 + 13 + 16 bits */
	mmu_root(0, 0x100000, 1);
	put(0x100000 + 33 * 8, 0x110003);
	put(0x110000 + 8191 * 8, 0x120003);
	put(0x120000 + 1 * 8, 0x200f43);
	IS(at(33ull << 42 | 8191ull << 29 | 1ull << 16 | 0xfedc, MMU_READ) ==
		MMU_OK &&
	    last == 0x20fedc);
	put(0x110000 + 2 * 8, 0xf41); /* 512 MiB */
	IS(at(33ull << 42 | 2ull << 29 | 0x1f234567, MMU_READ) == MMU_OK &&
	    last == 0x1f234567);
	sim_result(bad == 0, "mmu: arm64, 16 and 64 KiB granules");
}

static void
test_riscv(void)
{
	uint64_t va = 1ull << 30 | 2ull << 21 | 3ull << 12 | 0xabc;

	begin(&mmu_sv39);
	mmu_root(0, 0x100000, 1);
	put(0x100000 + 1 * 8, 0x101ull << 10 | 1);
	put(0x101000 + 2 * 8, 0x102ull << 10 | 1);
	put(0x102000 + 3 * 8, 0x200ull << 10 | 0x13); /* V R U */
	IS(at(va, MMU_READ) == MMU_OK && last == 0x200abc);
	IS(load(0x102000 + 3 * 8) == (0x200ull << 10 | 0x53)); /* A */
	IS(at(va, MMU_WRITE) == MMU_DENIED);
	IS(at(va, MMU_EXEC) == MMU_DENIED);
	IS(at(1ull << 38, MMU_READ) == MMU_ABSENT); /* the upper half */
	/* An invalid entry may be remembered. */
	IS(at(va + 0x1000, MMU_READ) == MMU_ABSENT);
	put(0x102000 + 4 * 8, 0x201ull << 10 | 0x17);
	IS(at(va + 0x1000, MMU_READ) == MMU_ABSENT);
	mmu_flush_page(0, 1, (va + 0x1000) & ~0xfffull);
	IS(at(va + 0x1000, MMU_WRITE) == MMU_OK);
	IS(load(0x102000 + 4 * 8) == (0x201ull << 10 | 0xd7)); /* A D */
	/* Execute only; W without R; a pointer with U; low bits of a leaf. */
	put(0x102000 + 5 * 8, 0x201ull << 10 | 0x19);
	IS(at(va + 0x2000, MMU_EXEC) == MMU_OK);
	IS(at(va + 0x2000, MMU_READ) == MMU_DENIED);
	put(0x102000 + 6 * 8, 0x201ull << 10 | 0x15);
	IS(at(va + 0x3000, MMU_READ) == MMU_MALFORMED);
	put(0x101000 + 3 * 8, 0x102ull << 10 | 0x11);
	IS(at(1ull << 30 | 3ull << 21, MMU_READ) == MMU_MALFORMED);
	put(0x101000 + 4 * 8, 0x200ull << 10 | 0x17); /* 2 MiB */
	IS(at(1ull << 30 | 4ull << 21 | 0x54321, MMU_READ) == MMU_OK &&
	    last == 0x254321);
	put(0x101000 + 5 * 8, 0x201ull << 10 | 0x17);
	IS(at(1ull << 30 | 5ull << 21, MMU_READ) == MMU_MALFORMED);
	/* Supervisor page. */
	put(0x102000 + 7 * 8, 0x201ull << 10 | 0x7);
	IS(at(va + 0x4000, MMU_READ) == MMU_DENIED);

	machine.mm_hwflags = false;
	begin(&mmu_sv48);
	mmu_root(0, 0x100000, 1);
	put(0x100000 + 255 * 8, 0x101ull << 10 | 0x21); /* G */
	put(0x101000 + 1 * 8, 0x102ull << 10 | 1);
	put(0x102000 + 2 * 8, 0x103ull << 10 | 1);
	put(0x103000 + 3 * 8, 0x200ull << 10 | 0x57);
	va |= 255ull << 39;
	IS(at(va, MMU_READ) == MMU_OK && last == 0x200abc);
	mmu_flush_asid(0, 1);
	put(0x103000 + 3 * 8, 0);
	IS(at(va, MMU_READ) == MMU_OK); /* global, by the level above */
	mmu_flush_all(0);
	put(0x103000 + 3 * 8, 0x200ull << 10 | 0x57);
	IS(at(va, MMU_WRITE) == MMU_FLAG);
	machine.mm_hwflags = true;
	IS(violation[0] == '\0');
	sim_result(bad == 0, "mmu: riscv64, Sv39 and Sv48");
}

static void
test_choices(void)
{
	begin(&mmu_amd64);
	machine.mm_evict = machine.mm_speculate = true;
	mmu_init(&machine);
	mmu_root(0, 0x100000, 0);
	put(0x100000, 0x101007);
	put(0x101000, 0x102007);
	put(0x102000, 0x103007);
	put(0x103000, 0x200007);
	mmu_speculate(0, 0);
	put(0x103000, 0);
	IS(at(0, MMU_READ) == MMU_ABSENT);
	put(0x103000, 0x200007);
	choice = 1;
	mmu_speculate(0, 0);
	choice = 0;
	put(0x103000, 0);
	IS(at(0, MMU_READ) == MMU_OK);
	choice = 1;
	IS(at(0, MMU_READ) == MMU_ABSENT);
	machine.mm_evict = machine.mm_speculate = false;
	sim_result(bad == 0, "mmu: eviction and speculation by choice");
}

void
mmu_tests(void)
{
	test_amd64();
	test_dirty();
	test_frames();
	test_arm64();
	test_group();
	test_granules();
	test_riscv();
	test_choices();
}
