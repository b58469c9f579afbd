/*
 * queue.h: linked lists woven through the structures they link.
 *
 * The names and meanings are those of BSD's queue(3):
 *
 *	SLIST	one pointer per element, one in the head; removal of any
 *		but the first element walks.
 *	LIST	two pointers per element, one in the head; an element can be
 *		removed without knowing its list.
 *	STAILQ	as SLIST, but the head knows its last element.
 *	TAILQ	as LIST, but the head knows its last element, and the list can
 *		be walked backwards.
 *
 * SIMPLEQ is another name of STAILQ.  None of them locks anything.  Elements
 * are not cleared when they leave a list.  Macro arguments are evaluated more
 * than once.
 */
#ifndef SYS_QUEUE_H
#define SYS_QUEUE_H

#include <stddef.h>

/*
 * SLIST
 */
#define SLIST_HEAD(name, type)                                                 \
	struct name {                                                          \
		struct type *slh_first;                                        \
	}
#define SLIST_HEAD_INITIALIZER(head)                                           \
	{                                                                      \
		NULL                                                           \
	}
#define SLIST_ENTRY(type)                                                      \
	struct {                                                               \
		struct type *sle_next;                                         \
	}

#define SLIST_FIRST(head)      ((head)->slh_first)
#define SLIST_NEXT(elm, field) ((elm)->field.sle_next)
#define SLIST_EMPTY(head)      ((head)->slh_first == NULL)
#define SLIST_INIT(head)       ((void)((head)->slh_first = NULL))

#define SLIST_FOREACH(var, head, field)                                        \
	for ((var) = (head)->slh_first; (var) != NULL;                         \
	     (var) = (var)->field.sle_next)
#define SLIST_FOREACH_SAFE(var, head, field, next)                             \
	for ((var) = (head)->slh_first;                                        \
	     (var) != NULL && ((next) = (var)->field.sle_next, 1);             \
	     (var) = (next))

#define SLIST_INSERT_HEAD(head, elm, field)                                    \
	do {                                                                   \
		(elm)->field.sle_next = (head)->slh_first;                     \
		(head)->slh_first = (elm);                                     \
	} while (0)
#define SLIST_INSERT_AFTER(at, elm, field)                                     \
	do {                                                                   \
		(elm)->field.sle_next = (at)->field.sle_next;                  \
		(at)->field.sle_next = (elm);                                  \
	} while (0)
#define SLIST_REMOVE_HEAD(head, field)                                         \
	((void)((head)->slh_first = (head)->slh_first->field.sle_next))
#define SLIST_REMOVE_AFTER(at, field)                                          \
	((void)((at)->field.sle_next = (at)->field.sle_next->field.sle_next))
/* elm is on the list; the cost is its distance from the head. */
#define SLIST_REMOVE(head, elm, type, field)                                   \
	do {                                                                   \
		struct type **slot_ = &(head)->slh_first;                      \
                                                                               \
		while (*slot_ != (elm))                                        \
			slot_ = &(*slot_)->field.sle_next;                     \
		*slot_ = (elm)->field.sle_next;                                \
	} while (0)

/*
 * LIST: le_slot is the pointer that points to the element.
 */
#define LIST_HEAD(name, type)                                                  \
	struct name {                                                          \
		struct type *lh_first;                                         \
	}
#define LIST_HEAD_INITIALIZER(head)                                            \
	{                                                                      \
		NULL                                                           \
	}
#define LIST_ENTRY(type)                                                       \
	struct {                                                               \
		struct type *le_next;                                          \
		struct type **le_slot;                                         \
	}

#define LIST_FIRST(head)      ((head)->lh_first)
#define LIST_NEXT(elm, field) ((elm)->field.le_next)
#define LIST_EMPTY(head)      ((head)->lh_first == NULL)
#define LIST_INIT(head)       ((void)((head)->lh_first = NULL))

#define LIST_FOREACH(var, head, field)                                         \
	for ((var) = (head)->lh_first; (var) != NULL;                          \
	     (var) = (var)->field.le_next)
#define LIST_FOREACH_SAFE(var, head, field, next)                              \
	for ((var) = (head)->lh_first;                                         \
	     (var) != NULL && ((next) = (var)->field.le_next, 1);              \
	     (var) = (next))

/* Put elm into the place that *slot names. */
#define LIST_INSERT_SLOT_(slot, elm, field)                                    \
	do {                                                                   \
		(elm)->field.le_slot = (slot);                                 \
		(elm)->field.le_next = *(elm)->field.le_slot;                  \
		if ((elm)->field.le_next != NULL)                              \
			(elm)->field.le_next->field.le_slot =                  \
			    &(elm)->field.le_next;                             \
		*(elm)->field.le_slot = (elm);                                 \
	} while (0)
#define LIST_INSERT_HEAD(head, elm, field)                                     \
	LIST_INSERT_SLOT_(&(head)->lh_first, elm, field)
#define LIST_INSERT_AFTER(at, elm, field)                                      \
	LIST_INSERT_SLOT_(&(at)->field.le_next, elm, field)
#define LIST_INSERT_BEFORE(at, elm, field)                                     \
	LIST_INSERT_SLOT_((at)->field.le_slot, elm, field)
