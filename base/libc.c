/*
 * libc.c: the functions of C11's <string.h> that the kernel uses and that
 * compilers call on their own.  The hosted machine has them from its C
 * library and does not link this file.
 *
 * Words are moved where that is free of alignment traps; pages have calls of
 * their own in the port.
 */
#include <base/print.h>
#include <md/inline.h>

#ifdef LIBC_WEAK /* in a kernel that may have its own */
#pragma weak memcpy
#pragma weak memmove
#pragma weak memset
#pragma weak memcmp
#endif

/* A word that may lie anywhere and be anything. */
typedef u_long __attribute__((may_alias, aligned(1))) anyword;

void *
memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	const anyword *s = src;
	anyword *d = dst;
	const u_char *sb;
	u_char *db;

#ifdef MD_WORDS_MIN
	if (n >= MD_WORDS_MIN) {
		md_words_copy(d, s, n / sizeof(*d));
		d += n / sizeof(*d);
		s += n / sizeof(*d);
		n %= sizeof(*d);
	}
#endif
	for (; n >= 4 * sizeof(*d); n -= 4 * sizeof(*d), d += 4, s += 4) {
		d[0] = s[0];
		d[1] = s[1];
		d[2] = s[2];
		d[3] = s[3];
	}
	for (; n >= sizeof(*d); n -= sizeof(*d))
		*d++ = *s++;
	sb = (const void *)s;
	db = (void *)d;
	while (n-- > 0)
		*db++ = *sb++;
	return dst;
}

void *
memmove(void *dst, const void *src, size_t n)
{
	const u_char *s = src;
	u_char *d = dst;

	/* Forwards is safe unless dst lies inside the source. */
	if ((uintptr_t)dst - (uintptr_t)src >= n) {
		for (; n >= sizeof(anyword); n -= sizeof(anyword)) {
			*(anyword *)(void *)d =
			    *(const anyword *)(const void *)s;
			d += sizeof(anyword);
			s += sizeof(anyword);
		}
		while (n-- > 0)
			*d++ = *s++;
		return dst;
	}
	d += n;
	s += n;
	for (; n >= sizeof(anyword); n -= sizeof(anyword)) {
		d -= sizeof(anyword);
		s -= sizeof(anyword);
		*(anyword *)(void *)d = *(const anyword *)(const void *)s;
	}
	while (n-- > 0)
		*--d = *--s;
	return dst;
}

void *
memset(void *dst, int c, size_t n)
{
	u_long word = (u_char)c * (~0UL / 0xff);
	anyword *d = dst;
	u_char *db;

#ifdef MD_WORDS_MIN
	if (n >= MD_WORDS_MIN) {
		md_words_set(d, word, n / sizeof(*d));
		d += n / sizeof(*d);
		n %= sizeof(*d);
	}
#endif
	for (; n >= 4 * sizeof(*d); n -= 4 * sizeof(*d), d += 4) {
		d[0] = word;
		d[1] = word;
		d[2] = word;
		d[3] = word;
	}
	for (; n >= sizeof(*d); n -= sizeof(*d))
		*d++ = word;
	db = (void *)d;
	while (n-- > 0)
		*db++ = (u_char)c;
	return dst;
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const u_char *p = a, *q = b;

	for (; n > 0; n--, p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}

size_t
strlen(const char *s)
{
	const char *p = s;

	while (*p != '\0')
		p++;
	return (size_t)(p - s);
}

size_t
strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

int
strcmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (u_char)*a - (u_char)*b;
}

int
strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++)
		if (*a != *b || *a == '\0')
			return (u_char)*a - (u_char)*b;
	return 0;
}

char *
strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (*s == '\0')
			return NULL;
	return (char *)(uintptr_t)s;
}

char *
strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++ != '\0');
	return (char *)(uintptr_t)last;
}

char *
strstr(const char *s, const char *sub)
{
	size_t len = strlen(sub);

	for (; strncmp(s, sub, len) != 0; s++)
		if (*s == '\0')
			return NULL;
	return (char *)(uintptr_t)s;
}
