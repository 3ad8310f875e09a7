package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// evidence is what a trial has left behind.
type evidence struct {
	sent     []int64    // ids of updates
	arrivals []*arrival // in the order in which the bot has noted them
	kills    []kill
	answered map[int64]bool // updates whose webhook replies Telegram got
	given    []int64        // updates that Telegram has given up
	ended    []error        // of gateways that have ended on their own
}

// slack is how long after the bot's answer its gateway may take to have read the answer, called
// the method in it, and noted that the update is done. The machine is busy. The longest stall comes on
// top.
const slack = 2 * time.Second

// longestStop is how long a gateway may take to end when it is asked to, without the longest stall.
const longestStop = 10 * time.Second

// At its end a gateway waits so long for the answers of the bot, and for all that follows from them:
// see cmd/tghook/internal/serve/gateway/end.go.
const (
	postTime = 3 * time.Second
	endTime  = 5 * time.Second
)

// found is the result of a trial.
type found struct {
	sent, chats int
	arrivals    int
	kills       map[victim]int
	longestStop time.Duration // of a gateway that was asked to end
	stall       time.Duration // the longest that the bot took for an update, which waits for the disk
	ended       []error
	lost        []int64
	unanswered  []int64 // updates whose webhook reply never came
	given       []int64
	dead        int // dead letters
	disordered  int
	late        int            // repeats that did not follow directly
	repeated    map[victim]int // by what was killed before the answer was seen
	unexcused   int
	slowest     time.Duration // from an answer to the kill of a process that excuses the repeat
	torn        int
	problems    []string
	broken      int // the number of problems, also of those that were not kept
}

// enough is how many problems of a kind are told.
const enough = 20

// problemf notes a problem.
func (f *found) problemf(format string, args ...any) {
	if f.broken++; f.broken <= enough {
		f.problems = append(f.problems, fmt.Sprintf(format, args...))
	}
}

// line is the history of a chat.
type line struct {
	arrived map[int64]bool // by the number in the chat
	last    int64          // the highest number so far
	newest  *arrival       // the latest arrival of the last one
}

// audit compares what has arrived with what was sent.
func audit(e evidence) found {
	f := found{sent: len(e.sent), arrivals: len(e.arrivals), kills: map[victim]int{}, repeated: map[victim]int{}, given: e.given, ended: e.ended}
	for _, k := range e.kills {
		f.kills[k.what]++
		if k.what == aStop {
			f.longestStop = max(f.longestStop, k.gone.Sub(k.at))
		}
	}
	for _, a := range e.arrivals {
		f.stall = max(f.stall, a.took.Sub(a.arrived), a.answered.Sub(a.arrived))
	}
	chats, arrived := map[int64]*line{}, map[int64]*arrival{}
	for _, a := range e.arrivals {
		c := chats[a.chat]
		if c == nil {
			c = &line{arrived: map[int64]bool{}}
			chats[a.chat] = c
		}
		f.follow(c, a, e.kills)
		arrived[a.update] = a
	}
	f.chats = len(chats)
	for _, update := range e.sent {
		a := arrived[update]
		switch {
		case a == nil:
			f.lost = append(f.lost, update)
		case a.seq%answering == 0 && !e.answered[update]:
			f.unanswered = append(f.unanswered, update)
		}
	}
	return f
}

// follow checks an arrival against those before it in its chat.
func (f *found) follow(c *line, a *arrival, kills []kill) {
	switch {
	case !c.arrived[a.seq]:
		if a.seq != c.last+1 {
			f.disordered++
			f.problemf("number %d of chat %d has arrived after number %d", a.seq, a.chat, c.last)
		}
		c.arrived[a.seq] = true
		if a.seq > c.last {
			c.last, c.newest = a.seq, a
		}
	case a.seq < c.last:
		f.late++
		f.problemf("number %d of chat %d has arrived again after number %d", a.seq, a.chat, c.last)
	default:
		what, after, ok := f.excuse(c.newest, kills)
		if !ok && a.arrived.Before(c.newest.took) {
			what, after, ok = f.excuse(a, kills) // both were on their way at once: that of a dead gateway, and its repetition
		}
		c.newest = a
		if !ok {
			f.unexcused++
			f.problemf("number %d of chat %d has arrived twice, and no kill explains it", a.seq, a.chat)
			return
		}
		f.repeated[what]++
		if what != theDatabase { // which is away for longer than an instant
			f.slowest = max(f.slowest, after)
		}
	}
}

