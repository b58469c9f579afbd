/*
 * string.c: string functions that no C library of ours supplies.  Those that
 * one does are in libc.c.
 */
#include <base/print.h>

size_t
strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src), n;

	if (size > 0) {
		n = MIN(len, size - 1);
		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

/* The value of c as a digit; 36 when it is none. */
static u_int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (u_int)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (u_int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (u_int)(c - 'A') + 10;
	return 36;
}

u_long
kstrtoul(const char *s, const char **end, int base)
{
	u_long val = 0;

	if ((base == 0 || base == 16) && s[0] == '0' &&
	    (s[1] == 'x' || s[1] == 'X') && digit(s[2]) < 16) {
		s += 2;
		base = 16;
	}
	if (base == 0)
		base = s[0] == '0' ? 8 : 10;
	for (; digit(*s) < (u_int)base; s++) {
		if (__builtin_mul_overflow(val, (u_long)base, &val) ||
		    __builtin_add_overflow(val, (u_long)digit(*s), &val))
			val = ~0UL;
	}
	if (end != NULL)
		*end = s;
	return val;
}
