// Package album keeps the items of albums until each album is complete and has been handled.
package album

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxItems is how many items an album has at most.
// Source: https://core.telegram.org/bots/api#sendmediagroup.
const MaxItems = 10

const (
	// KeepTime is how long a Store must keep albums that have not been handled.
	KeepTime = 7 * 24 * time.Hour
	// PastTime is how long a lane remembers an album that was handled: for an item whose
	// answer was lost, and for stragglers.
	PastTime = 10 * time.Minute

	maxPast  = 20      // albums that a lane remembers
	maxValue = 1 << 20 // bytes of the albums of a lane
)

// value is what a Store keeps for a lane.
type value struct {
	Groups []Group `json:"groups,omitempty"` // not handled, the oldest first
	Past   []past  `json:"past,omitempty"`   // handled, the oldest first
}

// Group is an album, or a part of one.
type Group struct {
	Name      string `json:"name"` // media_group_id
	Items     []Item `json:"items"`
	Straggler bool   `json:"straggler,omitempty"` // an earlier part of it was complete
	Sealed    bool   `json:"sealed"`              // it was completed; written always, so that the value does not grow then
}

// Item is an item of an album.
type Item struct {
	ID    int64  `json:"id"`    // update_id
	Order int64  `json:"order"` // message_id
	Raw   []byte `json:"raw"`   // the update, byte for byte
}

// past is an album that was handled.
type past struct {
	Name string  `json:"name"`
	IDs  []int64 `json:"ids"`
	At   int64   `json:"at"` // Unix time
}

// ID is the id of the group among the ids of updates: the negative of its first item's.
func (g *Group) ID() int64 { return -g.Items[0].ID }

// Complete reports whether no item joins the group any more.
func (g *Group) Complete() bool { return g.Sealed || len(g.Items) >= MaxItems }

func (g *Group) has(id int64) bool {
	return slices.ContainsFunc(g.Items, func(i Item) bool { return i.ID == id })
}

// decode reads a value. None is the value of a lane without albums.
func decode(text []byte) (value, error) {
	var v value
	if len(text) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("tghook: the albums in the Store cannot be read: %w", err)
	}
	for i := range v.Groups {
		if len(v.Groups[i].Items) == 0 {
			return v, errors.New("tghook: the albums in the Store cannot be read: one has no items")
		}
	}
	return v, nil
}

// encode writes v, and says how long it must be kept.
func (v *value) encode() (text []byte, keep time.Duration, err error) {
	switch {
	case len(v.Groups) > 0:
		keep = KeepTime
	case len(v.Past) > 0:
		keep = PastTime
	default:
		return nil, PastTime, nil
	}
	if text, err = json.Marshal(v); err == nil && len(text) > maxValue {
		err = errors.New("tghook: too many albums of this lane wait")
	}
	return text, keep, err
}

// keep adds an item to the group of its name that still gathers, or begins one. It returns
// the group of an item that v has already, and nil if that group was handled.
func (v *value) keep(name string, it Item) (g *Group, changed bool) {
	for i := range v.Groups {
		if g := &v.Groups[i]; g.has(it.ID) {
			return g, false
		}
	}
	if slices.ContainsFunc(v.Past, func(p past) bool { return slices.Contains(p.IDs, it.ID) }) {
		return nil, false
	}
	straggler := slices.ContainsFunc(v.Past, func(p past) bool { return p.Name == name })
	for i := range v.Groups {
		switch g := &v.Groups[i]; {
		case g.Name != name:
		case g.Complete():
			straggler = true
		default:
			g.Items = append(g.Items, it)
			return g, true
		}
	}
	v.Groups = append(v.Groups, Group{Name: name, Items: []Item{it}, Straggler: straggler})
	return &v.Groups[len(v.Groups)-1], true
}

// find returns the group with an id, or nil.
func (v *value) find(id int64) *Group {
	for i := range v.Groups {
		if g := &v.Groups[i]; g.ID() == id {
			return g
		}
	}
	return nil
}

// end forgets the items of a group that was handled, and remembers their ids for a while.
func (v *value) end(id int64, now time.Time) (changed bool) {
	g := v.find(id)
	if g == nil {
		return false
	}
	p := past{Name: g.Name, At: now.Unix()}
	for _, it := range g.Items {
		p.IDs = append(p.IDs, it.ID)
	}
	v.Groups = slices.DeleteFunc(v.Groups, func(g Group) bool { return g.ID() == id })
	v.Past = slices.DeleteFunc(v.Past, func(p past) bool { return now.Sub(time.Unix(p.At, 0)) > PastTime })
	v.Past = append(v.Past, p)
	v.Past = v.Past[max(0, len(v.Past)-maxPast):]
	return true
}
