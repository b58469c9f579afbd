/*
 * uvm_tree.c: the entries of a map in order.
 *
 * An AVL tree by address with parent pointers, and a list in the same order.
 * ve_gap is the room behind an entry in which something may be placed: up to
 * the next entry, or to where the guard of one that grows down begins.
 * ve_maxgap is the largest ve_gap of the subtree.  The room before the first
 * entry belongs to no gap.
 *
 * Locks: the map's, for writing by what changes the tree, else in any mode; the
 * callers in uvm_map.c assert it in every build.
 */
#include <uvm/map.h>

#include <base/kassert.h>

#include "uvm_local.h"

static inline u_int
height(const struct vm_entry *e)
{
	return e == NULL ? 0 : e->ve_height;
}

static inline vsize_t
maxgap(const struct vm_entry *e)
{
	return e == NULL ? 0 : e->ve_maxgap;
}

/* Where room that ends at e ends: below the guard if e grows down. */
static vaddr_t
guarded_start(const struct vm_entry *e)
{
	if ((e->ve_flags & (VE_STACK | VE_GROWSDOWN)) == 0)
		return e->ve_start;
	return e->ve_start > VM_STACK_MAXGAP ? e->ve_start - VM_STACK_MAXGAP
					     : 0;
}

/* Where the room before e begins. */
static vaddr_t
room_start(const struct vm_map *map, const struct vm_entry *e)
{
	return e->ve_prev == NULL ? map->vm_min : e->ve_prev->ve_end;
}

static vsize_t
gap_behind(const struct vm_map *map, const struct vm_entry *e)
{
	vaddr_t end;

	end = e->ve_next == NULL ? map->vm_max : guarded_start(e->ve_next);
	return end > e->ve_end ? end - e->ve_end : 0;
}

/* The largest gap of the subtree of e, if those below e are right. */
static inline vsize_t
node_maxgap(const struct vm_entry *e)
{
	vsize_t gap = e->ve_gap;

	if (e->ve_left != NULL)
		gap = MAX(gap, e->ve_left->ve_maxgap);
	if (e->ve_right != NULL)
		gap = MAX(gap, e->ve_right->ve_maxgap);
	return gap;
}

/* Recompute what e says about its subtree. */
static void
node_update(struct vm_entry *e)
{
	e->ve_height =
	    (uint8_t)(1 + MAX(height(e->ve_left), height(e->ve_right)));
	e->ve_maxgap = node_maxgap(e);
}

/* Put new where old hangs below parent. */
static void
replace_child(struct vm_map *map, struct vm_entry *parent, struct vm_entry *old,
    struct vm_entry *new)
{
	if (parent == NULL)
		map->vm_root = new;
	else if (parent->ve_left == old)
		parent->ve_left = new;
	else
		parent->ve_right = new;
	if (new != NULL)
		new->ve_parent = parent;
}

/* Turn e's right child up; returns it. */
static struct vm_entry *
rotate_left(struct vm_map *map, struct vm_entry *e)
{
	struct vm_entry *r = e->ve_right;

	replace_child(map, e->ve_parent, e, r);
	e->ve_right = r->ve_left;
	if (e->ve_right != NULL)
		e->ve_right->ve_parent = e;
	r->ve_left = e;
	e->ve_parent = r;
	node_update(e);
	node_update(r);
	return r;
}

static struct vm_entry *
rotate_right(struct vm_map *map, struct vm_entry *e)
{
	struct vm_entry *l = e->ve_left;

	replace_child(map, e->ve_parent, e, l);
	e->ve_left = l->ve_right;
	if (e->ve_left != NULL)
		e->ve_left->ve_parent = e;
	l->ve_right = e;
	e->ve_parent = l;
	node_update(e);
	node_update(l);
	return l;
}

/* Restore balance of e, whose subtrees are right; the new top. */
__unlikely_call static struct vm_entry *
rotate(struct vm_map *map, struct vm_entry *e)
{
	struct vm_entry *l = e->ve_left, *r = e->ve_right;

	if (height(l) > height(r)) {
		if (height(l->ve_left) < height(l->ve_right))
			rotate_left(map, l);
		return rotate_right(map, e);
	}
	if (height(r->ve_right) < height(r->ve_left))
		rotate_right(map, r);
	return rotate_left(map, e);
}

