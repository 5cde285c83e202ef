/* SPDX-License-Identifier: Apache-2.0 */
/* Which damage on record a move of a scan met; see view_way.h. Cold: only views with damage on record come here. */
#include "common/view/view_way.h"

/* A record whose range holds keys between the departure and the arrival, or the end (NULL); NULL: there is none. */
static const struct table_damage *went_over(const struct view_way *w, const struct slice *arrival)
{
	struct slice from = buf_slice(&w->from);
	const struct slice *departure = from.n > 0 ? &from : NULL;
	const struct slice *low = w->back ? arrival : departure, *high = w->back ? departure : arrival;
	bool at_low = w->asked && !w->back, at_high = w->asked && w->back;
	const struct table_damage *d;
	int order;

	if (w->asked && arrival && slice_eq(from, *arrival))
		return NULL;
	if (w->high.n && (!high || slice_cmp(*high, w->high) >= 0)) {
		high = &w->high;
		at_high = false;
	}
	if (w->low.n && (!low || slice_cmp(*low, w->low) < 0)) {
		low = &w->low;
		at_low = true;
	}
	d = damage_furthest(w->record, high, at_high);
	if (!d || !low)
		return d;
	order = slice_cmp(d->max, *low);
	return order > 0 || (order == 0 && at_low) ? d : NULL;
}

static bool is_within(const struct view_way *w, struct slice key)
{
	return slice_cmp(key, w->low) >= 0 && (w->high.n == 0 || slice_cmp(key, w->high) < 0);
}

const struct table_damage *view_way_arrived(const struct view_way *w, const struct entry *shown)
{
	const struct table_damage *d = went_over(w, shown ? &shown->key : NULL);

	if (d || !shown || !is_within(w, shown->key))
		return d;
	return damage_hides(w->record, shown->key, shown->seq);
}

const struct table_damage *view_way_stopped(const struct view_way *w, struct slice key)
{
	return went_over(w, &key);
}
