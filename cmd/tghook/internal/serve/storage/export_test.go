package storage

import (
	"context"
	"errors"
	"time"
)

// TimeOfClose is how long Close takes at most.
const TimeOfClose = lastTime + lastTime/4 + closeTime

var errNoAnswer = errors.New("the database does not answer")

// BePatient gives the history a minute for each of its writes, and for a database that is away, before
// the first row is recorded. A slow machine may need more than the usual time.
func (s *Storage) BePatient() {
	s.history.batchTime, s.history.lastTime, s.history.batchTries = time.Minute, time.Minute, 8
}

// Hanging returns a Storage that can only be checked. It does not answer until release is called, or
// until the time of the check is over if it heeds that.
func Hanging(heeds bool) (s *Storage, release func()) {
	released := make(chan struct{})
	return &Storage{engine: hanging{released: released, heeds: heeds}}, func() { close(released) }
}

type hanging struct {
	engine

	released chan struct{}
	heeds    bool
}

func (h hanging) answers(ctx context.Context) error {
	if !h.heeds {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-h.released:
	case <-ctx.Done():
	}
	return errNoAnswer
}
