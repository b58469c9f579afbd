/*
 * <sys/queue.h>: every macro against the order that it promises.
 */
#include "ktest.h"

#include <sys/queue.h>

struct item {
	u_int id;
	SLIST_ENTRY(item) sl;
	LIST_ENTRY(item) l;
	STAILQ_ENTRY(item) st;
	TAILQ_ENTRY(item) t;
};

SLIST_HEAD(slist, item);
LIST_HEAD(list, item);
STAILQ_HEAD(stailq, item);
TAILQ_HEAD(tailq, item);

static struct item items[6];

static void
number_items(void)
{
	u_int i;

	for (i = 0; i < nitems(items); i++)
		items[i].id = i;
}

/* The ids in order, as decimal digits: items 3, 1, 2 give 312. */
static u_int
slist_order(struct slist *head)
{
	struct item *it;
	u_int n = 0;

	SLIST_FOREACH(it, head, sl)
		n = n * 10 + it->id;
	return n;
}

static u_int
list_order(struct list *head)
{
	struct item *it;
	u_int n = 0;

	LIST_FOREACH(it, head, l)
		n = n * 10 + it->id;
	return n;
}

static u_int
stailq_order(struct stailq *head)
{
	struct item *it;
	u_int n = 0;

	STAILQ_FOREACH(it, head, st)
		n = n * 10 + it->id;
	return n;
}

/* Forwards and backwards must agree. */
static u_int
tailq_order(struct tailq *head)
{
	struct item *it;
	u_int n = 0, back = 0, place = 1;

	TAILQ_FOREACH(it, head, t)
		n = n * 10 + it->id;
	TAILQ_FOREACH_REVERSE(it, head, tailq, t) {
		back += it->id * place;
		place *= 10;
	}
	CHECK(n == back);
	return n;
}

TEST(queue_slist)
{
	struct slist head = SLIST_HEAD_INITIALIZER(head);
	struct item *it, *next;

	number_items();
	CHECK(SLIST_EMPTY(&head));
	SLIST_INSERT_HEAD(&head, &items[1], sl);
	SLIST_INSERT_HEAD(&head, &items[3], sl);
	SLIST_INSERT_AFTER(&items[3], &items[2], sl);
	SLIST_INSERT_AFTER(&items[1], &items[4], sl);
	CHECK(slist_order(&head) == 3214);
	SLIST_REMOVE(&head, &items[1], item, sl);
	CHECK(slist_order(&head) == 324);
	SLIST_REMOVE_AFTER(&items[3], sl);
	CHECK(slist_order(&head) == 34);
	SLIST_REMOVE_HEAD(&head, sl);
	CHECK(slist_order(&head) == 4);
	SLIST_FOREACH_SAFE(it, &head, sl, next)
		SLIST_REMOVE(&head, it, item, sl);
	CHECK(SLIST_EMPTY(&head) && SLIST_FIRST(&head) == NULL);
}

TEST(queue_list)
{
	struct list head = LIST_HEAD_INITIALIZER(head);
	struct item *it, *next;

	number_items();
	LIST_INSERT_HEAD(&head, &items[2], l);
	LIST_INSERT_BEFORE(&items[2], &items[1], l);
	LIST_INSERT_AFTER(&items[2], &items[4], l);
	LIST_INSERT_AFTER(&items[2], &items[3], l);
	LIST_INSERT_HEAD(&head, &items[5], l);
	CHECK(list_order(&head) == 51234);
	LIST_REMOVE(&items[5], l);
	LIST_REMOVE(&items[4], l);
	LIST_REMOVE(&items[2], l);
	CHECK(list_order(&head) == 13);
	CHECK(LIST_NEXT(&items[1], l) == &items[3]);
	LIST_FOREACH_SAFE(it, &head, l, next)
		LIST_REMOVE(it, l);
	CHECK(LIST_EMPTY(&head));
}

TEST(queue_stailq)
{
	struct stailq a = STAILQ_HEAD_INITIALIZER(a), b;
	struct item *it, *next;

	number_items();
	STAILQ_INIT(&b);
	STAILQ_INSERT_TAIL(&a, &items[2], st);
	STAILQ_INSERT_HEAD(&a, &items[1], st);
	STAILQ_INSERT_AFTER(&a, &items[2], &items[3], st);
	CHECK(stailq_order(&a) == 123);
	STAILQ_INSERT_TAIL(&b, &items[4], st);
	STAILQ_INSERT_TAIL(&b, &items[5], st);
	STAILQ_CONCAT(&a, &b);
	CHECK(stailq_order(&a) == 12345 && STAILQ_EMPTY(&b));
	STAILQ_CONCAT(&a, &b);
	STAILQ_REMOVE(&a, &items[5], item, st);
	STAILQ_INSERT_TAIL(&a, &items[0], st);
	CHECK(stailq_order(&a) == 12340);
	STAILQ_REMOVE_HEAD(&a, st);
	CHECK(stailq_order(&a) == 2340);
	STAILQ_FOREACH_SAFE(it, &a, st, next)
		STAILQ_REMOVE_HEAD(&a, st);
	CHECK(STAILQ_EMPTY(&a));
	STAILQ_INSERT_TAIL(&a, &items[1], st);
	CHECK(stailq_order(&a) == 1);
}

TEST(queue_tailq)
{
	struct tailq a = TAILQ_HEAD_INITIALIZER(a), b;
	struct item *it, *next;

	number_items();
	TAILQ_INIT(&b);
	CHECK(TAILQ_LAST(&a, tailq) == NULL);
	TAILQ_INSERT_TAIL(&a, &items[3], t);
	TAILQ_INSERT_HEAD(&a, &items[1], t);
	TAILQ_INSERT_BEFORE(&items[3], &items[2], t);
	TAILQ_INSERT_AFTER(&a, &items[3], &items[4], t);
	CHECK(tailq_order(&a) == 1234);
	CHECK(TAILQ_LAST(&a, tailq) == &items[4]);
	CHECK(TAILQ_PREV(&items[4], tailq, t) == &items[3]);
	CHECK(TAILQ_PREV(&items[1], tailq, t) == NULL);
	TAILQ_REMOVE(&a, &items[4], t);
	TAILQ_REMOVE(&a, &items[2], t);
	CHECK(tailq_order(&a) == 13);
	TAILQ_INSERT_TAIL(&b, &items[5], t);
	TAILQ_CONCAT(&a, &b, t);
	TAILQ_CONCAT(&a, &b, t);
	CHECK(tailq_order(&a) == 135 && TAILQ_EMPTY(&b));
	TAILQ_CONCAT(&b, &a, t);
	CHECK(tailq_order(&b) == 135 && TAILQ_EMPTY(&a));
	TAILQ_FOREACH_SAFE(it, &b, t, next)
		TAILQ_REMOVE(&b, it, t);
	CHECK(TAILQ_EMPTY(&b) && tailq_order(&b) == 0);
}
