/*
 * t_fs_ldisc.c: the line discipline, key by key.
 */
#include <ktest.h>

#include <base/print.h>
#include <fs/ldisc.h>

static struct ldisc ld; /* too large for a stack */
static char shown[512]; /* what was echoed */
static size_t nshown;

static void
show(struct ldisc *on, const char *s, size_t len)
{
	CHECK(on == &ld);
	if (!CHECK(nshown + len < sizeof(shown)))
		return;
	memcpy(shown + nshown, s, len);
	nshown += len;
	shown[nshown] = '\0';
}

static void
setup(void)
{
	nshown = 0;
	shown[0] = '\0';
	ldisc_init(&ld, show);
}

static void
type(const char *keys)
{
	for (; *keys != '\0'; keys++)
		CHECK(ldisc_input(&ld, (u_char)*keys) == LD_OK);
}

/* Read one line (or what there is) and compare. */
static bool
reads(const char *want, bool wantend)
{
	char buf[128];
	bool end;
	size_t n;

	n = ldisc_read(&ld, buf, sizeof(buf), &end);
	return n == strlen(want) && memcmp(buf, want, n) == 0 && end == wantend;
}

TEST(ldisc_line)
{
	setup();
	type("hello");
	CHECK(ldisc_ready(&ld) == 0);
	type("\r");
	CHECK(ldisc_ready(&ld) == 6);
	CHECK(reads("hello\n", true));
	CHECK(strcmp(shown, "hello\r\n") == 0);
	CHECK(ldisc_ready(&ld) == 0);
}

TEST(ldisc_two_lines)
{
	setup();
	type("a\nbc\n");
	CHECK(reads("a\n", true));
	CHECK(reads("bc\n", true));
	CHECK(reads("", false));
}

TEST(ldisc_short_reads)
{
	char buf[2];
	bool end;

	setup();
	type("abc\n");
	CHECK(ldisc_read(&ld, buf, 2, &end) == 2 && !end);
	CHECK(ldisc_read(&ld, buf, 2, &end) == 2 && end);
	CHECK(memcmp(buf, "c\n", 2) == 0);
}

TEST(ldisc_erase)
{
	setup();
	type("ab\177c\bd\n");
	CHECK(reads("ad\n", true));
	CHECK(strcmp(shown, "ab\b \bc\b \bd\r\n") == 0);
	/* Nothing to erase: nothing happens, not even to the prompt. */
	setup();
	type("\177\177x\n");
	CHECK(reads("x\n", true));
	CHECK(strcmp(shown, "x\r\n") == 0);
}

/* An erased tab moves the cursor back to where it came from. */
TEST(ldisc_erase_tab)
{
	setup();
	ldisc_write(&ld, "$ ", 2);
	type("a\t\177");
	CHECK(strcmp(shown, "$ a\t\b \b\b \b\b \b\b \b\b \b") == 0);
	CHECK(ld.ld_col == 3);
}

TEST(ldisc_erase_utf8)
{
	setup();
	type("x\303\251\177\n");
	CHECK(reads("x\n", true));
	CHECK(strcmp(shown, "x\303\251\b \b\r\n") == 0);
}

TEST(ldisc_kill_and_word)
{
	setup();
	type("one two\027three\n");
	CHECK(reads("one three\n", true));
	setup();
	type("gone\025kept\n");
	CHECK(reads("kept\n", true));
	CHECK(strcmp(shown, "gone\b \b\b \b\b \b\b \bkept\r\n") == 0);
}

TEST(ldisc_eof)
{
	setup();
	type("\004");
	CHECK(ldisc_ready(&ld) == 1);
	CHECK(reads("", true));
	type("ab\004");
	CHECK(reads("ab", true));
	CHECK(ldisc_ready(&ld) == 0);
	/* A read of exactly the bytes before it takes the mark along. */
	type("ab\004");
	{
		char buf[2];
		bool end;

		CHECK(ldisc_read(&ld, buf, 2, &end) == 2 && end);
	}
	CHECK(ldisc_ready(&ld) == 0);
}

TEST(ldisc_signals)
{
	setup();
	type("lost");
	CHECK(ldisc_input(&ld, 3) == SIGINT);
	CHECK(strcmp(shown, "lost^C") == 0);
	CHECK(ldisc_input(&ld, 28) == SIGQUIT);
	CHECK(ldisc_input(&ld, 26) == SIGTSTP);
	type("x\n");
	CHECK(reads("x\n", true));
}

TEST(ldisc_literal)
{
	setup();
	type("\026\003\026\177\n");
	CHECK(reads("\003\177\n", true));
}

TEST(ldisc_raw)
{
	struct abi_termios t;

	setup();
	t = ld.ld_t;
	t.c_iflag = 0;
	t.c_oflag = 0;
	t.c_lflag = 0;
	ldisc_set(&ld, &t);
	type("\003\r\004");
	CHECK(reads("\003\r\004", false));
	CHECK(nshown == 0);
	ldisc_write(&ld, "a\n", 2);
	CHECK(strcmp(shown, "a\n") == 0);
}

/* What was typed before ICANON went is readable after. */
TEST(ldisc_mode_change)
{
	struct abi_termios t;

	setup();
	type("par");
	t = ld.ld_t;
	t.c_lflag &= ~ICANON;
	ldisc_set(&ld, &t);
	CHECK(ldisc_ready(&ld) == 3);
	CHECK(reads("par", false));
}

TEST(ldisc_unknown_flags_read_back_clear)
{
	struct abi_termios t;

	setup();
	t = ld.ld_t;
	t.c_iflag = t.c_oflag = t.c_lflag = ~0u;
	ldisc_set(&ld, &t);
	CHECK((ld.ld_t.c_iflag & 0002000u) == 0); /* IXON */
	CHECK((ld.ld_t.c_lflag & ICANON) != 0);
}

/* A full ring says so; one that a single line fills drops what is beyond. */
TEST(ldisc_full)
{
	u_int i;
	bool end;
	char c;

	setup();
	for (i = 0; i < LD_SIZE / 2; i++) {
		ld.ld_t.c_lflag &= ~ECHO;
		CHECK(ldisc_input(&ld, 'x') == LD_OK);
		CHECK(ldisc_input(&ld, '\n') == LD_OK);
	}
	CHECK(ldisc_input(&ld, 'y') == LD_FULL);
	CHECK(ldisc_read(&ld, &c, 1, &end) == 1 && c == 'x');
	CHECK(ldisc_input(&ld, 'y') == LD_OK);

	setup();
	ld.ld_t.c_lflag &= ~ECHO;
	for (i = 0; i < LD_SIZE + 10; i++)
		CHECK(ldisc_input(&ld, 'x') == LD_OK);
	CHECK(ldisc_input(&ld, '\n') == LD_OK);
	CHECK(ldisc_ready(&ld) == LD_SIZE);
}