/*
 * Restore what e and those above it say: as far as must, an ancestor of e whose
 * gap has changed or NULL, and from there on as long as it makes a difference.
 * Above the first whose height stays, that is about gaps alone.
 */
static void
fix_upward(struct vm_map *map, struct vm_entry *e, const struct vm_entry *must)
{
	u_int hl, hr, old;
	bool same = false;
	vsize_t gap;

	for (; e != NULL && !same; e = e->ve_parent) {
		if (e == must)
			must = NULL;
		old = e->ve_height;
		hl = height(e->ve_left);
		hr = height(e->ve_right);
		if (__predict_false(hl > hr + 1 || hr > hl + 1)) {
			e = rotate(map, e);
		} else {
			e->ve_height = (uint8_t)(1 + MAX(hl, hr));
			e->ve_maxgap = node_maxgap(e);
		}
		same = e->ve_height == old;
	}
	for (; e != NULL; e = e->ve_parent) {
		if (e == must)
			must = NULL;
		gap = node_maxgap(e);
		if (gap == e->ve_maxgap && must == NULL)
			break;
		e->ve_maxgap = gap;
	}
}

/* The gap behind e, which may be NULL, has changed. */
static void
gap_changed(struct vm_map *map, struct vm_entry *e)
{
	if (e == NULL)
		return;
	e->ve_gap = gap_behind(map, e);
	fix_upward(map, e, NULL);
}

void
uvm_tree_insert(struct vm_map *map, struct vm_entry *e, struct vm_entry *prev)
{
	struct vm_entry *next;

	KDASSERT(rw_write_held(&map->vm_lock));
	KASSERT(e->ve_start < e->ve_end);
	next = prev == NULL ? map->vm_first : prev->ve_next;
	KASSERT(prev == NULL || prev->ve_end <= e->ve_start);
	KASSERT(next == NULL || e->ve_end <= next->ve_start);
	e->ve_prev = prev;
	e->ve_next = next;
	if (prev == NULL)
		map->vm_first = e;
	else
		prev->ve_next = e;
	if (next != NULL)
		next->ve_prev = e;

	/* Of two neighbours in order, one has no child on the inner side. */
	e->ve_left = e->ve_right = NULL;
	if (prev != NULL && prev->ve_right == NULL) {
		prev->ve_right = e;
		e->ve_parent = prev;
	} else if (next != NULL) {
		KASSERT(next->ve_left == NULL);
		next->ve_left = e;
		e->ve_parent = next;
	} else {
		map->vm_root = e;
		e->ve_parent = NULL;
	}
	e->ve_height = 0;
	e->ve_maxgap = 0;
	e->ve_gap = gap_behind(map, e);
	if (prev != NULL)
		prev->ve_gap = gap_behind(map, prev);
	/* In the tree, prev is above the leaf that follows it. */
	fix_upward(map, e, prev);
	map->vm_nentries++;
	uvm_map_account(map, e, e->ve_end - e->ve_start, true);
	if ((e->ve_flags & VE_GROWSDOWN) != 0)
		atomic_fetch_add_explicit(&map->vm_ngrow, 1,
		    memory_order_relaxed);
}

void
uvm_tree_append(struct vm_map *map, struct vm_entry *e, struct vm_entry *prev)
{
	KDASSERT(rw_write_held(&map->vm_lock));
	KASSERT(e->ve_start < e->ve_end);
	KASSERT(prev == NULL || prev->ve_end <= e->ve_start);
	e->ve_prev = prev;
	e->ve_next = NULL;
	if (prev == NULL)
		map->vm_first = e;
	else
		prev->ve_next = e;
	map->vm_nentries++;
}

/* Hang a subtree, or NULL, below e. */
static struct vm_entry *
adopt(struct vm_entry *e, struct vm_entry *child)
{
	if (child != NULL)
		child->ve_parent = e;
	return child;
}