#define LIST_REMOVE(elm, field)                                                \
	do {                                                                   \
		if ((elm)->field.le_next != NULL)                              \
			(elm)->field.le_next->field.le_slot =                  \
			    (elm)->field.le_slot;                              \
		*(elm)->field.le_slot = (elm)->field.le_next;                  \
	} while (0)

/*
 * STAILQ: stqh_end is the null pointer that ends the list.
 */
#define STAILQ_HEAD(name, type)                                                \
	struct name {                                                          \
		struct type *stqh_first;                                       \
		struct type **stqh_end;                                        \
	}
#define STAILQ_HEAD_INITIALIZER(head)                                          \
	{                                                                      \
		NULL, &(head).stqh_first                                       \
	}
#define STAILQ_ENTRY(type)                                                     \
	struct {                                                               \
		struct type *stqe_next;                                        \
	}

#define STAILQ_FIRST(head)      ((head)->stqh_first)
#define STAILQ_NEXT(elm, field) ((elm)->field.stqe_next)
#define STAILQ_EMPTY(head)      ((head)->stqh_first == NULL)
#define STAILQ_INIT(head)                                                      \
	do {                                                                   \
		(head)->stqh_first = NULL;                                     \
		(head)->stqh_end = &(head)->stqh_first;                        \
	} while (0)

#define STAILQ_FOREACH(var, head, field)                                       \
	for ((var) = (head)->stqh_first; (var) != NULL;                        \
	     (var) = (var)->field.stqe_next)
#define STAILQ_FOREACH_SAFE(var, head, field, next)                            \
	for ((var) = (head)->stqh_first;                                       \
	     (var) != NULL && ((next) = (var)->field.stqe_next, 1);            \
	     (var) = (next))

#define STAILQ_INSERT_HEAD(head, elm, field)                                   \
	do {                                                                   \
		if ((head)->stqh_first == NULL)                                \
			(head)->stqh_end = &(elm)->field.stqe_next;            \
		(elm)->field.stqe_next = (head)->stqh_first;                   \
		(head)->stqh_first = (elm);                                    \
	} while (0)
#define STAILQ_INSERT_TAIL(head, elm, field)                                   \
	do {                                                                   \
		(elm)->field.stqe_next = NULL;                                 \
		*(head)->stqh_end = (elm);                                     \
		(head)->stqh_end = &(elm)->field.stqe_next;                    \
	} while (0)
#define STAILQ_INSERT_AFTER(head, at, elm, field)                              \
	do {                                                                   \
		(elm)->field.stqe_next = (at)->field.stqe_next;                \
		if ((elm)->field.stqe_next == NULL)                            \
			(head)->stqh_end = &(elm)->field.stqe_next;            \
		(at)->field.stqe_next = (elm);                                 \
	} while (0)
#define STAILQ_REMOVE_HEAD(head, field)                                        \
	do {                                                                   \
		(head)->stqh_first = (head)->stqh_first->field.stqe_next;      \
		if ((head)->stqh_first == NULL)                                \
			(head)->stqh_end = &(head)->stqh_first;                \
	} while (0)
/* elm is on the list; the cost is its distance from the head. */
#define STAILQ_REMOVE(head, elm, type, field)                                  \
	do {                                                                   \
		struct type **slot_ = &(head)->stqh_first;                     \
                                                                               \
		while (*slot_ != (elm))                                        \
			slot_ = &(*slot_)->field.stqe_next;                    \
		*slot_ = (elm)->field.stqe_next;                               \
		if (*slot_ == NULL)                                            \
			(head)->stqh_end = slot_;                              \
	} while (0)
/* Move all of the second list behind the first; the second is then empty. */
#define STAILQ_CONCAT(head, second)                                            \
	do {                                                                   \
		if ((second)->stqh_first != NULL) {                            \
			*(head)->stqh_end = (second)->stqh_first;              \
			(head)->stqh_end = (second)->stqh_end;                 \
			STAILQ_INIT(second);                                   \
		}                                                              \
	} while (0)

#define SIMPLEQ_HEAD             STAILQ_HEAD
#define SIMPLEQ_HEAD_INITIALIZER STAILQ_HEAD_INITIALIZER
#define SIMPLEQ_ENTRY            STAILQ_ENTRY
#define SIMPLEQ_FIRST            STAILQ_FIRST
#define SIMPLEQ_NEXT             STAILQ_NEXT
#define SIMPLEQ_EMPTY            STAILQ_EMPTY
#define SIMPLEQ_INIT             STAILQ_INIT
#define SIMPLEQ_FOREACH          STAILQ_FOREACH
#define SIMPLEQ_FOREACH_SAFE     STAILQ_FOREACH_SAFE
#define SIMPLEQ_INSERT_HEAD      STAILQ_INSERT_HEAD
#define SIMPLEQ_INSERT_TAIL      STAILQ_INSERT_TAIL
#define SIMPLEQ_INSERT_AFTER     STAILQ_INSERT_AFTER
#define SIMPLEQ_REMOVE_HEAD      STAILQ_REMOVE_HEAD
#define SIMPLEQ_CONCAT           STAILQ_CONCAT

