package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// connected returns a publisher. A busy RabbitMQ may need several tries to connect.
func connected(t *testing.T, server *engine.Server) (p *publisher) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		p, err = newPublisher(server.URL)
		require.NoError(c, err)
	}, time.Minute, 10*time.Millisecond)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

// publish publishes a message. It tries again while a busy RabbitMQ does not connect in time: then
// nothing was sent.
func publish(t *testing.T, p *publisher, id, payload string) {
	t.Helper()
	err := context.DeadlineExceeded
	for start := time.Now(); errors.Is(err, context.DeadlineExceeded) && time.Since(start) < time.Minute; {
		err = p.Publish(deadLetters, message.NewMessage(id, message.Payload(payload)))
	}
	require.NoError(t, err)
}

// RabbitMQ forgets a queue. It confirms the message that it drops, so only the return says that
// the message is lost. The next connection declares the queue again.
func TestAMessageWithoutAQueueIsNotPublished(t *testing.T) {
	t.Parallel()
	server := engine.RabbitMQ(t)
	p := connected(t, server)
	conn, err := amqp091.Dial(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	channel, err := conn.Channel()
	require.NoError(t, err)

	publish(t, p, "7-1", "1")
	_, err = channel.QueueDelete(deadLetters, false, false, false)
	require.NoError(t, err)
	require.ErrorContains(t, p.Publish(deadLetters, message.NewMessage("7-2", message.Payload("2"))), "no queue "+deadLetters)

	publish(t, p, "7-2", "2")
	kept, ok, err := channel.Get(deadLetters, true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "2", string(kept.Body))
}

// A paused server answers nothing, as one that lacks memory. What a caller has given up must not
// be published behind newer messages.
func TestPublishEndsWithItsContextAndDoesNotPublishLater(t *testing.T) {
	t.Parallel()
	server := engine.RabbitMQ(t)
	p := connected(t, server)

	require.NoError(t, server.Pause())
	givesUp(t, p, "old") // it waits for an answer
	require.NoError(t, server.Resume())
	publish(t, p, "7-1", "1")

	require.NoError(t, server.Pause())
	givesUp(t, p, "old")
	start := time.Now()
	require.Error(t, p.Close())
	assert.Less(t, time.Since(start), 12*patience)
	var callers sync.WaitGroup
	for range 3 { // the first one connects, and the others wait for it
		callers.Go(func() { givesUp(t, p, "old") })
	}
	callers.Wait()
	require.NoError(t, server.Resume())
	publish(t, p, "7-2", "2")
	assert.Equal(t, []string{"1", "2"}, published(t, server))

	require.NoError(t, server.Restart(t.Context()))
	require.Eventually(t, func() bool {
		return p.Publish(deadLetters, message.NewMessage("7-3", message.Payload("3"))) == nil
	}, time.Minute, 10*time.Millisecond)
}

// givesUp publishes with a context that ends before the server answers.
func givesUp(t *testing.T, p *publisher, payload string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := p.Publish(deadLetters, message.NewMessageWithContext(ctx, "7-0", message.Payload(payload)))
	assert.Equal(t, context.DeadlineExceeded, err, "the error of the context itself, not of a connection that has not come in time")
}

// published takes the messages out of the queue of dead letters.
func published(t *testing.T, server *engine.Server) (payloads []string) {
	t.Helper()
	conn, err := amqp091.Dial(server.URL)
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	channel, err := conn.Channel()
	require.NoError(t, err)
	for {
		m, ok, err := channel.Get(deadLetters, true)
		require.NoError(t, err)
		if !ok {
			return payloads
		}
		payloads = append(payloads, string(m.Body))
	}
}
