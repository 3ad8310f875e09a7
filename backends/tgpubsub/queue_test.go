package tgpubsub_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpubsub"
)

func TestAMessageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	q := f.open(t)
	long, invalid := strings.Repeat("a/", 600), "chat:\xff"
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5"), update(2, ""), update(3, long), update(4, invalid)))
	messages := f.Messages()
	require.Len(t, messages, 4)
	keys := map[string]string{}
	for _, m := range messages {
		assert.Equal(t, "7", m.Attributes["bot"])
		assert.JSONEq(t, `{"update_id":`+m.Attributes["update_id"]+`}`, string(m.Data))
		keys[m.Attributes["update_id"]] = m.OrderingKey
	}
	assert.Equal(t, "7/chat:5", keys["1"])
	assert.Empty(t, keys["2"])
	assert.Regexp(t, `^7/sha256:[0-9a-f]{64}$`, keys["3"])
	assert.Equal(t, "7/chat:%FF", keys["4"])
}

// A failure must not close the lane for later updates, and must not let an update through whose
// predecessor in the same call has failed.
func TestAFailedPublishDoesNotBlockItsLane(t *testing.T) {
	t.Parallel()
	refuse := &refusals{}
	f := newFake(t, pstest.ServerReactorOption{FuncName: "Publish", Reactor: refuse})
	q := f.open(t)
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5")))

	refuse.set(`{"update_id":2}`)
	err := q.Publish(t.Context(), update(2, "chat:5"), update(3, "chat:5"), update(4, "chat:6"))
	require.ErrorContains(t, err, "tgpubsub: Publish: ")
	assert.Equal(t, codes.PermissionDenied, status.Code(err))
	refuse.set("")
	require.NoError(t, q.Publish(t.Context(), update(2, "chat:5")))
	require.NoError(t, q.Publish(t.Context(), update(3, "chat:5")))

	want := map[string][]int64{"chat:5": {1, 2, 3}, "chat:6": {4}}
	for range 4 {
		u := take(t, q, long)
		assert.Equal(t, want[u.Lane][0], u.Key.ID)
		want[u.Lane] = want[u.Lane][1:]
		require.NoError(t, q.Done(t.Context(), u))
	}
	nothing(t, q)
}

// A caller that has given up must not leave the lane closed when the failure comes later.
func TestAPublishThatFailsLateDoesNotBlockItsLane(t *testing.T) {
	t.Parallel()
	refuse := &refusals{came: make(chan struct{}, 1), wait: make(chan struct{})}
	f := newFake(t, pstest.ServerReactorOption{FuncName: "Publish", Reactor: refuse})
	q := f.open(t)
	refuse.set(`{"update_id":1}`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-refuse.came; cancel() }()
	require.ErrorIs(t, q.Publish(ctx, update(1, "chat:5")), context.Canceled)
	refuse.set("")
	close(refuse.wait)
	eventually(t, "the lane is open again", func() bool { return q.Publish(t.Context(), update(2, "chat:5")) == nil })
}

// refusals refuse to publish one text.
type refusals struct {
	mu   sync.Mutex
	text string
	came chan struct{} // gets a value before a refusal waits
	wait chan struct{} // a refusal waits for it
}

func (r *refusals) set(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = text
}

// React implements [pstest.Reactor]. The server calls it with its lock.
func (r *refusals) React(request any) (bool, any, error) {
	r.mu.Lock()
	text := r.text
	r.mu.Unlock()
	for _, m := range request.(*pubsubpb.PublishRequest).GetMessages() {
		if text != "" && string(m.GetData()) == text {
			if r.wait != nil {
				r.came <- struct{}{}
				<-r.wait
			}
			return true, &pubsubpb.PublishResponse{}, status.Error(codes.PermissionDenied, "refused")
		}
	}
	return false, nil, nil
}

