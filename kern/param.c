/*
 * param.c: the kernel's command line, "key=value key=value ...".
 *
 * A copy is cut into its words once, so that what is handed out never
 * changes: no lock.
 */
#include <kern/mm.h>
#include <base/print.h>

bool mm_wx, mm_stackcheck;

static const char *param_line = "";
static char param_words[4096]; /* words with their NULs */
static const char *param_end = param_words;

void
kern_param_init(const char *cmdline)
{
	char *s;

	if (cmdline == NULL)
		return;
	param_line = cmdline;
	strlcpy(param_words, cmdline, sizeof(param_words));
	param_end = param_words + strlen(param_words);
	for (s = strchr(param_words, ' '); s != NULL; s = strchr(s + 1, ' '))
		*s = '\0';
}

const char *
kern_cmdline(void)
{
	return param_line;
}

const char *
kern_param(const char *key)
{
	const char *s;
	size_t len = strlen(key);

	for (s = param_words; s < param_end; s += strlen(s) + 1) {
		if (strncmp(s, key, len) != 0)
			continue;
		if (s[len] == '=')
			return s + len + 1;
		if (s[len] == '\0') /* a key alone is true */
			return "1";
	}
	return NULL;
}

u_long
kern_param_num(const char *key, u_long dflt)
{
	const char *s = kern_param(key);

	return s == NULL ? dflt : kstrtoul(s, NULL, 0);
}
