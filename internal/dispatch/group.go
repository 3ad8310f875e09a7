package dispatch

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/lane"
)

// Part says which group an item is an item of.
type Part struct {
	Group string // its name
	// Quiet is how long no item of the group must have come before the group is complete.
	Quiet time.Duration
}

// Group is a group of items that a Keeper has.
type Group struct {
	Part

	// Item stands for the group. Its ID is the negative of the ID of the first item.
	Item     Item
	IDs      []int64 // of its items
	Complete bool    // no item joins it any more
}

// Keeper keeps the items of groups. When the turn of such an item has come, the Keeper gets
// it in place of the handler, and the item has succeeded. When the group is complete, the
// handler gets the group as one item: before whatever came behind it in its lane, and until
// it succeeds or is given up, because no sender delivers it again. The methods have a limit
// of time, and must not panic or end their goroutine. values does not end.
type Keeper interface {
	// Shared reports whether the groups outlive this process, and other processes see them.
	Shared() bool
	// Keep adds an item to the group that gathers in its lane, or begins one. It returns the
	// group of an item that it has got before. The ID of that group is 0 if it has ended.
	Keep(values context.Context, k lane.Key, it *Item) (Group, error)
	// Waiting returns the groups of a lane that have not ended, the oldest first.
	Waiting(values context.Context, k lane.Key) ([]Group, error)
	// Complete completes a group, and returns it. found is false if it has ended.
	Complete(values context.Context, k lane.Key, id int64) (g Group, found bool, err error)
	// End forgets a group that has succeeded, or that was given up.
	End(values context.Context, k lane.Key, id int64) error
	// Lanes returns the lanes that have groups, and may return others.
	Lanes(values context.Context) ([]lane.Key, error)
}

const (
	// groupElsewhere is after how long this process looks again at a group that another one
	// runs, because its lane waits for that.
	groupElsewhere = time.Second
	// lookEvery is how often an engine looks for groups that another process has left.
	lookEvery = time.Minute
)

// groups are those that gather in this process. The engine's mutex guards them.
type groups struct {
	gathering map[lane.Key]*flight
	gather    atomic.Int32 // the length of gathering, for readers without the mutex
}

// group is what a flight has that stands for a group.
type group struct {
	Part

	lane     lane.Key
	ids      []int64 // of its items, as far as is known
	complete bool    // the Keeper knows that it is
	timer    *time.Timer
	joined   []int64 // the items whose deliveries wait for its end
}

// isGroup reports whether a flight stands for a group.
func isGroup(f *flight) bool { return f.group != nil }

// known are the IDs by which people know an item: those of the items, if it stands for a group.
func known(id int64, g *group) []int64 {
	if g == nil {
		return []int64{id}
	}
	return g.ids
}

// firstOf is the ID by which people know an item. That of a group is the one of its first
// item.
func firstOf(id int64) int64 { return max(id, -id) }

// comesAgain reports whether the engine itself runs f again after a failure, though its
// sender does not deliver it again.
func (f *flight) comesAgain() bool { return f.group != nil && f.engine.shutdown.phase == open }

// sourceOf says how f comes again after a failure.
func (e *Engine) sourceOf(f *flight) Source {
	if f.group != nil {
		return Requeued{}
	}
	return e.Source
}

// joins reports whether the deliveries of items wait for the end of their group. If not,
// they are acknowledged when the Keeper has the item.
func (e *Engine) joins() bool { return e.Source.patient() && !e.Keeper.Shared() }

// claims reports whether f is to be claimed. A group that only this process has is not. An
// item is not if its delivery waits for its group, because it has not succeeded when it is
// kept.
func (e *Engine) claims(f *flight) bool {
	switch {
	case e.Store == nil:
		return false
	case f.group != nil:
		return e.Keeper.Shared()
	case f.item.Part != nil:
		return !e.joins()
	default:
		return true
	}
}

// way says whether a flight whose turn has come goes on.
type way uint8

const (
	isReady  way = iota
	isBehind     // groups go first, and f waits for its turn again
	isAway       // it was turned away
)

// makeWay lets the groups of f's lane go first that f is no item of.
func (e *Engine) makeWay(f *flight, end *ending) way {
	k := f.place.Key()
	if f.group != nil || k == (lane.Key{}) {
		return isReady
	}
	var found []Group
	if e.Keeper.Shared() {
		var err error
		if found, err = e.Keeper.Waiting(ValuesOf(f.values), k); err != nil {
			e.mu.Lock()
			defer e.unlock()
			e.turnAwayLocked(f, turnedAway(&f.item, err), end)
			return isAway
		}
	}
	if len(found) == 0 && e.gather.Load() == 0 {
		return isReady
	}
	e.mu.Lock()
	defer e.unlock()
	if err := e.refusalLocked(f); err != nil { // nothing gives f its turn again in an engine that has been stopped
		e.turnAwayLocked(f, turnedAway(&f.item, err), end)
		return isAway
	}
	for i := range found {
		if g := &found[i]; g.Complete || !f.isPartOf(&g.Part) {
			e.adoptLocked(k, g, f.values)
		}
	}
	if g := e.gathering[k]; g != nil && !f.isPartOf(&g.group.Part) {
		e.enterGroupLocked(g)
	}
	first := f.place.Head().Value
	if first == f {
		return isReady
	}
	f.phase = waiting
	if first.phase == waiting { // else a worker carries it already
		e.turnLocked(first)
	}
	return isBehind
}

