/*
 * t_uvm_radix.c: the radix tree against a sorted array.
 */
#include <sys/errno.h>

#include <base/print.h>
#include <phys/page.h>
#include <uvm/radix.h>

#include "ktest.h"

#define NKEY 400

/* The model: indices in order; the value of an index follows from it. */
static uint64_t key[NKEY];
static u_int nkey;

static void *
value(uint64_t idx)
{
	return (void *)(uintptr_t)((idx << 1) | 1);
}

/* Near, far and at the very ends, so that all shapes come up. */
static uint64_t
random_index(void)
{
	uint64_t r = ktest_random();

	switch (r % 6) {
	case 0:
		return r >> 24;
	case 1:
		return 0x7fff00000 + ((r >> 8) & 1023);
	case 2:
		return (r >> 4) << (ktest_random() % 37);
	case 3:
		return ~(uint64_t)0 - (r >> 27);
	case 4:
		return ((r >> 8) & 15) * 64 + ((r >> 16) & 3);
	default:
		return (uint64_t)1 << (r >> 26);
	}
}

/* The first position in key[] at or above idx. */
static u_int
position(uint64_t idx)
{
	u_int i;

	for (i = 0; i < nkey && key[i] < idx; i++)
		;
	return i;
}

static bool
has(uint64_t idx)
{
	u_int i = position(idx);

	return i < nkey && key[i] == idx;
}

static void
check_all(const struct radix *rx)
{
	uint64_t idx;
	void *v;
	u_int i;

	CHECK(radix_verify(rx) == nkey);
	CHECK(radix_empty(rx) == (nkey == 0));
	for (i = 0, idx = 0; (v = radix_next(rx, &idx)) != NULL; i++, idx++) {
		if (!CHECK(i < nkey && key[i] == idx && v == value(idx)))
			return;
		if (idx == UINT64_MAX) {
			i++;
			break;
		}
	}
	CHECK(i == nkey);
}

static void
wiped(void *arg, void **v, u_int n)
{
	u_int *at = arg, i;

	CHECK(n > 0 && n <= RADIX_LEAF);
	for (i = 0; i < n; i++) {
		CHECK(*at < nkey && v[i] == value(key[*at]));
		(*at)++;
	}
}

static void
toggle(struct radix *rx, uint64_t idx)
{
	u_int i = position(idx), j;
	void *old;

	if (has(idx)) {
		CHECK(radix_lookup(rx, idx) == value(idx));
		CHECK(radix_replace(rx, idx, rx, &old) == 0);
		CHECK(old == value(idx));
		CHECK(radix_replace(rx, idx, value(idx), &old) == 0);
		CHECK(old == rx);
		CHECK(radix_remove(rx, idx) == value(idx));
		nkey--;
		for (j = i; j < nkey; j++)
			key[j] = key[j + 1];
	} else if (nkey < NKEY) {
		CHECK(radix_lookup(rx, idx) == NULL);
		CHECK(radix_remove(rx, idx) == NULL);
		CHECK(radix_insert(rx, idx, value(idx)) == 0);
		for (j = nkey++; j > i; j--)
			key[j] = key[j - 1];
		key[i] = idx;
	}
}

TEST(uvm_radix_model)
{
	struct radix rx, high;
	uint64_t idx, got;
	u_int step, n, i;

	radix_init(&rx, NULL);
	radix_init(&high, NULL);
	nkey = 0;
	for (step = 0; step < 6000; step++) {
		idx = nkey > 0 && ktest_random() % 3 == 0
			  ? key[ktest_random() % nkey]
			  : random_index();
		switch (ktest_random() % 16) {
		case 0:
			got = idx;
			i = position(idx);
			if (radix_next(&rx, &got) == NULL)
				CHECK(i == nkey);
			else
				CHECK(i < nkey && got == key[i]);
			break;
		case 1:
			CHECK(radix_split(&rx, idx, &high) == 0);
			n = (u_int)radix_verify(&rx);
			CHECK(n == position(idx));
			CHECK(radix_verify(&high) == nkey - n);
			got = 0;
			if (radix_next(&high, &got) != NULL)
				CHECK(got >= idx);
			CHECK(radix_join(&rx, &high) == 0);
			CHECK(radix_empty(&high));
			break;
		default:
			toggle(&rx, idx);
			break;
		}
		if (step % 16 == 0)
			check_all(&rx);
	}
	check_all(&rx);
	n = 0;
	radix_wipe(&rx, wiped, &n);
	CHECK(n == nkey && radix_empty(&rx));
}

