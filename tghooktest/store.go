package tghooktest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/tghook/tghook"
)

// Backend is a Store that [TestStore] checks.
type Backend struct {
	// Store is the Store as a process has it. If it is also a [tghook.AlbumStore], TestStore
	// checks that too.
	Store tghook.Store
	// Other is a Store on the same data, as another process has it: with a client of its own.
	// If nil, it is Store.
	Other tghook.Store
	// Stop ends the server that keeps the data, at once, as kill -9 does. Start starts it
	// again with the same data, and may return before it answers. What the server has
	// answered must be there: Redis needs appendfsync always for that. TestStore calls them
	// in turn. If they are nil, TestStore leaves out the cases in which the server is away.
	Stop, Start func()
}

// TestStore checks that a Store keeps its contract, which is the doc comment of
// [tghook.Store], and of [tghook.AlbumStore] if it is one. Each case is a subtest, named by
// what it checks.
//
// TestStore calls open once for each case and once before them, from several goroutines. open
// ends what it started in tb.Cleanup. The Backends may share one server and one set of tables
// or keys: each case has bots of its own, whose ids are random. They leave some hundreds of
// updates, which may be forgotten after an hour. The cases with Stop run last, one by one.
//
// All cases together take a few seconds, because some wait until a lease or a ttl is over. No
// case checks a reply of 50 MB, which the contract allows: the largest has 20 MB.
func TestStore(t *testing.T, open func(tb testing.TB) Backend) {
	t.Helper()
	kind := open(t)
	run := func(c storeCase) {
		if c.suits(kind) {
			t.Run(c.name, func(t *testing.T) { c.run(newStoreTrial(judge{t, patience}, open(t))) })
		}
	}
	var waiting sync.WaitGroup
	for _, c := range waitingStoreCases() {
		waiting.Go(func() { run(c) })
	}
	for _, c := range quickStoreCases() {
		run(c)
	}
	waiting.Wait()
	for _, c := range awayCases {
		run(c)
	}
}

// A storeCase is one rule of the contract, and the Backends that it is checked with.
type storeCase = contractCase[Backend, *storeTrial]

// quickStoreCases do not wait.
func quickStoreCases() []storeCase {
	return slices.Concat(claimCases, endCases, storedReplyCases, keyCases, crowdCases, callCases, albumCases)
}

// waitingStoreCases wait for times of the Store's clock. They do so side by side.
func waitingStoreCases() []storeCase {
	return slices.Concat(leaseCases, lateHolderCases, ttlCases, albumTTLCases)
}

func anyStore(Backend) bool     { return true }
func stoppable(b Backend) bool  { return b.Stop != nil && b.Start != nil }
func withAlbums(b Backend) bool { _, ok := b.Store.(tghook.AlbumStore); return ok }

func stoppableWithAlbums(b Backend) bool { return stoppable(b) && withAlbums(b) }

func newStoreTrial(j judge, b Backend) *storeTrial {
	if b.Other == nil {
		b.Other = b.Store
	}
	return &storeTrial{judge: j, Backend: b, bot: 1 + rand.Int64N(1<<50), large: 20e6, crowd: 200} //nolint:gosec // the id of a bot is not secret
}
