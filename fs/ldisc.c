/*
 * ldisc.c: the line discipline; see ldisc.h.
 */
#include <fs/ldisc.h>

#include <base/kassert.h>
#include <base/print.h>

#define CTRL(c)  ((c)&0x1f)
#define DEL      0x7f
#define OUT_SIZE 256

/* What there is; other flags read back as clear. */
#define IFLAGS (ISTRIP | INLCR | IGNCR | ICRNL)
#define OFLAGS (OPOST | ONLCR | OCRNL)
#define LFLAGS                                                                 \
	(ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHONL | NOFLSH | TOSTOP |     \
	    ECHOCTL | ECHOKE | IEXTEN)

void
ldisc_init(struct ldisc *ld,
    void (*out)(struct ldisc *ld, const char *s, size_t len))
{
	memset(ld, 0, sizeof(*ld));
	ld->ld_t = (struct abi_termios){.c_iflag = ICRNL,
	    .c_oflag = OPOST | ONLCR,
	    .c_cflag = B115200 | CS8 | CREAD | CLOCAL,
	    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE |
		       IEXTEN,
	    .c_cc = {[VINTR] = CTRL('C'),
		[VQUIT] = CTRL('\\'),
		[VERASE] = DEL,
		[VKILL] = CTRL('U'),
		[VEOF] = CTRL('D'),
		[VMIN] = 1,
		[VSUSP] = CTRL('Z'),
		[VREPRINT] = CTRL('R'),
		[VWERASE] = CTRL('W'),
		[VLNEXT] = CTRL('V')}};
	ld->ld_out = out;
}

static bool
has(const struct ldisc *ld, u_int lflag)
{
	return (ld->ld_t.c_lflag & lflag) != 0;
}

/* Whether c is the control character i, and that is not disabled. */
static bool
is_cc(const struct ldisc *ld, u_char c, u_int i)
{
	return ld->ld_t.c_cc[i] != 0 && ld->ld_t.c_cc[i] == c;
}

/*
 * Output.
 */

/* Where the cursor is after c at col. */
static u_int
column(u_int col, u_char c)
{
	switch (c) {
	case '\r':
	case '\n':
		return 0;
	case '\b':
		return col > 0 ? col - 1 : 0;
	case '\t':
		return (col | 7) + 1;
	default:
		/* Controls move nothing, nor do the later bytes of UTF-8. */
		return c < ' ' || c == DEL || (c & 0xc0) == 0x80 ? col
								 : col + 1;
	}
}

void
ldisc_write(struct ldisc *ld, const char *s, size_t len)
{
	u_int oflag = ld->ld_t.c_oflag;
	char buf[OUT_SIZE];
	size_t n = 0;
	char c;

	for (; len > 0; len--) {
		c = *s++;
		if ((oflag & OPOST) != 0 && c == '\n' && (oflag & ONLCR) != 0)
			buf[n++] = '\r';
		else if ((oflag & OPOST) != 0 && c == '\r' &&
			 (oflag & OCRNL) != 0)
			c = '\n';
		buf[n++] = c;
		ld->ld_col = column(ld->ld_col, (u_char)c);
		if (n >= OUT_SIZE - 1 || len == 1) {
			ld->ld_out(ld, buf, n);
			n = 0;
		}
	}
}

/* How c looks when it is echoed; the length. */
static size_t
image(const struct ldisc *ld, u_char c, char *buf)
{
	if (has(ld, ECHOCTL) && (c < ' ' || c == DEL) && c != '\t' &&
	    c != '\n') {
		buf[0] = '^';
		buf[1] = (char)(c ^ 0x40);
		return 2;
	}
	buf[0] = (char)c;
	return 1;
}

static void
echo(struct ldisc *ld, u_char c)
{
	char buf[2];

	if (has(ld, ECHO))
		ldisc_write(ld, buf, image(ld, c, buf));
	else if (c == '\n' && has(ld, ICANON) && has(ld, ECHONL))
		ldisc_write(ld, "\n", 1);
}

/* Rub out until the screen shows what is left of the line. */
static void
rub_out(struct ldisc *ld)
{
	u_int i, col = ld->ld_startcol;
	char buf[2];
	size_t n, k;

	if (!has(ld, ECHO) || !has(ld, ECHOE))
		return;
	for (i = ld->ld_done; i != ld->ld_tail; i++) {
		n = image(ld, (u_char)ld->ld_ring[i % LD_SIZE], buf);
		for (k = 0; k < n; k++)
			col = column(col, (u_char)buf[k]);
	}
	while (ld->ld_col > col)
		ldisc_write(ld, "\b \b", 3);
}

/*
 * Input.
 */

static bool
put(struct ldisc *ld, u_int c)
{
	if (ld->ld_tail - ld->ld_head == LD_SIZE)
		return false;
	if (ld->ld_tail == ld->ld_done)
		ld->ld_startcol = ld->ld_col;
	ld->ld_ring[ld->ld_tail++ % LD_SIZE] = (uint16_t)c;
	return true;
}

static u_char
last(const struct ldisc *ld)
{
	return (u_char)ld->ld_ring[(ld->ld_tail - 1) % LD_SIZE];
}

/* Remove the last character, of several bytes if it is UTF-8. */
static void
erase_char(struct ldisc *ld)
{
	while (ld->ld_tail != ld->ld_done) {
		ld->ld_tail--;
		if ((ld->ld_ring[ld->ld_tail % LD_SIZE] & 0xc0) != 0x80)
			break;
	}
	rub_out(ld);
}