void
uvm_tree_mirror(struct vm_map *map, struct vm_map *from)
{
	struct vm_entry *e, *c = map->vm_first;

	KDASSERT(rw_write_held(&map->vm_lock));
	KDASSERT(rw_write_held(&from->vm_lock));
	KASSERT(map->vm_nentries == from->vm_nentries);
	if (c == NULL)
		return;
	/* For a moment, the parent of each of from's is its copy. */
	for (e = from->vm_first; e != NULL; e = e->ve_next, c = c->ve_next)
		e->ve_parent = c;
	for (c = map->vm_first; c != NULL; c = c->ve_next) {
		if (c->ve_left != NULL)
			c->ve_left = adopt(c, c->ve_left->ve_parent);
		if (c->ve_right != NULL)
			c->ve_right = adopt(c, c->ve_right->ve_parent);
	}
	map->vm_root = adopt(NULL, from->vm_root->ve_parent);
	for (e = from->vm_first; e != NULL; e = e->ve_next) {
		(void)adopt(e, e->ve_left);
		(void)adopt(e, e->ve_right);
	}
	(void)adopt(NULL, from->vm_root);

	uvm_map_account_copy(map, from);
	atomic_store_explicit(&map->vm_ngrow,
	    atomic_load_explicit(&from->vm_ngrow, memory_order_relaxed),
	    memory_order_relaxed);
}

/*
 * A tree of n entries is one of n / 2, the next entry, and one of the rest:
 * stack[] has the trees begun, outermost first; tb_top is NULL as long as the
 * left part is being made.
 */
#define TREE_DEPTH 48

void
uvm_tree_build(struct vm_map *map)
{
	struct {
		struct vm_entry *tb_top;
		u_long tb_n;
	} stack[TREE_DEPTH], *top = stack;
	struct vm_entry *e = map->vm_first, *done;
	u_long n = map->vm_nentries;

	KDASSERT(rw_write_held(&map->vm_lock));
	for (;;) {
		for (; n > 0; n /= 2, top++) {
			KASSERT(top < stack + TREE_DEPTH);
			top->tb_top = NULL;
			top->tb_n = n;
		}
		/* What is done is the right part of all that have a top. */
		done = NULL;
		while (top > stack && top[-1].tb_top != NULL) {
			top--;
			top->tb_top->ve_right = adopt(top->tb_top, done);
			done = top->tb_top;
			done->ve_gap = gap_behind(map, done);
			node_update(done);
			uvm_map_account(map, done,
			    done->ve_end - done->ve_start, true);
			if ((done->ve_flags & VE_GROWSDOWN) != 0)
				atomic_fetch_add_explicit(&map->vm_ngrow, 1,
				    memory_order_relaxed);
		}
		if (top == stack)
			break;
		top[-1].tb_top = e;
		e->ve_left = adopt(e, done);
		e = e->ve_next;
		n = top[-1].tb_n - top[-1].tb_n / 2 - 1;
	}
	KASSERT(e == NULL);
	map->vm_root = adopt(NULL, done);
}

/*
 * Take e, which has two children, out of the tree: the next in order, which
 * has no left child, takes its place.
 */
static void
replace_by_next(struct vm_map *map, struct vm_entry *e)
{
	struct vm_entry *next = e->ve_next, *from;

	KASSERT(next->ve_left == NULL);
	from = next->ve_parent;
	if (from == e)
		from = next;
	else {
		replace_child(map, from, next, next->ve_right);
		next->ve_right = e->ve_right;
		next->ve_right->ve_parent = next;
	}
	next->ve_left = e->ve_left;
	next->ve_left->ve_parent = next;
	next->ve_height = e->ve_height;
	next->ve_maxgap = e->ve_maxgap;
	replace_child(map, e->ve_parent, e, next);
	fix_upward(map, from, next);
}

