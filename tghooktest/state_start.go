package tghooktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Keys of records. Those of a bot begin with botKey, and there is one that is botKey.
const (
	hostKey     = "host"
	clockKey    = "clock"
	botPrefix   = "bot/"
	worldPrefix = "world/"
	queuePrefix = "queue/"
)

func botKey(id int64) string { return fmt.Sprintf("%s%d/", botPrefix, id) }

// keptBot is a bot that ServerConfig.State brought.
type keptBot struct {
	botRecord

	encoded string // the record
	world   map[string][]byte
	queue   map[string][]byte
}

// loadState reads ServerConfig.State.
func (h *host) loadState() error {
	if h.base.State != nil && h.base.Files != "" {
		return errFilesInState
	}
	kept, found, err := h.state.load(h.base.State)
	h.base.State = nil // its records need memory
	if err != nil || !found {
		return err
	}
	h.base.Seed = kept.Seed
	h.clock.Advance(h.state.clock.after(time.Now()).Sub(h.clock.Now()))
	return nil
}

// resumeBots lets the bots that State has brought go on.
func (h *host) resumeBots() {
	for _, s := range h.bots.list() {
		if h.state.bots[s.id] != nil {
			if h.base.OnBot != nil {
				h.base.OnBot(s)
			}
			s.world.Resume()
			s.deliverAgain()
		}
	}
}

// load reads ServerConfig.State. It returns the seed and the time of the state; found is false
// if there is none.
func (st *state) load(records iter.Seq2[string, []byte]) (h hostRecord, found bool, err error) {
	st.small, st.bots, st.kept = map[string]string{}, map[int64]*botState{}, map[int64]keptBot{}
	if records == nil {
		return h, false, nil
	}
	for key, value := range records {
		rest, ofBot := strings.CutPrefix(key, botPrefix)
		if ofBot {
			err = st.loadBot(rest, value)
		} else {
			st.small[key] = string(value)
		}
		if err != nil {
			return h, false, err
		}
	}
	if len(st.small) == 0 && len(st.kept) == 0 {
		return h, false, nil
	}
	if err = json.Unmarshal([]byte(st.small[hostKey]), &h); err == nil && h.Format > stateFormat {
		return h, false, errors.New("tghooktest: ServerConfig.State: a newer version has written it; use that version")
	}
	if err == nil {
		err = json.Unmarshal([]byte(st.small[clockKey]), &st.clock)
	}
	if err != nil {
		err = fmt.Errorf("tghooktest: ServerConfig.State: the state is damaged: %w", err)
	}
	return h, true, err
}

// loadBot takes a record of a bot. key is what follows botPrefix.
func (st *state) loadBot(key string, value []byte) error {
	number, key, ok := strings.Cut(key, "/")
	id, _ := strconv.ParseInt(number, 10, 64)
	if id == 0 || !ok { // of a newer version
		return nil
	}
	k := st.kept[id]
	if k.world == nil {
		k.world, k.queue = map[string][]byte{}, map[string][]byte{}
	}
	if name, ok := strings.CutPrefix(key, worldPrefix); ok {
		k.world[name] = value
	} else if name, ok := strings.CutPrefix(key, queuePrefix); ok {
		k.queue[name] = value
	} else if key == "" {
		if err := json.Unmarshal(value, &k.botRecord); err != nil {
			return fmt.Errorf("tghooktest: ServerConfig.State: the state is damaged: bot %d: %w", id, err)
		}
		k.encoded = string(value)
	}
	st.kept[id] = k
	return nil
}