static void
erase_word(struct ldisc *ld)
{
	while (
	    ld->ld_tail != ld->ld_done && (last(ld) == ' ' || last(ld) == '\t'))
		ld->ld_tail--;
	while (
	    ld->ld_tail != ld->ld_done && last(ld) != ' ' && last(ld) != '\t')
		ld->ld_tail--;
	rub_out(ld);
}

static void
erase_line(struct ldisc *ld)
{
	ld->ld_tail = ld->ld_done;
	if (has(ld, ECHOKE) && has(ld, ECHOE))
		rub_out(ld);
	else if (has(ld, ECHOK) && has(ld, ECHO))
		ldisc_write(ld, "\n", 1);
}

static void
reprint(struct ldisc *ld)
{
	u_int i;

	ldisc_write(ld, "\n", 1);
	ld->ld_startcol = ld->ld_col;
	for (i = ld->ld_done; i != ld->ld_tail; i++)
		echo(ld, (u_char)ld->ld_ring[i % LD_SIZE]);
}

/* The signal that c asks for, or 0. */
static int
signal_of(const struct ldisc *ld, u_char c)
{
	if (!has(ld, ISIG))
		return 0;
	if (is_cc(ld, c, VINTR))
		return SIGINT;
	if (is_cc(ld, c, VQUIT))
		return SIGQUIT;
	if (is_cc(ld, c, VSUSP))
		return SIGTSTP;
	return 0;
}

/* An editing character of canonical mode; false: c is none. */
static bool
edit(struct ldisc *ld, u_char c)
{
	if (is_cc(ld, c, VERASE) ||
	    (c == '\b' && is_cc(ld, DEL, VERASE))) /* keyboards differ */
		erase_char(ld);
	else if (is_cc(ld, c, VKILL))
		erase_line(ld);
	else if (has(ld, IEXTEN) && is_cc(ld, c, VWERASE))
		erase_word(ld);
	else if (has(ld, IEXTEN) && is_cc(ld, c, VREPRINT))
		reprint(ld);
	else if (has(ld, IEXTEN) && is_cc(ld, c, VLNEXT)) {
		ld->ld_lnext = true;
		if (has(ld, ECHO) && has(ld, ECHOCTL))
			ldisc_write(ld, "^\b", 2);
	} else
		return false;
	return true;
}

/* A byte that is stored, in canonical mode. */
static int
canonical(struct ldisc *ld, u_char c, bool literal)
{
	u_int mark = 0;

	if (!literal && is_cc(ld, c, VEOF)) {
		if (!put(ld, LD_EOF | LD_DELIM))
			return LD_FULL;
		ld->ld_done = ld->ld_tail;
		return LD_OK;
	}
	if (!literal &&
	    (c == '\n' || is_cc(ld, c, VEOL) || is_cc(ld, c, VEOL2)))
		mark = LD_DELIM;
	/* A line that fills the ring alone loses what does not fit. */
	if (mark == 0 && ld->ld_done == ld->ld_head &&
	    ld->ld_tail - ld->ld_head >= LD_SIZE - 1)
		return LD_OK;
	if (!put(ld, c | mark))
		return LD_FULL;
	echo(ld, c);
	if (mark != 0)
		ld->ld_done = ld->ld_tail;
	return LD_OK;
}

int
ldisc_input(struct ldisc *ld, u_char c)
{
	u_int iflag = ld->ld_t.c_iflag;
	bool literal = ld->ld_lnext;
	int sig;

	if ((iflag & ISTRIP) != 0)
		c &= 0x7f;
	if (!literal && c == '\r') {
		if ((iflag & IGNCR) != 0)
			return LD_OK;
		if ((iflag & ICRNL) != 0)
			c = '\n';
	} else if (!literal && c == '\n' && (iflag & INLCR) != 0)
		c = '\r';
	sig = literal ? 0 : signal_of(ld, c);
	if (sig != 0) {
		echo(ld, c);
		if (!has(ld, NOFLSH))
			ldisc_flush(ld);
		return sig;
	}
	if (has(ld, ICANON)) {
		if (!literal && edit(ld, c))
			return LD_OK;
		if (canonical(ld, c, literal) == LD_FULL)
			return LD_FULL;
		ld->ld_lnext = false;
		return LD_OK;
	}
	if (!put(ld, c))
		return LD_FULL;
	echo(ld, c);
	ld->ld_done = ld->ld_tail;
	ld->ld_lnext = false;
	return LD_OK;
}

void
ldisc_set(struct ldisc *ld, const struct abi_termios *t)
{
	ld->ld_t = *t;
	ld->ld_t.c_iflag &= IFLAGS;
	ld->ld_t.c_oflag &= OFLAGS;
	ld->ld_t.c_lflag &= LFLAGS;
	if (!has(ld, ICANON))
		ld->ld_done = ld->ld_tail;
}

void
ldisc_flush(struct ldisc *ld)
{
	ld->ld_head = ld->ld_done = ld->ld_tail;
	ld->ld_lnext = false;
}

u_int
ldisc_ready(const struct ldisc *ld)
{
	return ld->ld_done - ld->ld_head;
}

size_t
ldisc_read(struct ldisc *ld, char *buf, size_t len, bool *endp)
{
	size_t n = 0;
	u_int c;

	*endp = false;
	while (ld->ld_head != ld->ld_done && !*endp) {
		c = ld->ld_ring[ld->ld_head % LD_SIZE];
		/* An end of file behind n bytes ends this read, not the next. */
		if (n == len && (c & LD_EOF) == 0)
			break;
		ld->ld_head++;
		if ((c & LD_EOF) == 0)
			buf[n++] = (char)c;
		*endp = has(ld, ICANON) && (c & LD_DELIM) != 0;
	}
	KASSERT(n <= len);
	return n;
}