void
uvm_tree_remove(struct vm_map *map, struct vm_entry *e)
{
	struct vm_entry *prev = e->ve_prev, *next = e->ve_next, *parent;

	KDASSERT(rw_write_held(&map->vm_lock));
	KASSERT(map->vm_nentries > 0);
	if (prev == NULL)
		map->vm_first = next;
	else
		prev->ve_next = next;
	if (next != NULL)
		next->ve_prev = prev;
	if (prev != NULL)
		prev->ve_gap = gap_behind(map, prev);

	parent = e->ve_parent;
	if (e->ve_left == NULL) {
		/* prev, if any, is above. */
		replace_child(map, parent, e, e->ve_right);
		fix_upward(map, parent, prev);
	} else if (e->ve_right == NULL) {
		/* prev is what is below, and has nothing below itself. */
		KASSERT(e->ve_left == prev && prev->ve_height == 1);
		replace_child(map, parent, e, prev);
		prev->ve_maxgap = prev->ve_gap;
		fix_upward(map, parent, NULL);
	} else {
		replace_by_next(map, e);
		fix_upward(map, prev, NULL);
	}
	map->vm_nentries--;
	uvm_map_account(map, e, e->ve_end - e->ve_start, false);
	if ((e->ve_flags & VE_GROWSDOWN) != 0)
		atomic_fetch_sub_explicit(&map->vm_ngrow, 1,
		    memory_order_relaxed);
	e->ve_left = e->ve_right = e->ve_parent = NULL;
	e->ve_prev = e->ve_next = NULL;
}

void
uvm_tree_resize(struct vm_map *map, struct vm_entry *e, vaddr_t start,
    vaddr_t end)
{
	KDASSERT(rw_write_held(&map->vm_lock));
	KASSERT(start < end);
	KASSERT(start >= room_start(map, e));
	KASSERT(e->ve_next == NULL || end <= e->ve_next->ve_start);
	uvm_map_account(map, e, e->ve_end - e->ve_start, false);
	uvm_map_account(map, e, end - start, true);
	e->ve_start = start;
	e->ve_end = end;
	gap_changed(map, e);
	gap_changed(map, e->ve_prev);
}

struct vm_entry *
uvm_tree_reset(struct vm_map *map)
{
	struct vm_entry *list = map->vm_first;

	KDASSERT(rw_write_held(&map->vm_lock));
	map->vm_root = NULL;
	map->vm_first = NULL;
	map->vm_nentries = 0;
	uvm_map_unaccount(map);
	atomic_store_explicit(&map->vm_ngrow, 0, memory_order_relaxed);
	return list;
}

struct vm_entry *
uvm_map_next(struct vm_map *map, vaddr_t va)
{
	struct vm_entry *e, *found;

	KDASSERT(rw_held(&map->vm_lock));
	found = NULL;
	for (e = map->vm_root; e != NULL;) {
		if (e->ve_end > va) {
			found = e;
			if (e->ve_start <= va)
				break;
			e = e->ve_left;
		} else
			e = e->ve_right;
	}
	return found;
}

struct vm_entry *
uvm_map_lookup(struct vm_map *map, vaddr_t va)
{
	struct vm_entry *e;

	e = uvm_map_next(map, va);
	return e != NULL && e->ve_start <= va ? e : NULL;
}

struct vm_entry *
uvm_tree_prev(const struct vm_map *map, vaddr_t va)
{
	struct vm_entry *e, *found;

	KDASSERT(rw_held(&map->vm_lock));
	found = NULL;
	for (e = map->vm_root; e != NULL;) {
		if (e->ve_start <= va) {
			found = e;
			e = e->ve_right;
		} else
			e = e->ve_left;
	}
	return found;
}

/* The last entry before e in order with a gap of len or more, or NULL. */
static struct vm_entry *
gap_before(struct vm_entry *e, vsize_t len)
{
	struct vm_entry *sub, *child;

	sub = e->ve_left;
	while (maxgap(sub) < len) {
		/* Nothing below: up, until we come from the right. */
		do {
			child = e;
			e = e->ve_parent;
		} while (e != NULL && e->ve_left == child);
		if (e == NULL || e->ve_gap >= len)
			return e;
		sub = e->ve_left;
	}
	for (;;) {
		if (maxgap(sub->ve_right) >= len)
			sub = sub->ve_right;
		else if (sub->ve_gap >= len)
			return sub;
		else
			sub = sub->ve_left;
	}
}

