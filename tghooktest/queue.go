package tghooktest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/tghook/tghook"
)

// QueueBackend is a Queue that [TestQueue] checks.
type QueueBackend struct {
	// Queue is the Queue of one process. If it is also a [tghook.Letters] or a
	// [tghook.TxQueue], TestQueue checks their rules too.
	Queue tghook.Queue
	// Other is a Queue on the same data with another client, as in a second process. If nil,
	// TestQueue uses Queue.
	Other tghook.Queue
	// Gaps are the parts of the contract that the engine cannot keep. TestQueue leaves out
	// the cases that depend on them. Document them in your Queue.
	Gaps []QueueGap
	// Stop ends the server that keeps the data at once, as kill -9 does. Start starts the
	// server again with the same data, and may return before the server is ready. The server
	// must still have all data that it has confirmed. TestQueue calls the two in turn. If they
	// are nil, TestQueue leaves out the cases in which the server is away.
	Stop, Start func()
}

// QueueGap is a part of the contract of [tghook.Queue] that an engine does not keep.
type QueueGap int

// The gaps of queues that are not databases.
const (
	// GapOnce: an update that is published twice may be kept twice.
	GapOnce QueueGap = iota + 1
	// GapAttempts: Attempts has another meaning.
	GapAttempts
	// GapNotes: the note of Fail is not kept.
	GapNotes
	// GapBytes: bytes that are not JSON, and lanes that are not UTF-8 or have control
	// characters, may be changed.
	GapBytes
	// GapOldest: the lanes come in any order.
	GapOldest
	// GapLeaseOver: a lease ends when it has run out, even if nobody else has taken the
	// update.
	GapLeaseOver
	// GapLost: a call for a lease that does not hold changes nothing, but may return no
	// error, and Renew may not return its key.
	GapLost
	// GapLanes: State does not set Oldest and Lanes.
	GapLanes
	// GapReturn: an update cannot be taken at once after Return.
	GapReturn
)

// TestQueue checks that a Queue keeps its contract, which is the doc comment of
// [tghook.Queue], and of [tghook.Letters] and [tghook.TxQueue] if the Queue has their methods.
// Some cases handle updates with [tghook.NewPublisher] and [tghook.Consume]. Each case is a
// subtest, named after its rule.
//
// TestQueue calls open once for each case and once before them, from several goroutines. open
// releases its resources in tb.Cleanup. The QueueBackends may share one server and one set of
// tables, because each case uses other bots, with random ids. The cases leave some hundreds of
// updates, some of them leased for a minute. The cases with Stop run last, one by one.
//
// All cases together take a few seconds, because some wait until a lease runs out, or until
// Take has had time to return a wrong update. No case waits until a key may be forgotten.
func TestQueue(t *testing.T, open func(tb testing.TB) QueueBackend) {
	t.Helper()
	kind := open(t)
	run := func(c queueCase) {
		if c.suits(kind) {
			t.Run(c.name, func(t *testing.T) { c.run(newQueueTrial(judge{t, patience}, open(t))) })
		}
	}
	const abreast = 16 // cases that wait concurrently
	var waiting sync.WaitGroup
	places := make(chan struct{}, abreast)
	for _, c := range waitingQueueCases() {
		places <- struct{}{}
		waiting.Go(func() {
			defer func() { <-places }()
			run(c)
		})
	}
	waiting.Wait()
	for _, c := range slices.Concat(queueCrowdCases, queueAwayCases) {
		run(c)
	}
}

// A queueCase is one rule of the contract, and the QueueBackends that it is checked with.
type queueCase = contractCase[QueueBackend, *queueTrial]

// waitingQueueCases mostly wait.
func waitingQueueCases() []queueCase {
	return slices.Concat(consumeCases, takeWaitCases, queueLeaseCases, queueLateCases,
		publishCases, orderCases, queueEndCases, queueCallCases, letterCases, txQueueCases)
}

func anyQueue(QueueBackend) bool         { return true }
func stoppableQueue(b QueueBackend) bool { return b.Stop != nil && b.Start != nil }
func withLetters(b QueueBackend) bool    { _, ok := b.Queue.(tghook.Letters); return ok }
func withTx(b QueueBackend) bool         { _, ok := b.Queue.(tghook.TxQueue); return ok }

// unless accepts the QueueBackends that have none of the gaps.
func unless(gaps ...QueueGap) func(QueueBackend) bool {
	return func(b QueueBackend) bool {
		return !slices.ContainsFunc(gaps, func(g QueueGap) bool { return slices.Contains(b.Gaps, g) })
	}
}

// both accepts the QueueBackends that two functions accept.
func both(a, b func(QueueBackend) bool) func(QueueBackend) bool {
	return func(q QueueBackend) bool { return a(q) && b(q) }
}

func newQueueTrial(j judge, b QueueBackend) *queueTrial {
	if b.Other == nil {
		b.Other = b.Queue
	}
	return &queueTrial{judge: j, QueueBackend: b, bot: 1 + rand.Int64N(1<<50), crowd: 8} //nolint:gosec // the id of a bot is not secret
}