func (f *flight) isPartOf(p *Part) bool { return f.item.Part != nil && f.item.Part.Group == p.Group }

// keep gives f, an item of a group, to the Keeper. That is in place of an attempt, and what
// it returns is always true: f has ended, or is turned away.
func (e *Engine) keep(f *flight, end *ending) bool {
	k := f.place.Key()
	g, err := e.Keeper.Keep(ValuesOf(f.values), k, &f.item)
	e.mu.Lock()
	defer e.unlock()
	if err != nil {
		e.turnAwayLocked(f, turnedAway(&f.item, err), end)
		return true
	}
	f.phase, f.attempt.started = settling, e.Now()
	f.attempt.ended = f.attempt.started
	end.Outcome, end.Acked = Gathered, true
	if kept := e.gatherLocked(k, &g, f.values); kept != nil && e.joins() {
		kept.joinGroup(f)
		end.joined = true
	}
	return true
}

// joinGroup has the deliveries of an item wait for the end of its group, which f stands for.
func (f *flight) joinGroup(part *flight) {
	for _, d := range part.waiters {
		d.flight = f
	}
	f.waiters = append(f.waiters, part.waiters...)
	f.group.joined = append(f.group.joined, part.item.ID)
	f.engine.flights[part.item.ID] = f
}

// gatherLocked has a group that has got an item, or is found, complete when no further item
// has come for a while. It returns the flight of the group, and nil if that has ended.
func (e *Engine) gatherLocked(k lane.Key, g *Group, values context.Context) *flight {
	f := e.groupLocked(k, g, values)
	if f == nil || f.phase != gathering {
		return f
	}
	if before := e.gathering[k]; before != f {
		if before != nil { // its items come no more: another process has completed it
			e.startGroupLocked(before)
		}
		e.gathering[k] = f
		e.gather.Add(1)
	}
	f.item, f.group.ids = g.Item, g.IDs
	switch {
	case g.Complete, e.shutdown.phase != open:
		e.startGroupLocked(f)
	case f.group.timer == nil:
		f.group.timer = time.AfterFunc(g.Quiet, func() { e.quiet(f) })
	default:
		f.group.timer.Reset(g.Quiet)
	}
	return f
}

// groupLocked returns the flight that stands for a group. If there is none, it begins to
// gather. It returns nil if the group has ended.
func (e *Engine) groupLocked(k lane.Key, g *Group, values context.Context) *flight {
	id := g.Item.ID
	if id == 0 {
		return nil
	}
	if f := e.flights[id]; f != nil {
		return f
	}
	if _, ended := e.memory.duplicate(id, e.Now()); ended { // and the Keeper was not told
		e.background++
		e.afterwardsLocked(func() {
			_ = e.Keeper.End(ValuesOf(values), k, id)
			e.mu.Lock()
			defer e.unlock()
			e.background--
			e.checkIdleLocked()
		})
		return nil
	}
	f := &flight{item: g.Item, values: ValuesOf(values), engine: e, phase: gathering, group: &group{Part: g.Part, lane: k, ids: g.IDs}}
	f.place.Value = f
	f.waiters = f.backing[:0]
	f.first.at = e.Now()
	f.history.came = e.successes
	f.acknowledged = !e.Keeper.Shared() && !e.Source.patient()
	e.flights[id] = f
	return f
}

// adoptLocked has a group that is found run when its turn has come.
func (e *Engine) adoptLocked(k lane.Key, g *Group, values context.Context) {
	if f := e.groupLocked(k, g, values); f != nil && f.phase == gathering {
		e.enterGroupLocked(f)
	}
}

// enterGroupLocked puts a group that gathers into its lane: behind the groups there, and
// before all else.
func (e *Engine) enterGroupLocked(f *flight) {
	k := f.group.lane
	if e.gathering[k] == f {
		delete(e.gathering, k)
		e.gather.Add(-1)
	}
	if f.group.timer != nil {
		f.group.timer.Stop()
	}
	f.phase = waiting
	e.lanes.EnterBehind(k, &f.place, isGroup)
}

// startGroupLocked completes a group that gathers.
func (e *Engine) startGroupLocked(f *flight) {
	e.enterGroupLocked(f)
	if f.place.AtHead() {
		e.turnLocked(f)
	}
}

