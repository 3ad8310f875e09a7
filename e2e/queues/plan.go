package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// fault is one thing that goes wrong in a trial.
type fault struct {
	after int // so many updates were handled
	what  mishap
	place int           // of the process; unused for the engine
	lasts time.Duration // until it is over; unused where a process is started again
}

// mishap is a kind of fault.
type mishap string

const (
	killReceiver mishap = "kill -9 of receiver"
	killWorker   mishap = "kill -9 of worker"
	stopWorker   mishap = "stop of worker"                   // it is asked to stop
	pauseWorker  mishap = "SIGSTOP past its lease of worker" // and then SIGCONT
	cutReceiver  mishap = "cut from the engine of receiver"
	cutWorker    mishap = "cut from the engine of worker"
	killEngine   mishap = "kill -9 of the engine"
	lockEngine   mishap = "lock held by a stranger on the engine" // it is a file
)

func (f fault) String() string {
	who := fmt.Sprint(f.what, " ", f.place)
	if f.what == killEngine || f.what == lockEngine {
		who = string(f.what)
	}
	if f.what == killReceiver || f.what == killWorker || f.what == stopWorker {
		return fmt.Sprintf("after %d updates: %s", f.after, who)
	}
	return fmt.Sprintf("after %d updates: %s for %v", f.after, who, f.lasts.Round(time.Millisecond))
}

// plan returns the faults of a trial. The same trial has the same ones.
func (t trial) plan() []fault {
	draw := t.draw(1)
	whats := t.mishaps(draw)
	faults := make([]fault, len(whats))
	for i, what := range whats {
		f := fault{what: what, lasts: time.Duration(draw.Int64N(int64(time.Second)))}
		// They are spread over nine tenths of the updates.
		f.after = (i*10 + 1 + draw.IntN(9)) * t.updates * 9 / 10 / (10 * len(whats))
		switch what {
		case killReceiver, cutReceiver:
			f.place = draw.IntN(receivers)
		case killWorker, stopWorker, cutWorker, pauseWorker:
			f.place = draw.IntN(workers)
		}
		switch what {
		case pauseWorker, cutWorker:
			f.lasts += t.lease
		case cutReceiver, lockEngine:
			f.lasts += time.Second
		}
		faults[i] = f
	}
	return faults
}

// mishaps returns the kinds of the faults in their order. Half of them are kills of random
// receivers and workers.
func (t trial) mishaps(draw *rand.Rand) []mishap {
	if t.receiversOnly {
		return slices.Repeat([]mishap{killReceiver}, t.faults)
	}
	rare := []mishap{pauseWorker, cutReceiver, killEngine, stopWorker, cutWorker, killEngine}
	if engines[t.engine].serve == nil {
		rare = []mishap{pauseWorker, lockEngine, stopWorker}
	}
	var all []mishap
	engineKills := 0
	for i := range t.faults {
		what := rare[i/2%len(rare)]
		switch {
		case i%2 == 0 || what == killEngine && engineKills == 2:
			what = [...]mishap{killReceiver, killWorker}[draw.IntN(2)]
		case what == killEngine:
			engineKills++
		}
		all = append(all, what)
	}
	draw.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
