//go:build !race

// watermill-amqp has a data race when it connects again:
// https://github.com/ThreeDotsLabs/watermill/issues/693. So make test runs this file without the
// race detector.

package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/watermill"
	"github.com/tghook/tghook/examples/watermill/internal/trial"
	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/internal/test/memstore"
)

func open(t *testing.T, server *engine.Server) (*publisher, tghook.Handler) {
	t.Helper()
	publisher := connected(t, server)
	receiver, err := watermill.NewPublisher(publisher, queueOf, tghook.DispatchConfig{Bot: trial.Bot})
	require.NoError(t, err)
	return publisher, receiver
}

func worker(t *testing.T, server *engine.Server, publisher *publisher, h tghook.Handler, store tghook.Store) (stop func()) {
	t.Helper()
	return trial.Start(t, func(ctx context.Context) error {
		return work(ctx, server.URL, publisher, h, tghook.DispatchConfig{Bot: trial.Bot, Store: store})
	})
}

// Workers come and go, some attempts fail, and RabbitMQ is killed. The Store keeps what
// RabbitMQ delivers again from being handled again. Then an update is given up.
func TestUpdatesAreHandledOnceAndInOrder(t *testing.T) {
	t.Parallel()
	server := engine.RabbitMQ(t)
	publisher, receiver := open(t, server)
	journal, store := &trial.Journal{}, memstore.New()
	wait := trial.Deliver(t, receiver)
	stop := worker(t, server, publisher, journal, store)
	journal.Wait(t, trial.Chats*trial.Each/4)
	stopOther := worker(t, server, publisher, journal, store)
	require.NoError(t, server.Restart(t.Context()))
	journal.Wait(t, trial.Chats*trial.Each/2)
	stop()
	wait()
	journal.Wait(t, trial.Chats*trial.Each)
	journal.Check(t)
	stopOther()

	aDeadLetterIsPublished(t, server, publisher, receiver)
}

func aDeadLetterIsPublished(t *testing.T, server *engine.Server, publisher *publisher, receiver tghook.Handler) {
	t.Helper()
	for id := range int64(2) {
		_, err := receiver.HandleUpdate(t.Context(), trial.Update(t, 1001+id, 1))
		require.NoError(t, err)
	}
	handled := make(chan int64, 1)
	worker(t, server, publisher, tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID == 1001 {
			return tghook.NoReply, tghook.Drop(errors.New("never"))
		}
		handled <- u.ID
		return tghook.NoReply, nil
	}), nil)
	assert.EqualValues(t, 1002, <-handled)

	subscriber, err := amqp.NewSubscriber(config(server.URL), logger())
	require.NoError(t, err)
	letters, err := subscriber.Subscribe(t.Context(), deadLetters)
	require.NoError(t, err)
	var letter *message.Message
	select {
	case letter = <-letters:
	case <-time.After(time.Minute):
		require.Fail(t, "the dead letter has not come")
	}
	letter.Ack()
	assert.Equal(t, string(trial.Update(t, 1001, 1).Raw), string(letter.Payload))
	assert.Contains(t, letter.Metadata.Get("why"), "never")
	require.NoError(t, subscriber.Close())
}
