package album

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/lane"
)

// Store keeps one value for each lane. Its methods have a limit of time, and must not panic or
// end their goroutine. See tghook.AlbumStore.
type Store interface {
	// Load returns the value of a lane and its version; both are empty if it has none.
	Load(values context.Context, lane string) (value []byte, version string, err error)
	// Save replaces the value of a lane, unless its version is another than old. It returns
	// [ErrChanged] itself in that case.
	Save(values context.Context, lane string, value []byte, old, version string, keep time.Duration) error
	// Lanes returns the lanes that have a value.
	Lanes(values context.Context) ([]string, error)
}

// ErrChanged says that a lane has another version.
var ErrChanged = errors.New("tghook: the albums of the lane have changed again and again")

// Keeper keeps albums in a Store, for the engine.
type Keeper struct {
	Store      Store
	Persistent bool // the Store outlives the process
	// Encode returns an item of the engine as it is kept.
	Encode func(*dispatch.Item) Item
	// Decode returns the item that stands for a group, and how long the group is quiet
	// before it is complete.
	Decode func(*Group) (dispatch.Item, time.Duration, error)
}

// maxTries is how often a change is tried while other processes change the same lane.
const maxTries = 8

// Shared implements [dispatch.Keeper].
func (k *Keeper) Shared() bool { return k.Persistent }

// change changes the albums of a lane. It saves what f has changed, and calls f again if
// another process has changed it meanwhile.
func (k *Keeper) change(values context.Context, key lane.Key, f func(*value) (changed bool)) error {
	name := key.Text()
	for range maxTries {
		v, version, err := k.load(values, name)
		if err != nil {
			return err
		}
		if !f(&v) {
			return nil
		}
		text, keep, err := v.encode()
		if err != nil {
			return err
		}
		err = k.Store.Save(values, name, text, version, rand.Text(), keep)
		if err != ErrChanged { //nolint:errorlint // the Store returns it itself
			return err
		}
	}
	return ErrChanged
}

func (k *Keeper) load(values context.Context, name string) (v value, version string, err error) {
	text, version, err := k.Store.Load(values, name)
	if err != nil {
		return v, "", err
	}
	v, err = decode(text)
	return v, version, err
}

// Keep implements [dispatch.Keeper].
func (k *Keeper) Keep(values context.Context, key lane.Key, it *dispatch.Item) (g dispatch.Group, err error) {
	item := k.Encode(it)
	var kept *Group
	err = k.change(values, key, func(v *value) (changed bool) {
		kept, changed = v.keep(it.Part.Group, item)
		return changed
	})
	if err != nil || kept == nil {
		return g, err
	}
	return k.group(kept)
}

// Waiting implements [dispatch.Keeper].
func (k *Keeper) Waiting(values context.Context, key lane.Key) ([]dispatch.Group, error) {
	if key.Class == lane.Query { // no album comes there
		return nil, nil
	}
	v, _, err := k.load(values, key.Text())
	if err != nil || len(v.Groups) == 0 {
		return nil, err
	}
	all := make([]dispatch.Group, len(v.Groups))
	for i := range v.Groups {
		if all[i], err = k.group(&v.Groups[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Complete implements [dispatch.Keeper].
func (k *Keeper) Complete(values context.Context, key lane.Key, id int64) (g dispatch.Group, found bool, err error) {
	var complete *Group
	err = k.change(values, key, func(v *value) (changed bool) {
		if complete = v.find(id); complete == nil || complete.Sealed {
			return false
		}
		complete.Sealed = true
		return true
	})
	if err != nil || complete == nil {
		return g, false, err
	}
	g, err = k.group(complete)
	return g, true, err
}

// End implements [dispatch.Keeper].
func (k *Keeper) End(values context.Context, key lane.Key, id int64) error {
	return k.change(values, key, func(v *value) bool { return v.end(id, time.Now()) })
}

// Lanes implements [dispatch.Keeper].
func (k *Keeper) Lanes(values context.Context) (keys []lane.Key, err error) {
	names, err := k.Store.Lanes(values)
	for _, name := range names {
		if key, ok := lane.Parse(name); ok {
			keys = append(keys, key)
		}
	}
	return keys, err
}

func (k *Keeper) group(g *Group) (dispatch.Group, error) {
	item, quiet, err := k.Decode(g)
	part := dispatch.Part{Group: g.Name, Quiet: quiet}
	ids := make([]int64, len(g.Items))
	for i, it := range g.Items {
		ids[i] = it.ID
	}
	return dispatch.Group{Part: part, Item: item, IDs: ids, Complete: g.Complete()}, err
}