func TestTheNextOfALaneComesAfterTheEndOfTheOneBefore(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	q := f.open(t)
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5"), update(2, "chat:5"), update(3, "chat:6")))
	first, other := take(t, q, long), take(t, q, long)
	if first.Key.ID == 3 {
		first, other = other, first
	}
	assert.EqualValues(t, 1, first.Key.ID)
	assert.EqualValues(t, 3, other.Key.ID)
	nothing(t, q)
	require.NoError(t, q.Done(t.Context(), first))
	second := take(t, q, long)
	assert.EqualValues(t, 2, second.Key.ID)
	assert.WithinDuration(t, time.Now(), second.Published, time.Minute)
}

// Updates go to another process when this one has closed its Queue, in their order.
func TestACloseGivesAllBackInOrder(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	first := f.open(t)
	updates := make([]tghook.QueuedUpdate, 0, 9)
	for id := range int64(9) {
		updates = append(updates, update(id+1, []string{"chat:5", "chat:6", ""}[id%3]))
	}
	require.NoError(t, first.Publish(t.Context(), updates...))
	// The fake may send messages to the closing stream. They come again after this time.
	held := take(t, first, 10*time.Second)
	require.NoError(t, first.Fail(t.Context(), held, []byte("note")))
	require.NoError(t, first.Close())
	eventually(t, "the one that was taken goes back", func() bool {
		return slices.ContainsFunc(f.Messages(), func(m *pstest.Message) bool {
			return m.Attributes["update_id"] == strconv.FormatInt(held.Key.ID, 10) &&
				slices.ContainsFunc(m.Modacks, func(m pstest.Modack) bool { return m.AckDeadline == 0 })
		})
	})
	require.ErrorIs(t, first.Done(t.Context(), held), tghook.ErrClaimLost)
	require.ErrorIs(t, first.Fail(t.Context(), held, nil), tghook.ErrClaimLost)
	require.ErrorIs(t, first.Bury(t.Context(), held, "why"), tghook.ErrClaimLost)
	lost, err := first.Renew(t.Context(), []tghook.QueuedUpdate{held}, long)
	require.NoError(t, err)
	assert.Equal(t, []tghook.Key{held.Key}, lost)
	_, err = first.Take(t.Context(), bot, 1, long)
	require.EqualError(t, err, "tgpubsub: Take: the Queue is closed")
	require.ErrorContains(t, first.Publish(t.Context(), update(1, "chat:5")), "tgpubsub: Publish: ")
	require.NoError(t, first.Close(), "again")

	second := f.open(t)
	came := map[string][]int64{}
	for range updates {
		u := take(t, second, long)
		came[u.Lane] = append(came[u.Lane], u.Key.ID)
		require.NoError(t, second.Done(t.Context(), u))
	}
	assert.Equal(t, []int64{1, 4, 7}, came["chat:5"])
	assert.Equal(t, []int64{2, 5, 8}, came["chat:6"])
	assert.ElementsMatch(t, []int64{3, 6, 9}, came[""])
}

func TestDoneRemovesAnUpdate(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{false, true} {
		f := newFake(t)
		f.subscribe(t, &pubsubpb.Subscription{Name: other, Topic: updatesTopic, EnableMessageOrdering: true, EnableExactlyOnceDelivery: once})
		q := f.open(t, func(cfg *tgpubsub.Config) { cfg.Subscription = other })
		require.NoError(t, q.Publish(t.Context(), update(1, "chat:5")))
		u := take(t, q, long)
		require.NoError(t, q.Done(t.Context(), u))
		if once {
			assert.Equal(t, 1, f.Messages()[0].Acks, "the acknowledgement is there when Done has returned")
		}
		require.NoError(t, q.Done(t.Context(), u), "again, because the answer was lost")
		eventually(t, "the acknowledgement", func() bool { return f.Messages()[0].Acks == 1 })
		lost, err := q.Renew(t.Context(), []tghook.QueuedUpdate{u}, long)
		require.NoError(t, err)
		assert.Len(t, lost, 1)
	}
}

// With exactly-once delivery Pub/Sub says that the update is another's by now.
func TestDoneSaysThatTheUpdateIsAnothers(t *testing.T) {
	t.Parallel()
	f := newFake(t, pstest.ServerReactorOption{FuncName: "Acknowledge", Reactor: invalid{}})
	f.subscribe(t, &pubsubpb.Subscription{Name: other, Topic: updatesTopic, EnableMessageOrdering: true, EnableExactlyOnceDelivery: true})
	q := f.open(t, func(cfg *tgpubsub.Config) { cfg.Subscription = other })
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5")))
	require.ErrorIs(t, q.Done(t.Context(), take(t, q, long)), tghook.ErrClaimLost)
}

