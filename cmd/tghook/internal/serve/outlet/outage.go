package outlet

import "time"

// outage is the time in which a bot is down. Its zero value is that of a bot that is well.
type outage struct {
	down    bool
	since   time.Time
	problem string        // of the last failure since the last success
	gap     time.Duration // between the last failure and the next request
	next    time.Time     // when that is
}

// The time between the requests to a bot that is down.
const (
	firstGap     = 100 * time.Millisecond
	longestGap   = 2 * time.Second
	longestAlone = 5 * time.Second // if no connection can be made
)

// fail begins the outage, or delays the next request. The failure of a request that began before
// the outage tells nothing new.
func (o *outage) fail(probe bool, h health) {
	now := time.Now()
	if !o.down {
		o.down, o.since = true, now
	} else if !probe {
		return
	}
	longest := longestGap
	if h == unreachable {
		longest = longestAlone
	}
	o.gap = min(max(2*o.gap, firstGap), longest)
	o.next = now.Add(o.gap)
}

// wait is how long no request may begin.
func (o *outage) wait() time.Duration {
	if !o.down {
		return 0
	}
	return time.Until(o.next)
}

// end ends the outage.
func (o *outage) end() { *o = outage{} }
