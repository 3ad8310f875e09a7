package main

import (
	"fmt"
	"slices"
	"time"
)

// victim is a kind of process that is killed.
type victim string

// The processes that are killed in turn.
const (
	theBot      victim = "bot"
	aGateway    victim = "gateway"
	theDatabase victim = "database"
	// These are no kills. A gateway is asked to end; it reads its changed configuration.
	aStop   victim = "stop"
	aReload victim = "reload"
)

// kill is one kill -9.
type kill struct {
	after int // so many updates have arrived
	what  victim
	place int // of the gateway

	at, gone time.Time // when it was about to be killed, and when it was dead
	back     time.Time // when the database answered again
	life     int       // of the bot
}

func (k kill) String() string {
	switch k.what {
	case aGateway:
		return fmt.Sprintf("after %d updates: kill -9 of gateway %d", k.after, k.place)
	case aStop, aReload:
		return fmt.Sprintf("after %d updates: %s of gateway %d", k.after, k.what, k.place)
	}
	return fmt.Sprintf("after %d updates: kill -9 of the %s", k.after, k.what)
}

// victims returns what is killed in turn.
func (t trial) victims() []victim {
	if t.gentle {
		return []victim{aStop, aReload}
	}
	return engines[t.engine].victims
}

// plan returns the kills of a trial. The same trial has the same ones.
func (t trial) plan() []kill {
	draw := t.draw(1)
	turn := slices.Clone(t.victims())
	kills := make([]kill, t.kills*len(turn))
	for i := range kills {
		if i%len(turn) == 0 {
			draw.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
		}
		k := kill{what: turn[i%len(turn)]}
		if k.what != theBot && k.what != theDatabase {
			k.place = draw.IntN(engines[t.engine].gateways)
		}
		// They are spread over nine tenths of the updates.
		k.after = (i*10 + 1 + draw.IntN(9)) * t.updates * 9 / 10 / (10 * len(kills))
		kills[i] = k
	}
	return kills
}
