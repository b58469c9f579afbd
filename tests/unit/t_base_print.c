/*
 * Formatted output and strings.  Booted, this tests the kernel's own memory
 * functions; hosted, the C library's.
 */
#include "ktest.h"

#include <base/print.h>

static char buf[128];

/* Whether the last ksnprintf() gave n characters, which are want. */
static bool
gave(int n, const char *want)
{
	return n == (int)strlen(want) && strcmp(buf, want) == 0;
}

#define PRINT(...) ksnprintf(buf, sizeof(buf), __VA_ARGS__)

TEST(print_integers)
{
	CHECK(gave(PRINT("%d %i", 0, -1), "0 -1"));
	CHECK(gave(PRINT("%u", 4294967295u), "4294967295"));
	CHECK(gave(PRINT("%ld", (long)INT64_MIN), "-9223372036854775808"));
	CHECK(gave(PRINT("%lu", ~0ul), "18446744073709551615"));
	CHECK(gave(PRINT("%llx", 0xfedcba9876543210ull), "fedcba9876543210"));
	CHECK(gave(PRINT("%X", 0xbeefu), "BEEF"));
	CHECK(gave(PRINT("%o", 0755u), "755"));
	CHECK(gave(PRINT("%hhd %hu", (char)-1, (u_short)65535), "-1 65535"));
	CHECK(gave(PRINT("%zu %jd %td", (size_t)1, (intmax_t)-2, (ptrdiff_t)3),
	    "1 -2 3"));
	CHECK(gave(PRINT("%p", (void *)0xabcul), "0xabc"));
	CHECK(gave(PRINT("%p", NULL), "0x0"));
}

TEST(print_flags)
{
	CHECK(gave(PRINT("[%5d]", 42), "[   42]"));
	CHECK(gave(PRINT("[%-5d]", 42), "[42   ]"));
	CHECK(gave(PRINT("[%05d]", -42), "[-0042]"));
	CHECK(gave(PRINT("[%+d]", 42), "[+42]"));
	CHECK(gave(PRINT("[%.4d]", 42), "[0042]"));
	CHECK(gave(PRINT("[%8.4d]", -42), "[   -0042]"));
	CHECK(gave(PRINT("[%#x]", 42), "[0x2a]"));
	CHECK(gave(PRINT("[%#06x]", 42), "[0x002a]"));
	CHECK(gave(PRINT("[%#x]", 0), "[0]"));
	CHECK(gave(PRINT("[%#o]", 8), "[010]"));
	CHECK(gave(PRINT("[%*d]", 4, 7), "[   7]"));
	CHECK(gave(PRINT("[%*d]", -4, 7), "[7   ]"));
	CHECK(gave(PRINT("[%016lx]", 0x1234ul), "[0000000000001234]"));
}

TEST(print_strings)
{
	const char *volatile nothing = NULL; /* gcc must not know */

	CHECK(gave(PRINT("%s %c%%", "abc", 'd'), "abc d%"));
	CHECK(gave(PRINT("[%6s]", "abc"), "[   abc]"));
	CHECK(gave(PRINT("[%-6s]", "abc"), "[abc   ]"));
	CHECK(gave(PRINT("[%.2s]", "abc"), "[ab]"));
	CHECK(gave(PRINT("[%.*s]", 1, "abc"), "[a]"));
	CHECK(gave(PRINT("%s", nothing), "(null)"));
}

TEST(print_truncates)
{
	char small[4] = "xyz";

	CHECK(ksnprintf(small, sizeof(small), "%s", "abcdef") == 6);
	CHECK(strcmp(small, "abc") == 0);
	CHECK(ksnprintf(small, 1, "%s", "abcdef") == 6);
	CHECK(small[0] == '\0' && small[1] == 'b');
	CHECK(ksnprintf(NULL, 0, "%d", 12345) == 5);
}

TEST(string_copies)
{
	char dst[4];

	CHECK(strlcpy(dst, "ab", sizeof(dst)) == 2 && strcmp(dst, "ab") == 0);
	CHECK(strlcpy(dst, "abcdef", sizeof(dst)) == 6);
	CHECK(strcmp(dst, "abc") == 0);
	CHECK(strlcpy(dst, "", sizeof(dst)) == 0 && dst[0] == '\0');
	CHECK(strlcpy(dst, "z", 0) == 1 && dst[0] == '\0');
}

TEST(string_numbers)
{
	const char *end;

	CHECK(kstrtoul("123x", &end, 10) == 123 && *end == 'x');
	CHECK(kstrtoul("0x1F", &end, 0) == 31 && *end == '\0');
	CHECK(kstrtoul("0x1F", &end, 16) == 31 && *end == '\0');
	CHECK(kstrtoul("017", &end, 0) == 15 && *end == '\0');
	CHECK(kstrtoul("089", &end, 0) == 0 && *end == '8');
	CHECK(kstrtoul("0xg", &end, 0) == 0 && *end == 'x');
	CHECK(kstrtoul("", &end, 0) == 0 && *end == '\0');
	CHECK(kstrtoul("99999999999999999999", &end, 10) == ~0ul);
	CHECK(*end == '\0');
}

TEST(string_searches)
{
	const char *s = "hello, world";

	CHECK(strchr(s, 'l') == s + 2 && strchr(s, 'z') == NULL);
	CHECK(strchr(s, '\0') == s + 12);
	CHECK(strrchr(s, 'l') == s + 10 && strrchr(s, 'z') == NULL);
	CHECK(strstr(s, "world") == s + 7 && strstr(s, "word") == NULL);
	CHECK(strstr(s, "") == s);
	CHECK(strncmp("abc", "abd", 2) == 0 && strncmp("abc", "abd", 3) < 0);
	CHECK(strcmp("abc", "ab") > 0 && strcmp("", "") == 0);
	CHECK(strnlen(s, 5) == 5 && strnlen(s, 13) == 12);
}

/* Every small length at every alignment, each way of overlapping. */
TEST(string_moves)
{
	u_char area[64], want[64];
	u_int from, to, len, i;
	bool same = true;

	for (len = 0; len <= 20; len++)
		for (from = 0; from < 20; from++)
			for (to = 0; to < 20; to++) {
				for (i = 0; i < sizeof(area); i++)
					area[i] = want[i] = (u_char)i;
				for (i = 0; i < len; i++)
					want[to + i] = (u_char)(from + i);
				memmove(area + to, area + from, len);
				same &= memcmp(area, want, sizeof(area)) == 0;
			}
	CHECK(same);
	memset(area + 1, 0xa5, 13);
	for (i = 0; i < sizeof(area); i++)
		same &=
		    (area[i] == 0xa5) == (i >= 1 && i < 14) || want[i] == 0xa5;
	CHECK(same);
	CHECK(memcmp("\x01\xff", "\x01\x02", 2) > 0);
}
