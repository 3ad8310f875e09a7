package main

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// RabbitMQ forgets a queue. It confirms the message that it drops, so only the return says that
// the message is lost. The next connection declares the queue again.
func TestAMessageWithoutAQueueIsNotPublished(t *testing.T) {
	t.Parallel()
	server := engine.RabbitMQ(t)
	p, err := newPublisher(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	conn, err := amqp091.Dial(server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	channel, err := conn.Channel()
	require.NoError(t, err)

	require.NoError(t, p.Publish(deadLetters, message.NewMessage("7-1", message.Payload("1"))))
	_, err = channel.QueueDelete(deadLetters, false, false, false)
	require.NoError(t, err)
	require.ErrorContains(t, p.Publish(deadLetters, message.NewMessage("7-2", message.Payload("2"))), "no queue "+deadLetters)

	require.NoError(t, p.Publish(deadLetters, message.NewMessage("7-2", message.Payload("2"))))
	kept, ok, err := channel.Get(deadLetters, true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "2", string(kept.Body))
}