/*
 * TAILQ: tqe_slot is the pointer that points to the element, tqh_slot the
 * null pointer that ends the list.  Head and entry both are a pointer forward
 * followed by a slot, so that from a slot one can step to the slot before it.
 */
#define TAILQ_HEAD(name, type)                                                 \
	struct name {                                                          \
		struct type *tqh_first;                                        \
		struct type **tqh_slot;                                        \
	}
#define TAILQ_HEAD_INITIALIZER(head)                                           \
	{                                                                      \
		NULL, &(head).tqh_first                                        \
	}
#define TAILQ_ENTRY(type)                                                      \
	struct {                                                               \
		struct type *tqe_next;                                         \
		struct type **tqe_slot;                                        \
	}

/* The element that contains slot; NULL when it is the head that does. */
#define TAILQ_OWNER_(slot) (*((__typeof__(slot) *)(void *)(slot))[1])

#define TAILQ_FIRST(head)                ((head)->tqh_first)
#define TAILQ_NEXT(elm, field)           ((elm)->field.tqe_next)
#define TAILQ_LAST(head, headname)       TAILQ_OWNER_((head)->tqh_slot)
#define TAILQ_PREV(elm, headname, field) TAILQ_OWNER_((elm)->field.tqe_slot)
#define TAILQ_EMPTY(head)                ((head)->tqh_first == NULL)
#define TAILQ_INIT(head)                                                       \
	do {                                                                   \
		(head)->tqh_first = NULL;                                      \
		(head)->tqh_slot = &(head)->tqh_first;                         \
	} while (0)

#define TAILQ_FOREACH(var, head, field)                                        \
	for ((var) = (head)->tqh_first; (var) != NULL;                         \
	     (var) = (var)->field.tqe_next)
#define TAILQ_FOREACH_SAFE(var, head, field, next)                             \
	for ((var) = (head)->tqh_first;                                        \
	     (var) != NULL && ((next) = (var)->field.tqe_next, 1);             \
	     (var) = (next))
#define TAILQ_FOREACH_REVERSE(var, head, headname, field)                      \
	for ((var) = TAILQ_LAST(head, headname); (var) != NULL;                \
	     (var) = TAILQ_PREV(var, headname, field))
#define TAILQ_FOREACH_REVERSE_SAFE(var, head, headname, field, prev)           \
	for ((var) = TAILQ_LAST(head, headname);                               \
	     (var) != NULL && ((prev) = TAILQ_PREV(var, headname, field), 1);  \
	     (var) = (prev))

/* Put elm into the place that *slot names. */
#define TAILQ_INSERT_SLOT_(head, slot, elm, field)                             \
	do {                                                                   \
		(elm)->field.tqe_slot = (slot);                                \
		(elm)->field.tqe_next = *(elm)->field.tqe_slot;                \
		if ((elm)->field.tqe_next != NULL)                             \
			(elm)->field.tqe_next->field.tqe_slot =                \
			    &(elm)->field.tqe_next;                            \
		else                                                           \
			(head)->tqh_slot = &(elm)->field.tqe_next;             \
		*(elm)->field.tqe_slot = (elm);                                \
	} while (0)
#define TAILQ_INSERT_HEAD(head, elm, field)                                    \
	TAILQ_INSERT_SLOT_(head, &(head)->tqh_first, elm, field)
#define TAILQ_INSERT_TAIL(head, elm, field)                                    \
	TAILQ_INSERT_SLOT_(head, (head)->tqh_slot, elm, field)
#define TAILQ_INSERT_AFTER(head, at, elm, field)                               \
	TAILQ_INSERT_SLOT_(head, &(at)->field.tqe_next, elm, field)
/* What stands before something is never last, so no head is needed. */
#define TAILQ_INSERT_BEFORE(at, elm, field)                                    \
	do {                                                                   \
		(elm)->field.tqe_slot = (at)->field.tqe_slot;                  \
		(elm)->field.tqe_next = (at);                                  \
		*(elm)->field.tqe_slot = (elm);                                \
		(at)->field.tqe_slot = &(elm)->field.tqe_next;                 \
	} while (0)
#define TAILQ_REMOVE(head, elm, field)                                         \
	do {                                                                   \
		if ((elm)->field.tqe_next != NULL)                             \
			(elm)->field.tqe_next->field.tqe_slot =                \
			    (elm)->field.tqe_slot;                             \
		else                                                           \
			(head)->tqh_slot = (elm)->field.tqe_slot;              \
		*(elm)->field.tqe_slot = (elm)->field.tqe_next;                \
	} while (0)
/* Move all of the second list behind the first; the second is then empty. */
#define TAILQ_CONCAT(head, second, field)                                      \
	do {                                                                   \
		if ((second)->tqh_first != NULL) {                             \
			*(head)->tqh_slot = (second)->tqh_first;               \
			(second)->tqh_first->field.tqe_slot =                  \
			    (head)->tqh_slot;                                  \
			(head)->tqh_slot = (second)->tqh_slot;                 \
			TAILQ_INIT(second);                                    \
		}                                                              \
	} while (0)

#endif