func TestBuryPublishesADeadLetter(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	q := f.open(t)
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5"), update(2, "chat:5")))
	u := take(t, q, long)
	why := strings.Repeat("ü", 2000) + "\xff"
	require.NoError(t, q.Bury(t.Context(), u, why))
	require.NoError(t, q.Bury(t.Context(), u, why), "again, because the answer was lost")
	assert.EqualValues(t, 2, take(t, q, long).Key.ID)

	letters := f.letters(t)
	require.Len(t, letters, 1)
	letter, err := tgpubsub.ReadDeadLetter(letters[0])
	require.NoError(t, err)
	assert.Equal(t, u.Key, letter.Key)
	assert.Equal(t, "chat:5", letter.Lane)
	assert.JSONEq(t, `{"update_id":1}`, string(letter.Raw))
	assert.Equal(t, strings.Repeat("ü", 512), letter.Why)
	assert.True(t, u.Published.Equal(letter.Published))
	require.NoError(t, q.Publish(t.Context(), letter.QueuedUpdate))
}

// letters returns the messages in the topic of the dead letters.
func (f *fake) letters(tb testing.TB) (letters []*pubsub.Message) {
	tb.Helper()
	for _, m := range f.Messages() {
		if m.Topic == lettersTopic {
			letters = append(letters, &pubsub.Message{ID: m.ID, Data: m.Data, Attributes: m.Attributes, PublishTime: m.PublishTime})
		}
	}
	return letters
}

// The lease still holds if the dead letter cannot be published.
func TestABuryThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	refuse := &refusals{}
	f := newFake(t, pstest.ServerReactorOption{FuncName: "Publish", Reactor: refuse})
	q := f.open(t)
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5")))
	u := take(t, q, long)
	refuse.set(`{"update_id":1}`)
	require.ErrorContains(t, q.Bury(t.Context(), u, "why"), "tgpubsub: Bury of update 1 of bot 7: publish to Config.DeadLetterTopic: ")
	nothing(t, q)
	refuse.set("")
	require.NoError(t, q.Bury(t.Context(), u, "why"))
	assert.Len(t, f.letters(t), 1)
}

func TestAMessageThatIsNoUpdateBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	q := f.open(t)
	f.PublishOrdered(updatesTopic, []byte("not ours"), nil, "7/chat:5")
	f.PublishOrdered(updatesTopic, []byte("nor this"), map[string]string{"bot": "7", "update_id": "one"}, "7/chat:5")
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5")))
	assert.EqualValues(t, 1, take(t, q, long).Key.ID)
	letters := f.letters(t)
	require.Len(t, letters, 2)
	assert.Equal(t, "not ours", string(letters[0].Data))
	assert.Contains(t, letters[0].Attributes["why"], "has no attribute bot")
	assert.Contains(t, letters[1].Attributes["why"], `the attribute update_id is "one"`)
	_, err := tgpubsub.ReadDeadLetter(letters[0])
	require.ErrorContains(t, err, "tgpubsub: ReadDeadLetter: ")
	_, err = tgpubsub.ReadDeadLetter(nil)
	require.Error(t, err)
}

func TestASubscriptionWithoutOrderIsAnError(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.subscribe(t, &pubsubpb.Subscription{Name: other, Topic: updatesTopic})
	q := f.open(t, func(cfg *tgpubsub.Config) { cfg.Subscription = "other" })
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5"), update(2, "chat:5")))
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for {
		taken, err := q.Take(ctx, bot, 1, long)
		if err != nil {
			require.ErrorContains(t, err, "create a subscription with message ordering enabled")
			return
		}
		require.NotEmpty(t, taken, "an error")
	}
}

