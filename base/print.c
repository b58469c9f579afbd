/*
 * print.c: formatted output.
 *
 * One formatter writes into a struct out, which is either the caller's buffer
 * or a small one that goes to the port's log whenever it is full.
 *
 * log_lock keeps the lines of several CPUs apart.  A panic does without: its
 * holder may be what panicked.  Nobody else prints then; see panic.c.
 */
#include <base/print.h>

#include <port/machdep.h>
#include <base/cpu.h>
#include <base/lock.h>

#include "base_impl.h"

/*
 * Where formatted text goes.  Private to the call that made it.
 */
struct out {
	char *o_buf;
	size_t o_size; /* of o_buf */
	size_t o_len;  /* characters in o_buf, or that it would hold */
	bool o_log;    /* flush to the log when full */
};

/* One conversion: what stands between % and its letter. */
struct spec {
	bool s_left; /* - */
	bool s_zero; /* 0 */
	bool s_alt;  /* # */
	char s_sign; /* what precedes a positive number: + or space or NUL */
	int s_width;
	int s_prec;    /* -1: none */
	size_t s_size; /* bytes of the integer argument */
};

static struct spin log_lock = SPIN_INITIALIZER(RANK_LOG);

static void
put(struct out *o, char c)
{
	if (o->o_log && o->o_len == o->o_size) {
		md_log(o->o_buf, o->o_len);
		o->o_len = 0;
	}
	if (o->o_len < o->o_size)
		o->o_buf[o->o_len] = c;
	o->o_len++;
}

static void
put_n(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

/* text of len characters, preceded by sign, which goes before zeroes. */
static void
put_field(struct out *o, const struct spec *s, const char *sign, int zeroes,
    const char *text, int len)
{
	int pad = s->s_width - (int)strlen(sign) - zeroes - len;

	if (!s->s_left)
		put_n(o, ' ', pad);
	while (*sign != '\0')
		put(o, *sign++);
	put_n(o, '0', zeroes);
	while (len-- > 0)
		put(o, *text++);
	if (s->s_left)
		put_n(o, ' ', pad);
}

static void
put_number(struct out *o, const struct spec *s, uint64_t val, u_int base,
    bool upper, const char *sign)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char buf[24], *p = buf + sizeof(buf);
	int len, zeroes = 0, fixed = (int)strlen(sign);

	for (; val != 0; val /= base)
		*--p = digits[val % base];
	len = (int)(buf + sizeof(buf) - p);
	if (s->s_prec >= 0)
		zeroes = MAX(s->s_prec - len, 0);
	else if (s->s_zero && !s->s_left)
		zeroes = MAX(s->s_width - len - fixed, len == 0);
	else
		zeroes = len == 0;
	if (s->s_alt && base == 8 && zeroes == 0)
		zeroes = 1;
	put_field(o, s, sign, zeroes, p, len);
}

/* A decimal digit string at *fmtp, or * for an argument. */
static int
number(const char **fmtp, va_list *ap)
{
	int n = 0;

	if (**fmtp == '*') {
		(*fmtp)++;
		return va_arg(*ap, int);
	}
	for (; **fmtp >= '0' && **fmtp <= '9'; (*fmtp)++)
		n = n * 10 + (**fmtp - '0');
	return n;
}

/* Flags, width and precision; returns what follows them. */
static const char *
parse_layout(const char *fmt, struct spec *s, va_list *ap)
{
	*s = (struct spec){.s_prec = -1};
	for (;; fmt++) {
		if (*fmt == '-')
			s->s_left = true;
		else if (*fmt == '0')
			s->s_zero = true;
		else if (*fmt == '#')
			s->s_alt = true;
		else if (*fmt == '+' || (*fmt == ' ' && s->s_sign == '\0'))
			s->s_sign = *fmt;
		else
			break;
	}
	s->s_width = number(&fmt, ap);
	if (s->s_width < 0) {
		s->s_left = true;
		s->s_width = -s->s_width;
	}
	if (*fmt == '.') {
		fmt++;
		s->s_prec = number(&fmt, ap);
	}
	return fmt;
}