bool
uvm_tree_space(const struct vm_map *map, vsize_t len, vaddr_t limit,
    vaddr_t *addr, struct vm_entry **prevp)
{
	struct vm_entry *e;
	vaddr_t end;

	KDASSERT(rw_held(&map->vm_lock));
	KASSERT(len > 0);
	limit = MIN(limit, map->vm_max);
	if (limit < map->vm_min || limit - map->vm_min < len)
		return false;

	/* Only the gap that limit lies in may be cut short by it. */
	e = uvm_tree_prev(map, limit - len);
	if (e != NULL && e->ve_end <= limit - len) {
		end = MIN(e->ve_end + e->ve_gap, limit);
		if (end - e->ve_end >= len) {
			*addr = end - len;
			*prevp = e;
			return true;
		}
	}
	if (e != NULL)
		e = gap_before(e, len);
	if (e != NULL) {
		*addr = e->ve_end + e->ve_gap - len;
		*prevp = e;
		return true;
	}
	end =
	    map->vm_first == NULL ? map->vm_max : guarded_start(map->vm_first);
	end = MIN(end, limit);
	if (end < map->vm_min || end - map->vm_min < len)
		return false;
	*addr = end - len;
	*prevp = NULL;
	return true;
}

bool
uvm_tree_free(const struct vm_map *map, vaddr_t va, vsize_t len,
    struct vm_entry **prevp)
{
	struct vm_entry *prev, *next;

	KDASSERT(rw_held(&map->vm_lock));
	if (va < map->vm_min || va > map->vm_max || map->vm_max - va < len)
		return false;
	prev = uvm_tree_prev(map, va);
	if (prev != NULL && prev->ve_end > va)
		return false;
	next = prev == NULL ? map->vm_first : prev->ve_next;
	*prevp = prev;
	return next == NULL || guarded_start(next) >= va + len;
}

void
uvm_tree_verify(const struct vm_map *map)
{
	const struct vm_entry *e, *l, *r;
	vsize_t gap;
	u_long n;
	u_int ngrow;

	n = 0;
	ngrow = 0;
	KASSERT(map->vm_root == NULL || map->vm_root->ve_parent == NULL);
	KASSERT((map->vm_root == NULL) == (map->vm_first == NULL));
	for (e = map->vm_first; e != NULL; e = e->ve_next) {
		KASSERT(e->ve_start < e->ve_end);
		KASSERT(e->ve_start >= room_start(map, e));
		KASSERT(e->ve_end <= map->vm_max);
		KASSERT(((e->ve_start | e->ve_end) & PAGE_MASK) == 0);
		KASSERT(e->ve_next == NULL || e->ve_next->ve_prev == e);
		KASSERT(e->ve_gap == gap_behind(map, e));
		l = e->ve_left;
		r = e->ve_right;
		KASSERT(l == NULL || l->ve_parent == e);
		KASSERT(r == NULL || r->ve_parent == e);
		KASSERT(l == NULL || l->ve_end <= e->ve_start);
		KASSERT(r == NULL || e->ve_end <= r->ve_start);
		KASSERT(e->ve_parent != NULL || map->vm_root == e);
		KASSERT(e->ve_height == 1 + MAX(height(l), height(r)));
		KASSERT(height(l) <= height(r) + 1);
		KASSERT(height(r) <= height(l) + 1);
		gap = MAX(maxgap(l), maxgap(r));
		KASSERT(e->ve_maxgap == MAX(gap, e->ve_gap));
		n++;
		ngrow += (e->ve_flags & VE_GROWSDOWN) != 0;
		KASSERT(n <= map->vm_nentries);
	}
	KASSERT(n == map->vm_nentries);
	uvm_map_account_verify(map);
	KASSERT(ngrow ==
		atomic_load_explicit(&map->vm_ngrow, memory_order_relaxed));
}