func TestTakeSaysWhyItCannotReceive(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	q := f.open(t, func(cfg *tgpubsub.Config) { cfg.Subscription = "missing" })
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, err := q.Take(ctx, bot, 1, long)
	require.ErrorContains(t, err, "tgpubsub: Take: receive from projects/p/subscriptions/missing: ")
	assert.Equal(t, codes.NotFound, status.Code(err))

	f.subscribe(t, &pubsubpb.Subscription{Name: "projects/p/subscriptions/missing", Topic: updatesTopic, EnableMessageOrdering: true})
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:5")))
	assert.EqualValues(t, 1, take(t, q, long).Key.ID, "Take begins anew")
}

// The fake does not know how much a process may have, but the client does.
func TestMaxMessagesBoundsWhatAProcessHas(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	q := f.open(t, func(cfg *tgpubsub.Config) { cfg.MaxMessages = 3 })
	updates, taken := make([]tghook.QueuedUpdate, 0, 10), make([]tghook.QueuedUpdate, 0, 3)
	for id := range int64(10) {
		updates = append(updates, update(id+1, ""))
	}
	require.NoError(t, q.Publish(t.Context(), updates...))
	for range 3 {
		taken = append(taken, take(t, q, long))
	}
	nothing(t, q)
	require.NoError(t, q.Done(t.Context(), taken[0]))
	take(t, q, long)
	nothing(t, q)
}

func TestNewSaysAllMistakes(t *testing.T) {
	t.Parallel()
	_, err := tgpubsub.New(nil, tgpubsub.Config{MaxMessages: -1, MaxBytes: -1})
	for _, text := range []string{"the client is nil", "Topic and Subscription are empty", "MaxMessages: -1", "MaxBytes: -1"} {
		require.ErrorContains(t, err, text)
	}
	client := newFake(t).client(t)
	_, err = tgpubsub.New(client, tgpubsub.Config{Topic: "a", Subscription: "b"})
	require.ErrorContains(t, err, "tgpubsub.Config.DeadLetterTopic: it is empty")
	_, err = tgpubsub.New(client, tgpubsub.Config{Topic: "a", Subscription: "b", DeadLetterTopic: "a"})
	require.ErrorContains(t, err, "the same as Topic")
	var mistake *tghook.ConfigError
	require.ErrorAs(t, err, &mistake)

	publisher, err := tgpubsub.New(client, tgpubsub.Config{Topic: "updates"})
	require.NoError(t, err)
	_, err = publisher.Take(t.Context(), bot, 1, long)
	require.ErrorContains(t, err, "Config.Subscription is empty")
	_, err = publisher.Renew(t.Context(), nil, long)
	require.ErrorContains(t, err, "Config.Subscription is empty")
	for _, err := range []error{
		publisher.Done(t.Context(), update(1, "")), publisher.Fail(t.Context(), update(1, ""), nil),
		publisher.Bury(t.Context(), update(1, ""), ""), publisher.Return(t.Context(), nil),
	} {
		require.ErrorContains(t, err, "Config.Subscription is empty")
	}
	consumer, err := tgpubsub.New(client, tgpubsub.Config{Subscription: "updates", DeadLetterTopic: "letters"})
	require.NoError(t, err)
	require.ErrorContains(t, consumer.Publish(t.Context(), update(1, "")), "Config.Topic is empty")
	require.ErrorIs(t, consumer.Done(t.Context(), update(1, "")), tghook.ErrClaimLost, "without a receipt")
	require.NoError(t, consumer.Close())
	require.NoError(t, publisher.Close())
}

// invalid refuses acknowledgements as Pub/Sub does when the update is another's.
type invalid struct{}

// React implements [pstest.Reactor].
func (invalid) React(request any) (bool, any, error) {
	problem := &errdetails.ErrorInfo{Metadata: map[string]string{}}
	for _, id := range request.(*pubsubpb.AcknowledgeRequest).GetAckIds() {
		problem.Metadata[id] = "PERMANENT_FAILURE_INVALID_ACK_ID"
	}
	s, err := status.New(codes.FailedPrecondition, "refused").WithDetails(problem)
	if err != nil {
		return true, nil, err
	}
	return true, &emptypb.Empty{}, s.Err()
}