/* Whatever allocation fails, nothing changes and nothing is lost. */
TEST(uvm_radix_nomem)
{
	struct radix rx, high;
	u_long n;
	u_int i, got;
	int error;

	radix_init(&rx, NULL);
	radix_init(&high, NULL);
	nkey = 0;
	for (i = 0; i < 200; i++)
		toggle(&rx, random_index());
	for (n = 1;; n++) {
		phys_fail_nth(n);
		error = radix_split(&rx, key[nkey / 2], &high);
		phys_fail_nth(0);
		if (error == 0)
			break;
		CHECK(error == ENOMEM && radix_empty(&high));
		check_all(&rx);
	}
	for (n = 1;; n++) {
		phys_fail_nth(n);
		error = radix_join(&rx, &high);
		phys_fail_nth(0);
		if (error == 0)
			break;
		CHECK(error == ENOMEM);
	}
	check_all(&rx);
	for (n = 1;; n++) {
		phys_fail_nth(n);
		error = radix_insert(&rx, (uint64_t)5 << 50, &rx);
		phys_fail_nth(0);
		if (error == 0)
			break;
		CHECK(error == ENOMEM);
		check_all(&rx);
	}
	CHECK(radix_remove(&rx, (uint64_t)5 << 50) == &rx);
	check_all(&rx);
	got = 0;
	radix_wipe(&rx, wiped, &got);
	CHECK(got == nkey);
}

/*
 * Trees that share nodes: each keeps what its model says whatever happens to
 * the others, and in the end every reference to every value is given back.
 */
#define NTREE  4
#define NSLOT  400
#define NVALUE 2000

static u_int value_refs[NVALUE];
static u_int model[NTREE][NSLOT]; /* which value, 0: none */

/* A few dense ranges far apart, so that there are nodes at several levels. */
static uint64_t
shared_index(u_int i)
{
	return (uint64_t)(i % 3) << (12 * (i % 3 + 1)) | (i / 3);
}

static void
shared_count(void *const *slots, uint64_t used, int by)
{
	u_int i;

	for (i = 0; i < RADIX_LEAF; i++) {
		CHECK((slots[i] != NULL) == (used >> i & 1));
		if (slots[i] != NULL)
			*(u_int *)slots[i] += (u_int)by;
	}
}

static void
shared_drop(void *arg __unused, void **v, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++) {
		CHECK(*(u_int *)v[i] > 0);
		--*(u_int *)v[i];
	}
}

/* A value that nobody has; 0: none. */
static u_int
shared_value(void)
{
	u_int n, v;

	for (n = 0; n < NVALUE; n++) {
		v = 1 + (u_int)(ktest_random() % (NVALUE - 1));
		if (value_refs[v] == 0) {
			value_refs[v] = 1;
			return v;
		}
	}
	return 0;
}

static void
shared_check(const struct radix *rx, u_int t)
{
	u_int count = 0, i;
	void *want;

	for (i = 0; i < NSLOT; i++) {
		want = model[t][i] != 0 ? &value_refs[model[t][i]] : NULL;
		CHECK(radix_lookup(rx, shared_index(i)) == want);
		count += want != NULL;
	}
	CHECK(radix_verify(rx) == count);
}

/* Store a new value at i, where there may be one. */
static void
shared_put(struct radix *rx, u_int t, u_int i)
{
	u_int v = shared_value();
	void *old;

	if (v == 0)
		return;
	if (model[t][i] == 0)
		CHECK(radix_insert(rx, shared_index(i), &value_refs[v]) == 0);
	else {
		CHECK(radix_replace(rx, shared_index(i), &value_refs[v],
			  &old) == 0);
		CHECK(old == &value_refs[model[t][i]]);
		shared_drop(NULL, &old, 1);
	}
	model[t][i] = v;
}

static void
shared_cut(struct radix *rx, u_int t)
{
	uint64_t a = shared_index((u_int)(ktest_random() % NSLOT)), b, idx;
	u_int i;

	b = a + ktest_random() % 200;
	CHECK(radix_remove_range(rx, a, b, shared_drop, NULL) == 0);
	for (i = 0; i < NSLOT; i++) {
		idx = shared_index(i);
		if (idx >= a && idx <= b)
			model[t][i] = 0;
	}
}

