package tgpubsub_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpubsub"
	"github.com/tghook/tghook/internal/test/memstore"
)

// journal has the updates whose handlers have returned, by lane.
type journal struct {
	mu    sync.Mutex
	lanes map[string][]int64
	total int
}

// handler writes down an update of a chat after a time.
func (j *journal) handler(takes time.Duration) tghook.Handler {
	return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return tghook.NoReply, context.Cause(ctx)
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.lanes == nil {
			j.lanes = map[string][]int64{}
		}
		lane := strconv.FormatInt(u.ChatID, 10)
		j.lanes[lane] = append(j.lanes[lane], u.ID)
		j.total++
		return tghook.NoReply, nil
	})
}

func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.total
}

// check checks that each update was handled, in the order of its lane. It returns how many
// were handled twice.
func (j *journal) check(t *testing.T, lanes, each int) (twice int) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for lane := range lanes {
		came := j.lanes[strconv.Itoa(lane+1)]
		assert.True(t, slices.IsSorted(came), "the order of chat %d: %v", lane+1, came)
		once := slices.Compact(slices.Clone(came))
		assert.Len(t, once, each, "updates of chat %d: %v", lane+1, came)
		twice += len(came) - len(once)
	}
	return twice
}

// publishAll publishes updates of chats 1, 2 and so on in turn, as a webhook does.
func publishAll(t *testing.T, q tghook.Queue, lanes, each int) {
	t.Helper()
	publisher, err := tghook.NewPublisher(q, tghook.DispatchConfig{Bot: bot})
	require.NoError(t, err)
	for i := range lanes * each {
		publish(t, publisher, int64(i+1), int64(i%lanes+1))
	}
}

func publish(t *testing.T, publisher tghook.Handler, id, chat int64) {
	t.Helper()
	u, err := tghook.ParseUpdate([]byte(`{"update_id":` + strconv.FormatInt(id, 10) + `,"message":{"message_id":1,"date":1,"chat":{"id":` + strconv.FormatInt(chat, 10) + `,"type":"private"}}}`))
	require.NoError(t, err)
	_, err = publisher.HandleUpdate(t.Context(), u)
	require.NoError(t, err)
}

// consume handles updates until the test ends, or until stop is called.
func consume(t *testing.T, q tghook.Queue, h tghook.Handler, store tghook.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- tghook.Consume(ctx, q, h, tghook.ConsumeConfig{
			Dispatch: tghook.DispatchConfig{Bot: bot, Store: store},
			Lease:    10 * time.Second,
			OnError:  func(context.Context, error) {},
		})
	}()
	stop = sync.OnceFunc(func() { cancel(); assert.NoError(t, <-ended) })
	t.Cleanup(stop)
	return stop
}

// Pub/Sub keeps an update twice that was published twice. One process remembers the updates it has
// handled, but the next one does not, unless they share a Store.
func TestADuplicateIsHandledOnceWithAStore(t *testing.T) {
	t.Parallel()
	for want, store := range map[int]tghook.Store{1: memstore.New(), 2: nil} {
		f, j := newFake(t), &journal{}
		for process := range 2 {
			q := f.open(t)
			publisher, err := tghook.NewPublisher(q, tghook.DispatchConfig{Bot: bot})
			require.NoError(t, err)
			publish(t, publisher, 1, 5)
			publish(t, publisher, 1, 5)
			stop := consume(t, q, j.handler(0), store)
			eventually(t, "all messages are acknowledged", func() bool {
				acks := 0
				for _, m := range f.Messages() {
					acks += m.Acks
				}
				return acks == 2*(process+1)
			})
			stop()
			require.NoError(t, q.Close())
		}
		assert.Equal(t, want, j.count())
	}
}

// A worker that stops returns its updates. No update is handled twice.
func TestTheOrderHoldsWhenWorkersComeAndGo(t *testing.T) {
	t.Parallel()
	const lanes, each = 8, 25
	f, j := newFake(t), &journal{}
	publishAll(t, f.open(t), lanes, each)
	for at := lanes * each / 4; at <= lanes*each; at += lanes * each / 4 {
		q := f.open(t)
		stop := consume(t, q, j.handler(2*time.Millisecond), nil)
		eventually(t, "a quarter of the updates is handled", func() bool { return j.count() >= at })
		stop()
		require.NoError(t, q.Close())
	}
	assert.Zero(t, j.check(t, lanes, each), "handled twice")
}

// A worker dies: its connection is gone, and its handlers do not go on. The other one gets its
// updates when Pub/Sub has not heard of it for as long as the lease, and in their order.
func TestTheOrderHoldsWhenAWorkerDies(t *testing.T) {
	t.Parallel()
	const lanes, each = 8, 25
	f, j := newFake(t), &journal{}
	publishAll(t, f.open(t), lanes, each)

	conn, err := grpc.NewClient(f.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	client, err := pubsub.NewClient(context.Background(), "p", option.WithGRPCConn(conn))
	require.NoError(t, err)
	dying, err := tgpubsub.New(client, tgpubsub.Config{Subscription: "updates", DeadLetterTopic: "letters"})
	require.NoError(t, err)
	dead := make(chan struct{})
	handler := j.handler(2 * time.Millisecond)
	consume(t, dying, tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		select {
		case <-dead:
			<-ctx.Done()
			return tghook.NoReply, errors.New("dead")
		default:
			return handler.HandleUpdate(ctx, u)
		}
	}), nil)
	eventually(t, "some updates are handled", func() bool { return j.count() >= lanes*each/4 })
	consume(t, f.open(t), handler, nil)
	eventually(t, "some more updates are handled", func() bool { return j.count() >= lanes*each/2 })
	close(dead)
	require.NoError(t, conn.Close())
	eventually(t, "all updates are handled", func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		handled := map[int64]bool{}
		for _, lane := range j.lanes {
			for _, id := range lane {
				handled[id] = true
			}
		}
		return len(handled) == lanes*each
	})
	// A handler had returned, and its acknowledgement was not sent yet.
	assert.LessOrEqual(t, j.check(t, lanes, each), lanes, "handled twice")
	require.NoError(t, dying.Close())
}

// With exactly-once delivery the acknowledgement is there before the next update of the lane
// starts, so that a worker that dies leaves at most the update that it has.
func TestConsumeWaitsForTheAcknowledgement(t *testing.T) {
	t.Parallel()
	f, j := newFake(t), &journal{}
	f.subscribe(t, &pubsubpb.Subscription{Name: other, Topic: updatesTopic, EnableMessageOrdering: true, EnableExactlyOnceDelivery: true})
	q := f.open(t, func(cfg *tgpubsub.Config) { cfg.Subscription = other })
	publishAll(t, q, 1, 3)
	handler := j.handler(0)
	consume(t, q, tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		for _, m := range f.Messages() {
			if id, _ := strconv.ParseInt(m.Attributes["update_id"], 10, 64); id < u.ID {
				assert.Equal(t, 1, m.Acks, "update %d, when update %d starts", id, u.ID)
			}
		}
		return handler.HandleUpdate(ctx, u)
	}), nil)
	eventually(t, "all updates are handled", func() bool { return j.count() == 3 })
}
