package desk

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// State is what there is on the desk.
type State struct {
	Version string    `json:"version"`
	Started string    `json:"started"`
	Now     time.Time `json:"now"`
	Speed   float64   `json:"speed"`
	Seed    uint64    `json:"seed"`
	Bots    []Bot     `json:"bots"`
	Users   []User    `json:"users"`
	Seq     int64     `json:"seq"`
}

func (d *Desk) state(*http.Request) (any, error) {
	seq := d.feed.newest() // before the rest, so that a client that goes on from there misses nothing
	return State{d.cfg.Version, d.started, d.tg.Now(), d.tg.Speed(), d.people.seedNow(), d.showBots(), d.people.list(), seq}, nil
}

// seedNow returns the seed of the people.
func (p *people) seedNow() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seed
}

// reset answers POST /api/reset.
func (d *Desk) reset(r *http.Request) (any, error) {
	in := struct {
		Seed *uint64 `json:"seed"`
	}{}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	seed := d.people.seedNow()
	if in.Seed != nil {
		seed = *in.Seed
	}
	d.outages.clear(d)
	for _, b := range d.bots.list() {
		b.faults.clear()
	}
	d.people.reset(seed)
	d.journal.clear()
	d.tg.Reset()
	for _, b := range d.bots.list() {
		b.begin()
	}
	return done{}, nil
}

// done is the answer when nothing more is to say.
type done struct{}

// Time is the desk's time.
type Time struct {
	Now   time.Time `json:"now"`
	Speed float64   `json:"speed"`
}

func (d *Desk) time(*http.Request) (any, error) { return Time{d.tg.Now(), d.tg.Speed()}, nil }

// MaxSpeed is the highest speed of a Desk that a user may set.
const MaxSpeed = 1e6

// changeTime answers POST /api/time.
func (d *Desk) changeTime(r *http.Request) (any, error) {
	var in struct {
		Advance duration `json:"advance"`
		Speed   *float64 `json:"speed"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	switch {
	case in.Advance == 0 && in.Speed == nil:
		return nil, jsonhttp.Invalid("say what to change: advance or speed")
	case time.Duration(in.Advance) > farAway:
		return nil, jsonhttp.Invalid("advance is %v; send at most a year", time.Duration(in.Advance))
	case in.Speed != nil && (*in.Speed <= 0 || *in.Speed > MaxSpeed):
		return nil, jsonhttp.Invalid("speed is %v; send a number above 0, and at most %s", *in.Speed, strconv.FormatFloat(MaxSpeed, 'f', 0, 64))
	}
	if in.Speed != nil {
		if err := d.tg.SetSpeed(*in.Speed); err != nil {
			return nil, failure(err)
		}
	}
	if in.Advance > 0 {
		d.tg.Advance(time.Duration(in.Advance))
	}
	return d.time(r)
}