TEST(uvm_radix_shared)
{
	struct radix rx[NTREE], high;
	u_int step, t, from;

	memset(value_refs, 0, sizeof(value_refs));
	memset(model, 0, sizeof(model));
	for (t = 0; t < NTREE; t++)
		radix_init(&rx[t], shared_count);
	radix_init(&high, shared_count);
	for (step = 0; step < 4000; step++) {
		t = (u_int)(ktest_random() % NTREE);
		switch (ktest_random() % 20) {
		case 0:
			from = (u_int)(ktest_random() % NTREE);
			if (from == t)
				break;
			radix_wipe(&rx[t], shared_drop, NULL);
			CHECK(radix_empty(&rx[t]));
			radix_share(&rx[from], &rx[t]);
			memcpy(model[t], model[from], sizeof(model[t]));
			break;
		case 1:
			CHECK(radix_split(&rx[t],
				  shared_index((u_int)(ktest_random() % NSLOT)),
				  &high) == 0);
			(void)radix_verify(&high);
			CHECK(radix_join(&rx[t], &high) == 0);
			break;
		case 2:
			shared_cut(&rx[t], t);
			break;
		default:
			shared_put(&rx[t], t, (u_int)(ktest_random() % NSLOT));
			break;
		}
		if (step % 32 == 0)
			for (t = 0; t < NTREE; t++)
				shared_check(&rx[t], t);
	}
	for (t = 0; t < NTREE; t++)
		radix_wipe(&rx[t], shared_drop, NULL);
	for (step = 0; step < NVALUE; step++)
		CHECK(value_refs[step] == 0);
}

/* The same when the nodes on the way to a change cannot be copied. */
TEST(uvm_radix_shared_nomem)
{
	struct radix rx[2], high;
	u_int op, fail, i;
	void *old = NULL;
	int error;

	memset(value_refs, 0, sizeof(value_refs));
	memset(model, 0, sizeof(model));
	radix_init(&rx[0], shared_count);
	radix_init(&rx[1], shared_count);
	radix_init(&high, shared_count);
	for (i = 0; i < NSLOT; i += 2)
		shared_put(&rx[0], 0, i);
	memcpy(model[1], model[0], sizeof(model[1]));
	for (op = 0; op < 4; op++) {
		for (fail = 1;; fail++) {
			radix_share(&rx[0], &rx[1]);
			phys_fail_nth(fail);
			switch (op) {
			case 0:
				error = radix_insert(&rx[1], shared_index(7),
				    &value_refs[0]);
				break;
			case 1:
				error = radix_replace(&rx[1], shared_index(8),
				    &value_refs[0], &old);
				break;
			case 2:
				error =
				    radix_remove_range(&rx[1], shared_index(8),
					shared_index(8), shared_drop, NULL);
				break;
			default:
				error = radix_split(&rx[1], shared_index(201),
				    &high);
				break;
			}
			phys_fail_nth(0);
			if (error == 0)
				break;
			CHECK(error == ENOMEM);
			shared_check(&rx[1], 1);
			radix_wipe(&rx[1], shared_drop, NULL);
		}
		/* The one that went through; the other tree has not changed. */
		shared_check(&rx[0], 0);
		value_refs[0] += op < 2;
		if (op == 1)
			shared_drop(NULL, &old, 1);
		radix_wipe(&high, shared_drop, NULL);
		radix_wipe(&rx[1], shared_drop, NULL);
		shared_check(&rx[0], 0);
	}
	radix_wipe(&rx[0], shared_drop, NULL);
	for (i = 0; i < NVALUE; i++)
		CHECK(value_refs[i] == 0);
}

/* What may be left alone when a copy is trimmed. */
TEST(uvm_radix_within)
{
	struct radix rx;
	u_int i;

	radix_init(&rx, NULL);
	CHECK(radix_within(&rx, 5, 5));
	for (i = 70; i < 80; i++)
		CHECK(radix_insert(&rx, i, &rx) == 0);
	CHECK(radix_within(&rx, 70, 79) && radix_within(&rx, 0, UINT64_MAX));
	CHECK(!radix_within(&rx, 71, 79) && !radix_within(&rx, 70, 78));
	CHECK(radix_insert(&rx, 4000, &rx) == 0);
	CHECK(radix_within(&rx, 0, UINT64_MAX));
	CHECK(!radix_within(&rx, 70, 3999) && !radix_within(&rx, 71, 4000));
	while (!radix_empty(&rx))
		for (i = 0; i <= 4000; i++)
			(void)radix_remove(&rx, i);
}
