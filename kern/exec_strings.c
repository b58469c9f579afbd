/*
 * exec_strings.c: argv and envp between two address spaces.
 */
#include <kern/exec.h>
#include <sys/errno.h>
#include <base/print.h>
#include <phys/kmem.h>
#include <phys/page.h>

struct exec_strings *
exec_strings_create(void)
{
	uint64_t stack = curproc()->ps_rlimit[RLIMIT_STACK].rlim_cur;
	struct exec_strings *es;

	es = kmem_alloc(sizeof(*es), PA_ZERO);
	if (es != NULL)
		es->es_limit = MAX(MIN(stack / 4, ARG_LIMIT), ARG_LIMIT_MIN);
	return es;
}

void
exec_strings_free(struct exec_strings *es)
{
	u_int i;

	for (i = 0; i < nitems(es->es_page) && es->es_page[i] != NULL; i++)
		kmem_free(es->es_page[i], PAGE_SIZE);
	kmem_free(es, sizeof(*es));
}

/* The page that byte es_len goes to. */
static int
strings_page(struct exec_strings *es, char **pagep)
{
	u_int i = (u_int)atop(es->es_len);

	/* Pointers count like strings: a million empty ones are too long. */
	if (es->es_len + (es->es_argc + es->es_envc) * sizeof(vaddr_t) >=
	    es->es_limit)
		return E2BIG;
	if (es->es_page[i] == NULL) {
		es->es_page[i] = kmem_alloc(PAGE_SIZE, 0);
		if (es->es_page[i] == NULL)
			return ENOMEM;
	}
	*pagep = es->es_page[i];
	return 0;
}

int
exec_strings_add(struct exec_strings *es, const char *kstr, vaddr_t ustr,
    bool env)
{
	size_t at, room, n, len = 0;
	char *page;
	int error;

	KASSERT(env || es->es_envc == 0);
	for (;;) {
		error = strings_page(es, &page);
		if (error != 0)
			return error;
		at = es->es_len % PAGE_SIZE;
		room = PAGE_SIZE - at;
		if (kstr != NULL) {
			n = strnlen(kstr, room);
			error = n == room ? ENAMETOOLONG : 0;
			n = MIN(n + 1, room);
			memcpy(page + at, kstr, n);
			kstr += n;
		} else {
			n = room;
			error = copyinstr(ustr, page + at, room, &n);
			if (error == ENAMETOOLONG)
				n = room;
			ustr += n;
		}
		if (error != 0 && error != ENAMETOOLONG)
			return error;
		es->es_len += n;
		len += n;
		if (len > ARG_STRLEN)
			return E2BIG;
		if (error == 0)
			break;
	}
	if (env)
		es->es_envc++;
	else {
		es->es_argc++;
		es->es_argend = es->es_len;
	}
	return 0;
}

size_t
exec_strings_next(const struct exec_strings *es, size_t off)
{
	size_t at, n;

	for (;;) {
		KASSERT(off < es->es_len);
		at = off % PAGE_SIZE;
		n = strnlen(es->es_page[atop(off)] + at,
		    MIN(PAGE_SIZE - at, es->es_len - off));
		off += n;
		if (n < PAGE_SIZE - at)
			return off + 1;
	}
}

/* One string in front of those in es_pre. */
static int
strings_prepend(struct exec_strings *es, const char *s, size_t len)
{
	char *to;

	if (es->es_prelen + len + 1 > sizeof(es->es_pre))
		return ENOEXEC;
	es->es_prelen += len + 1;
	to = es->es_pre + sizeof(es->es_pre) - es->es_prelen;
	memcpy(to, s, len);
	to[len] = '\0';
	es->es_npre++;
	return 0;
}

int
exec_strings_script(struct exec_strings *es, const char *path,
    const char *interp, const char *arg)
{
	int error;

	/* argv[0] goes: what stood for it is the path from here on. */
	if (es->es_npre > 0) {
		const char *first =
		    es->es_pre + sizeof(es->es_pre) - es->es_prelen;

		es->es_prelen -= strlen(first) + 1;
		es->es_npre--;
	} else if (es->es_argc > 0) {
		es->es_skip = exec_strings_next(es, 0);
		es->es_nskip = 1;
	}
	error = strings_prepend(es, path, strlen(path));
	if (error == 0 && arg != NULL)
		error = strings_prepend(es, arg, strlen(arg));
	if (error == 0)
		error = strings_prepend(es, interp, strlen(interp));
	return error;
}