// quiet completes a group if no further item has come, here or elsewhere.
func (e *Engine) quiet(f *flight) {
	id, size := e.gathered(f)
	if size == 0 {
		return
	}
	ids := e.idsOf(f, id)
	e.mu.Lock()
	defer e.unlock()
	switch {
	case f.phase != gathering:
	case len(f.group.ids) > size: // it has grown meanwhile, and its time counts anew
	case len(ids) > len(f.group.ids): // it has grown in another process
		f.group.ids = ids
		f.group.timer.Reset(f.group.Quiet)
	case e.lanes.Has(f.group.lane): // it is about to grow
		f.group.timer.Reset(f.group.Quiet)
	default:
		e.startGroupLocked(f)
	}
}

// gathered returns the ID of a group and how many items it has, or 0 if it does not gather.
func (e *Engine) gathered(f *flight) (id int64, size int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f.phase != gathering {
		return 0, 0
	}
	return f.item.ID, len(f.group.ids)
}

// idsOf returns the items that a group which gathers has in all processes, if it is known.
func (e *Engine) idsOf(f *flight, id int64) []int64 {
	if !e.Keeper.Shared() {
		return nil
	}
	found, err := e.Keeper.Waiting(f.values, f.group.lane)
	if err != nil {
		return nil // the next step needs the Keeper too, and is repeated
	}
	for i := range found {
		if g := &found[i]; g.Item.ID == id && !g.Complete {
			return g.IDs
		}
	}
	return nil
}

// complete completes a group, whose turn has come, for every process. If it is false, the
// group is not to run now, or has ended elsewhere.
func (e *Engine) complete(f *flight, end *ending) bool {
	if f.group.complete {
		return true
	}
	g, found, err := e.Keeper.Complete(f.values, f.group.lane, f.item.ID)
	e.mu.Lock()
	defer e.unlock()
	switch {
	case err != nil:
		e.turnAwayLocked(f, turnedAway(&f.item, err), end)
		return false
	case !found:
		e.turnAwayLocked(f, Verdict{Outcome: Duplicate, Acked: true}, end)
		return false
	}
	f.item, f.group.ids, f.group.complete = g.Item, g.IDs, true
	return true
}

// endGroup has the Keeper forget f, if it is a group that has ended.
func (e *Engine) endGroup(f *flight, end *ending) {
	if f.group == nil || !end.Acked {
		return
	}
	if err := e.Keeper.End(f.values, f.group.lane, f.item.ID); err != nil {
		end.Err = errors.Join(end.Err, err)
	}
}

// forgetFlightLocked takes f out of the flights. An item whose delivery has waited for its
// group has ended with it.
func (e *Engine) forgetFlightLocked(f *flight, end *ending, now time.Duration) {
	delete(e.flights, f.item.ID)
	if f.group == nil {
		return
	}
	for _, id := range f.group.joined {
		delete(e.flights, id)
		if end.Acked {
			e.memory.succeed(id, f.item.Life, nil, now)
		}
	}
}

// stopGatheringLocked completes all groups that gather, because no further item comes.
func (e *Engine) stopGatheringLocked() {
	for _, f := range e.gathering {
		e.startGroupLocked(f)
	}
}

// Recover looks now and then for groups that no process runs, because the one that had them
// has crashed. It ends with Shutdown.
func (e *Engine) Recover() { time.AfterFunc(0, e.look) }

func (e *Engine) look() {
	if e.closing.Load() {
		return
	}
	lanes, _ := e.Keeper.Lanes(e.calls) // it is asked again
	for _, k := range lanes {
		if !e.isQuiet(k) {
			continue // its next item looks
		}
		found, err := e.Keeper.Waiting(e.calls, k)
		if err != nil {
			break
		}
		e.recoverLane(k, found)
	}
	time.AfterFunc(lookEvery, e.look)
}

// isQuiet reports whether nothing goes on in a lane, and something may begin there.
func (e *Engine) isQuiet(k lane.Key) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.isQuietLocked(k)
}

func (e *Engine) isQuietLocked(k lane.Key) bool {
	return e.shutdown.phase == open && len(e.flights) < e.MaxInFlight && e.gathering[k] == nil && !e.lanes.Has(k)
}

// recoverLane runs the groups that were found in a lane. If the last of them is not complete,
// its items may still come.
func (e *Engine) recoverLane(k lane.Key, found []Group) {
	e.mu.Lock()
	defer e.unlock()
	if !e.isQuietLocked(k) {
		return
	}
	for i := range found {
		g := &found[i]
		if i == len(found)-1 && !g.Complete {
			e.gatherLocked(k, g, e.calls)
			return
		}
		if f := e.groupLocked(k, g, e.calls); f != nil && f.phase == gathering {
			e.startGroupLocked(f)
		}
	}
}