// blink is how soon after the answer another kill is a likelier cause than that of the database,
// which is away for longer than an instant.
const blink = 500 * time.Millisecond

// excuse returns what was killed before the answer to an arrival was seen, and how long after the
// answer. ok is false if nothing was. If several kills may explain it, it is the first one after
// the answer.
func (f *found) excuse(a *arrival, kills []kill) (what victim, after time.Duration, ok bool) {
	answered := a.answered
	if answered.IsZero() {
		answered = a.took
	}
	for _, k := range kills {
		if !k.loses(a, answered, slack+f.stall) {
			continue
		}
		its := max(0, k.at.Sub(answered))
		if k.what == theDatabase {
			its = max(blink, its)
		}
		if !ok || its < after {
			what, after, ok = k.what, its, true
		}
	}
	return what, after, ok
}

// loses reports whether the answer to an arrival may have been lost by the kill, if what follows from
// an answer takes at most so long.
func (k kill) loses(a *arrival, answered time.Time, follows time.Duration) bool {
	until := k.gone
	switch k.what {
	case theBot:
		if k.life != a.life {
			return false
		}
		if a.answered.IsZero() {
			return true
		}
	case aGateway:
		if k.place != a.gateway {
			return false
		}
		if a.answered.IsZero() {
			until = until.Add(follows) // the bot may read the request of a dead gateway only now
		}
	case aStop:
		cut := a.answered.IsZero() || answered.After(k.at.Add(postTime))
		if k.place != a.gateway || !cut && k.gone.Sub(k.at) < endTime {
			return false
		}
	case aReload:
		return false
	case theDatabase:
		until = k.back.Add(follows) // the gateways may find out only now that their connections are dead
	}
	return !a.arrived.After(until) && k.at.Before(answered.Add(follows))
}

// String has a line for each check, with its figure.
func (f *found) String() string {
	var b strings.Builder
	say := func(what string, format string, args ...any) {
		fmt.Fprintf(&b, "\t%-28s %s\n", what, fmt.Sprintf(format, args...))
	}
	victims := []victim{theBot, aGateway, theDatabase}
	count := func(m map[victim]int) string {
		parts := make([]string, len(victims))
		for i, v := range victims {
			parts[i] = fmt.Sprintf("%d %s", m[v], v)
		}
		return strings.Join(parts, ", ")
	}
	say("kill -9", "%s", count(f.kills))
	if n := f.kills[aStop]; n > 0 {
		say("stops of gateways", "%d, the longest took %v, %d updates came again; %d reloads", n, f.longestStop.Round(time.Millisecond), f.repeated[aStop], f.kills[aReload])
	}
	say("updates", "%d of %d chats, %d arrivals", f.sent, f.chats, f.arrivals)
	say("gateways that ended", "%d on their own", len(f.ended))
	say("lost", "%d", len(f.lost))
	say("dead letters", "%d", f.dead)
	say("given up by Telegram", "%d", len(f.given))
	say("webhook replies lost", "%d", len(f.unanswered))
	say("out of order", "%d, late repeats %d", f.disordered, f.late)
	say("arrived again", "%s was killed before the answer was seen; %d without a cause", count(f.repeated), f.unexcused)
	say("longest from answer to kill", "%v", f.slowest.Round(time.Millisecond))
	say("longest in the bot", "%v", f.stall.Round(time.Millisecond))
	say("lines that a kill has cut", "%d", f.torn)
	say("broken rules", "%d", f.broken)
	return b.String()
}

// err returns nil if the promise was kept.
func (f *found) err() error {
	problems := slices.Clone(f.problems)
	name := func(ids []int64, what string) {
		if len(ids) > 0 {
			problems = append(problems, fmt.Sprintf("%d updates %s, first %v", len(ids), what, ids[:min(len(ids), enough)]))
		}
	}
	if f.longestStop > longestStop+f.stall {
		problems = append(problems, fmt.Sprintf("a gateway that was asked to end took %v", f.longestStop))
	}
	name(f.lost, "are lost")
	name(f.unanswered, "are without their webhook reply")
	name(f.given, "were given up by Telegram")
	if f.dead > 0 {
		problems = append(problems, fmt.Sprintf("there are %d dead letters", f.dead))
	}
	for _, err := range f.ended {
		problems = append(problems, err.Error())
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New("the promise is broken:\n\t" + strings.Join(problems, "\n\t"))
}
