package outlet

import (
	"net/netip"

	"golang.org/x/sync/semaphore"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// NewWithDial is New with a dialer of the test's own.
func NewWithDial(cfg Config, dial dialFunc) (*Outlet, error) { return newOutlet(cfg, dial) }

// Check reports whether the guard lets an address pass.
func Check(addr netip.Addr, allow []netip.Prefix) error { return check(addr, allow) }

// ReadCall reads the call in a body.
func ReadCall(contentType string, body []byte) (reply tghook.Reply, method, refused string) {
	c := readCall(contentType, body)
	if c.method != "" && c.refused == "" {
		reply = tghook.Reply{Method: c.method, Params: c.params}
	}
	return reply, c.method, c.refused
}

// Target is where the Outlet posts.
func (o *Outlet) Target() *wire.Target { return o.target }

// Idle is how many connections are in the pool.
func (o *Outlet) Idle() int {
	o.pool.mu.Lock()
	defer o.pool.mu.Unlock()
	return len(o.pool.idle)
}

// TakeMemory takes memory for large answers. It reports whether there was so much.
func TakeMemory(n int64) bool { return inUse.TryAcquire(n) }

// ReturnMemory gives it back.
func ReturnMemory(n int64) { inUse.Release(n) }

// Held is the memory that an Outlet may hold for large answers.
func (o *Outlet) Held() *semaphore.Weighted { return o.memory }

// Small is the memory that it may hold for small ones.
func (o *Outlet) Small() *semaphore.Weighted { return o.small }

const (
	MaxInUse = maxInUse
	MaxHeld  = maxHeld
	MaxSmall = maxSmall

	CopiesOfFiles = copiesOfFiles
	CopiesOfJSON  = copiesOfJSON
)
