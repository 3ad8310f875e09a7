package tghooktest

import (
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Save passes what has changed since the last Save to write, as records: a key and a value,
// or nil for a record that must be deleted. write stores all of them or returns an error. After
// an error, the next Save passes them again. If nothing has changed, Save does not call write.
// The values must not be changed.
//
// The records that were stored are a state. A new Server begins with it by
// ServerConfig.State. The records of each bot are as they were at one moment. Save works after
// Close too.
//
// A state has the bots, with their users, chats, files and settings, their webhooks and the
// updates that wait, and the time. It has neither the calls nor the faults. It has the secret
// of a webhook, but no token.
//
// Only one Save may run at a time. write may call all other methods of the Server.
func (s *Server) Save(write func(changes iter.Seq2[string, []byte]) error) error {
	return s.state.save(s.host, write)
}

// state is what was written of a host.
type state struct {
	saving atomic.Bool
	small  map[string]string // records of the host and of the bots, without their worlds and queues
	clock  clockRecord
	bots   map[int64]*botState // by id
	kept   map[int64]keptBot   // bots that State brought and that are not there yet; only start uses it
}

// botState is what was written of a bot.
type botState struct {
	bot   *bot
	world *world.State
	queue *queue.State
}

// changes are records that must be written.
type changes struct {
	records map[string][]byte
	kept    []func() // to be called when they were written
}

func (st *state) save(h *host, write func(iter.Seq2[string, []byte]) error) error {
	if write == nil {
		return errors.New("tghooktest: Save: write is nil; pass a function that stores the records")
	}
	if !st.saving.CompareAndSwap(false, true) {
		return errors.New("tghooktest: Save: another Save has not returned yet; wait for it")
	}
	defer st.saving.Store(false)
	if h.base.Files != "" {
		return errFilesInState
	}
	c := &changes{records: map[string][]byte{}}
	if err := st.collect(c, h); err != nil {
		return err
	}
	if len(c.records) > 0 {
		if err := write(c.all()); err != nil {
			return err
		}
	}
	for _, kept := range c.kept {
		kept()
	}
	return nil
}

var errFilesInState = errors.New("tghooktest: ServerConfig.Files: a state does not have the files in this directory; leave Files empty")

// all yields the records in the order of their keys.
func (c *changes) all() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, key := range slices.Sorted(maps.Keys(c.records)) {
			if !yield(key, c.records[key]) {
				return
			}
		}
	}
}

// add adds records below a prefix.
func (c *changes) add(prefix string, records map[string][]byte) {
	for key, value := range records {
		c.records[prefix+key] = value
	}
}

// collect adds all that has changed.
func (st *state) collect(c *changes, h *host) error {
	if now := readClock(h.clock); !st.clock.tells(now) {
		if err := st.collectSmall(c, clockKey, now); err != nil {
			return err
		}
		c.kept = append(c.kept, func() { st.clock = now })
	}
	if err := st.collectSmall(c, hostKey, hostRecord{Format: stateFormat, Seed: h.base.Seed}); err != nil {
		return err
	}
	there := h.bots.list()
	for id, b := range st.bots {
		if !slices.ContainsFunc(there, func(s *Server) bool { return s.bot == b.bot }) {
			st.collectGone(c, id, b)
		}
	}
	for place, s := range there {
		if err := st.collectBot(c, s, place); err != nil {
			return err
		}
	}
	return nil
}

// collectSmall adds a record, if it has changed.
func (st *state) collectSmall(c *changes, key string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if _, gone := c.records[key]; gone || st.small[key] != string(encoded) {
		c.records[key] = encoded
		c.kept = append(c.kept, func() { st.small[key] = string(encoded) })
	}
	return nil
}

// collectGone deletes the records of a bot that is gone. Another one with its id may be there.
func (st *state) collectGone(c *changes, id int64, b *botState) {
	prefix := botKey(id)
	c.records[prefix] = nil
	for key := range b.world.Keys() {
		c.records[prefix+worldPrefix+key] = nil
	}
	for key := range b.queue.Keys() {
		c.records[prefix+queuePrefix+key] = nil
	}
	c.kept = append(c.kept, func() {
		delete(st.small, prefix)
		delete(st.bots, id)
	})
}

// collectBot adds what has changed of a bot, which has that place among the bots.
func (st *state) collectBot(c *changes, s *Server, place int) error {
	prefix := botKey(s.id)
	b := st.bots[s.id]
	if b == nil || b.bot != s.bot {
		b = &botState{s.bot, s.world.State(), s.queue.State()}
		c.kept = append(c.kept, func() { st.bots[s.id] = b })
	}
	var q *queue.Changes
	w, err := b.world.Changes(func() (err error) {
		q, err = b.queue.Changes()
		return err
	})
	if err != nil {
		return err
	}
	c.add(prefix+worldPrefix, w.Records)
	c.add(prefix+queuePrefix, q.Records)
	c.kept = append(c.kept, w.Kept, q.Kept)
	return st.collectSmall(c, prefix, s.record(place))
}

// stateFormat is the version of the form of the records. A newer one cannot be read.
const stateFormat = 1

// hostRecord is the record of what the bots share.
type hostRecord struct {
	Format int    `json:"format"`
	Seed   uint64 `json:"seed"`
}

// clockRecord is the record of the time.
type clockRecord struct {
	Server time.Time `json:"server"` // the Server's time
	Real   time.Time `json:"real"`   // at this moment
}

func readClock(c *clock.Clock) clockRecord {
	return clockRecord{c.Now().UTC().Round(0), time.Now().UTC().Round(0)}
}

// after returns the time that the Server has when it begins with the record. While there is no
// Server, time passes as it does for everybody.
func (c clockRecord) after(now time.Time) time.Time {
	then := c.Server.Add(max(now.Sub(c.Real), 0))
	if then.Before(now) {
		return now
	}
	return then
}

// tells reports whether a Server that begins with the record has the right time.
func (c clockRecord) tells(now clockRecord) bool {
	return !c.Real.IsZero() && c.after(now.Real).Sub(now.Server).Abs() < time.Second
}
