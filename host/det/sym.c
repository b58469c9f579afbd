/*
 * sym.c: names of addresses, from the program's own symbol table.
 *
 * dladdr() knows exported symbols only; what is interesting here is static.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "detp.h"

struct sym {
	uintptr_t sy_addr;
	size_t sy_len;
	const char *sy_name;
};

static struct sym *syms;
static size_t nsyms;

static int
compare(const void *a, const void *b)
{
	const struct sym *x = a, *y = b;

	return x->sy_addr < y->sy_addr ? -1 : x->sy_addr > y->sy_addr;
}

static void
add(const Elf64_Sym *s, const char *names)
{
	unsigned type = ELF64_ST_TYPE(s->st_info);

	if ((type != STT_FUNC && type != STT_OBJECT) || s->st_value == 0)
		return;
	syms[nsyms].sy_addr = s->st_value;
	syms[nsyms].sy_len = s->st_size;
	syms[nsyms++].sy_name = names + s->st_name;
}

/* The file stays mapped: names point into it. */
static void
load(void)
{
	const Elf64_Shdr *sh;
	const Elf64_Ehdr *eh;
	const Elf64_Sym *st;
	struct stat sb;
	const char *p;
	size_t k;
	int fd, i;

	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &sb) != 0)
		return;
	p = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	eh = (const Elf64_Ehdr *)p;
	sh = (const Elf64_Shdr *)(p + eh->e_shoff);
	for (i = 0; i < eh->e_shnum; i++) {
		if (sh[i].sh_type != SHT_SYMTAB)
			continue;
		st = (const Elf64_Sym *)(p + sh[i].sh_offset);
		syms = calloc(sh[i].sh_size / sizeof *st + 1, sizeof *syms);
		if (syms == NULL)
			return;
		for (k = 0; k < sh[i].sh_size / sizeof *st; k++)
			add(&st[k], p + sh[sh[i].sh_link].sh_offset);
	}
	qsort(syms, nsyms, sizeof *syms, compare);
}

static bool (*namer)(uintptr_t a, char *buf, size_t len);

void
det_namer(bool (*fn)(uintptr_t a, char *buf, size_t len))
{
	namer = fn;
}

const char *
sym_name(uintptr_t a, char *buf, size_t len)
{
	static bool loaded;
	size_t lo = 0, hi, mid;

	if (!loaded) {
		loaded = true;
		load();
	}
	if (namer != NULL && namer(a, buf, len))
		return buf;
	for (hi = nsyms; lo < hi;) {
		mid = lo + (hi - lo) / 2;
		if (syms[mid].sy_addr <= a)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo > 0 && a - syms[lo - 1].sy_addr >= syms[lo - 1].sy_len &&
	       lo > 1 && syms[lo - 2].sy_addr == syms[lo - 1].sy_addr)
		lo--;
	if (lo == 0 || a - syms[lo - 1].sy_addr >= syms[lo - 1].sy_len + 1)
		snprintf(buf, len, "%#lx", (unsigned long)a);
	else if (a == syms[lo - 1].sy_addr)
		snprintf(buf, len, "%s", syms[lo - 1].sy_name);
	else
		snprintf(buf, len, "%s+%#lx", syms[lo - 1].sy_name,
		    (unsigned long)(a - syms[lo - 1].sy_addr));
	return buf;
}

const char *
det_name(uintptr_t a, char *buf, size_t len)
{
	return sym_name(a, buf, len);
}

/*
 * One addr2line runs for all questions and is asked through pipes.
 */
const char *
sym_line(uintptr_t a, char *buf, size_t len)
{
	static FILE *to, *from;
	static bool tried;
	int in[2], out[2];
	char exe[64], *p;

	buf[0] = '\0';
	if (!tried) {
		tried = true;
		snprintf(exe, sizeof exe, "/proc/%d/exe", (int)getpid());
		if (pipe(in) != 0 || pipe(out) != 0)
			return buf;
		if (fork() == 0) {
			dup2(in[0], 0);
			dup2(out[1], 1);
			close(in[1]);
			close(out[0]);
			execlp("addr2line", "addr2line", "-s", "-e", exe,
			    (char *)NULL);
			_exit(127);
		}
		close(in[0]);
		close(out[1]);
		to = fdopen(in[1], "w");
		from = fdopen(out[0], "r");
	}
	if (to == NULL || from == NULL || a == 0)
		return buf;
	fprintf(to, "%#lx\n", (unsigned long)a - 1);
	if (fflush(to) != 0 || fgets(buf, (int)len, from) == NULL) {
		fclose(to);
		to = NULL;
		buf[0] = '\0';
		return buf;
	}
	p = strpbrk(buf, "\n ");
	if (p != NULL)
		*p = '\0';
	if (buf[0] == '?')
		buf[0] = '\0';
	return buf;
}
