package tgpubsub_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpubsub"
)

// fake is Pub/Sub in memory, with the topics and the subscriptions of a bot.
type fake struct {
	*pstest.Server
}

const (
	updatesTopic = "projects/p/topics/updates"
	lettersTopic = "projects/p/topics/letters"
	updatesQueue = "projects/p/subscriptions/updates"
	lettersQueue = "projects/p/subscriptions/letters"
	other        = "projects/p/subscriptions/other"
)

func newFake(tb testing.TB, options ...pstest.ServerReactorOption) *fake {
	tb.Helper()
	f := &fake{pstest.NewServer(options...)}
	tb.Cleanup(func() { _ = f.Close() })
	for _, name := range []string{updatesTopic, lettersTopic} {
		_, err := f.GServer.CreateTopic(tb.Context(), &pubsubpb.Topic{Name: name})
		require.NoError(tb, err)
	}
	f.subscribe(tb, &pubsubpb.Subscription{Name: updatesQueue, Topic: updatesTopic, EnableMessageOrdering: true})
	f.subscribe(tb, &pubsubpb.Subscription{Name: lettersQueue, Topic: lettersTopic})
	return f
}

func (f *fake) subscribe(tb testing.TB, s *pubsubpb.Subscription) {
	tb.Helper()
	s.AckDeadlineSeconds = 10
	_, err := f.GServer.CreateSubscription(tb.Context(), s)
	require.NoError(tb, err)
}

// client is the client of one process.
func (f *fake) client(tb testing.TB) *pubsub.Client {
	tb.Helper()
	conn, err := grpc.NewClient(f.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(tb, err)
	client, err := pubsub.NewClient(context.Background(), "p", option.WithGRPCConn(conn))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	return client
}

// open returns the Queue of one process.
func (f *fake) open(tb testing.TB, change ...func(*tgpubsub.Config)) *tgpubsub.Queue {
	tb.Helper()
	cfg := tgpubsub.Config{Topic: "updates", Subscription: "updates", DeadLetterTopic: "letters"}
	for _, c := range change {
		c(&cfg)
	}
	q, err := tgpubsub.New(f.client(tb), cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, q.Close()) })
	return q
}

const (
	bot  = 7
	soon = time.Minute     // and shorter than long
	long = 9 * time.Minute // as long as no test takes; Pub/Sub has at most 10 minutes
)

func update(id int64, lane string) tghook.QueuedUpdate {
	return tghook.QueuedUpdate{Key: tghook.Key{Bot: bot, ID: id}, Lane: lane, Raw: fmt.Appendf(nil, `{"update_id":%d}`, id)}
}

// take takes one update.
func take(tb testing.TB, q tghook.Queue, lease time.Duration) tghook.QueuedUpdate {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), soon)
	defer cancel()
	taken, err := q.Take(ctx, bot, 1, lease)
	require.NoError(tb, err)
	require.Len(tb, taken, 1, "updates that come within %v", soon)
	return taken[0]
}

// nothing checks that nothing can be taken.
func nothing(tb testing.TB, q tghook.Queue) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 300*time.Millisecond)
	defer cancel()
	taken, err := q.Take(ctx, bot, 10, long)
	require.NoError(tb, err)
	require.Empty(tb, taken)
}

// eventually waits until what returns true.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	require.Eventually(tb, holds, soon, 5*time.Millisecond, what)
}
