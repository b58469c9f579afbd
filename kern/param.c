/*
 * param.c: the kernel's command line, "key=value key=value ...".
 */
#include <kern/proc.h>
#include <base/print.h>

static const char *param_line = "";

void
kern_param_init(const char *cmdline)
{
	param_line = cmdline != NULL ? cmdline : "";
}

const char *
kern_cmdline(void)
{
	return param_line;
}

const char *
kern_param(const char *key)
{
	static char value[256];
	size_t klen = strlen(key), n;
	const char *s;

	for (s = param_line; *s != '\0'; s += n) {
		while (*s == ' ')
			s++;
		for (n = 0; s[n] != '\0' && s[n] != ' ';)
			n++;
		if (n < klen || strncmp(s, key, klen) != 0)
			continue;
		if (n == klen) /* a key alone is true */
			return "1";
		if (s[klen] != '=')
			continue;
		strlcpy(value, s + klen + 1,
		    MIN(sizeof(value), n - klen - 1 + 1));
		return value;
	}
	return NULL;
}

u_long
kern_param_num(const char *key, u_long dflt)
{
	const char *s = kern_param(key);

	return s == NULL ? dflt : kstrtoul(s, NULL, 0);
}