/* The length modifier; returns what follows it. */
static const char *
parse_size(const char *fmt, struct spec *s)
{
	static const struct {
		char name[3];
		uint8_t size;
	} sizes[] = {
	    {"hh", sizeof(char)},
	    {"h", sizeof(short)},
	    {"ll", sizeof(long long)},
	    {"l", sizeof(long)},
	    {"z", sizeof(size_t)},
	    {"j", sizeof(intmax_t)},
	    {"t", sizeof(ptrdiff_t)},
	};
	u_int i;

	s->s_size = sizeof(int);
	for (i = 0; i < nitems(sizes); i++) {
		if (strncmp(fmt, sizes[i].name, strlen(sizes[i].name)) == 0) {
			s->s_size = sizes[i].size;
			return fmt + strlen(sizes[i].name);
		}
	}
	return fmt;
}

/* The next integer argument, widened to 64 bits as its sign demands. */
static uint64_t
integer(const struct spec *s, bool is_signed, va_list *ap)
{
	u_int shift = 64 - 8 * (u_int)s->s_size;
	uint64_t val;

	if (s->s_size > sizeof(int))
		val = va_arg(*ap, uint64_t);
	else
		val = va_arg(*ap, u_int);
	val <<= shift;
	if (is_signed)
		return (uint64_t)((int64_t)val >> shift);
	return val >> shift;
}

static void
put_signed(struct out *o, const struct spec *s, va_list *ap)
{
	int64_t val = (int64_t)integer(s, true, ap);
	char sign[2] = {s->s_sign, '\0'};

	if (val < 0)
		sign[0] = '-';
	put_number(o, s, val < 0 ? -(uint64_t)val : (uint64_t)val, 10, false,
	    sign);
}

static void
put_unsigned(struct out *o, const struct spec *s, char conv, va_list *ap)
{
	uint64_t val = integer(s, false, ap);

	if (conv == 'u')
		put_number(o, s, val, 10, false, "");
	else if (conv == 'o')
		put_number(o, s, val, 8, false, "");
	else if (conv == 'X')
		put_number(o, s, val, 16, true,
		    s->s_alt && val != 0 ? "0X" : "");
	else
		put_number(o, s, val, 16, false,
		    s->s_alt && val != 0 ? "0x" : "");
}

static void
put_string(struct out *o, const struct spec *s, const char *str)
{
	size_t max = s->s_prec >= 0 ? (size_t)s->s_prec : INT32_MAX;

	if (str == NULL)
		str = "(null)";
	put_field(o, s, "", 0, str, (int)strnlen(str, max));
}

static void
format(struct out *o, const char *fmt, va_list *ap)
{
	struct spec s;
	char c;

	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			put(o, *fmt);
			continue;
		}
		fmt = parse_size(parse_layout(fmt + 1, &s, ap), &s);
		switch (*fmt) {
		case 'd':
		case 'i':
			put_signed(o, &s, ap);
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			put_unsigned(o, &s, *fmt, ap);
			break;
		case 'p':
			put_number(o, &s, (uintptr_t)va_arg(*ap, void *), 16,
			    false, "0x");
			break;
		case 'c':
			c = (char)va_arg(*ap, int);
			put_field(o, &s, "", 0, &c, 1);
			break;
		case 's':
			put_string(o, &s, va_arg(*ap, const char *));
			break;
		case '\0':
			return;
		default: /* %% and what we do not know */
			put(o, *fmt);
			break;
		}
	}
}

int
kvsnprintf(char *buf, size_t len, const char *fmt, va_list ap)
{
	struct out o = {.o_buf = buf, .o_size = len};
	va_list args;

	va_copy(args, ap);
	format(&o, fmt, &args);
	va_end(args);
	if (len > 0)
		buf[MIN(o.o_len, len - 1)] = '\0';
	return (int)o.o_len;
}

int
ksnprintf(char *buf, size_t len, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvsnprintf(buf, len, fmt, ap);
	va_end(ap);
	return n;
}

void
kvprintf(const char *fmt, va_list ap)
{
	char buf[128];
	struct out o = {.o_buf = buf, .o_size = sizeof(buf), .o_log = true};
	va_list args;
	bool locked, panics;

	/* Before cpu_attach() there is one CPU and nothing to lock with. */
	panics = cpu_count() > 0 &&
		 atomic_load_explicit(&panicking, memory_order_relaxed);
	if (panics && !panic_speaks())
		return;
	locked = cpu_count() > 0 && !panics;
	va_copy(args, ap);
	if (locked)
		spin_enter(&log_lock);
	format(&o, fmt, &args);
	md_log(o.o_buf, o.o_len);
	if (locked)
		spin_exit(&log_lock);
	va_end(args);
}

void
kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvprintf(fmt, ap);
	va_end(ap);
}
