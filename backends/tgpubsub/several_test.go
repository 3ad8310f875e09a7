package tgpubsub_test

import (
	"context"
	"slices"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpubsub"
)

// Pub/Sub delivers several messages of an ordering key at once. The fake does so only for a
// subscription without order, so that the client is told that it has order.
func TestSeveralMessagesOfALaneAreInTheProcess(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.subscribe(t, &pubsubpb.Subscription{Name: other, Topic: updatesTopic})
	conn, err := grpc.NewClient(f.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStreamInterceptor(ordered))
	require.NoError(t, err)
	client, err := pubsub.NewClient(context.Background(), "p", option.WithGRPCConn(conn))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	q, err := tgpubsub.New(client, tgpubsub.Config{Topic: "updates", Subscription: "other", DeadLetterTopic: "letters"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })

	nothing(t, q) // it begins to receive
	for id := range int64(4) {
		require.NoError(t, q.Publish(t.Context(), update(id+1, "chat:5")))
		eventually(t, "the delivery", func() bool { return f.Messages()[id].Deliveries == 1 })
	}
	first := take(t, q, long)
	assert.EqualValues(t, 1, first.Key.ID)
	nothing(t, q)
	require.NoError(t, q.Return(t.Context(), []tghook.QueuedUpdate{first}))
	first = take(t, q, long)
	assert.EqualValues(t, 1, first.Key.ID, "an update that was given back keeps its place")
	nothing(t, q)
	require.NoError(t, q.Done(t.Context(), first))
	second := take(t, q, long)
	assert.EqualValues(t, 2, second.Key.ID)
	require.NoError(t, q.Bury(t.Context(), second, "why"))
	assert.EqualValues(t, 3, take(t, q, long).Key.ID)
	require.NoError(t, q.Close())
	eventually(t, "the last two go back", func() bool { // not by Pull: the fake may first send a message to the closing stream
		messages := f.Messages()[2:4]
		return !slices.ContainsFunc(messages, func(m *pstest.Message) bool { return m.Acks != 0 || m.Modacks[len(m.Modacks)-1].AckDeadline != 0 })
	})
}

// ordered makes responses say that the subscription has message ordering.
func ordered(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(ctx, d, c, method, o...)
	return orderedStream{s}, err
}

type orderedStream struct{ grpc.ClientStream }

// RecvMsg implements [grpc.ClientStream].
func (s orderedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if r, ok := m.(*pubsubpb.StreamingPullResponse); ok && err == nil {
		r.SubscriptionProperties = &pubsubpb.StreamingPullResponse_SubscriptionProperties{MessageOrderingEnabled: true}
	}
	return err
}
