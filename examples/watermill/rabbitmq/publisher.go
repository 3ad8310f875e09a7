package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	amqp091 "github.com/rabbitmq/amqp091-go"
)

// publisher publishes to queues. It declares them on each new connection, because RabbitMQ
// before 3.12 may forget a queue when it restarts:
// https://github.com/rabbitmq/rabbitmq-server/pull/4563.
//
// Watermill's own publisher does not ask whether there is a queue. RabbitMQ confirms a message
// that it drops because there is none, so an update would be lost.
type publisher struct {
	url string

	mu   sync.Mutex
	conn *amqp091.Connection // nil if there is none yet
}

// newPublisher returns a publisher that is connected.
func newPublisher(url string) (*publisher, error) {
	p := &publisher{url: url}
	_, err := p.connection()
	return p, err
}

// Publish implements [message.Publisher]. It succeeds when RabbitMQ has confirmed the messages and
// has put each into its queue.
func (p *publisher) Publish(queue string, messages ...*message.Message) (err error) {
	conn, err := p.connection()
	if err != nil {
		return err
	}
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, channel.Close()) }()
	if err := channel.Confirm(false); err != nil {
		return err
	}
	// RabbitMQ returns a message before it confirms it.
	returned := channel.NotifyReturn(make(chan amqp091.Return, 1))
	for _, m := range messages {
		content, err := amqp.DefaultMarshaler{}.Marshal(m)
		if err != nil {
			return err
		}
		const mandatory, immediate = true, false
		confirmation, err := channel.PublishWithDeferredConfirmWithContext(m.Context(), "", queue, mandatory, immediate, content)
		if err != nil {
			return err
		}
		acknowledged, err := confirmation.WaitContext(m.Context())
		if err != nil {
			return err
		}
		if !acknowledged {
			return fmt.Errorf("RabbitMQ did not take a message for the queue %s", queue)
		}
		select {
		case <-returned:
			return errors.Join(fmt.Errorf("RabbitMQ has no queue %s; the next connection declares it", queue), conn.Close())
		default:
		}
	}
	return nil
}

// connection returns the connection. If there is none, it connects and declares the queues.
func (p *publisher) connection() (*amqp091.Connection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil && !p.conn.IsClosed() {
		return p.conn, nil
	}
	conn, err := amqp091.Dial(p.url)
	if err != nil {
		return nil, err
	}
	if err := declare(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	p.conn = conn
	return conn, nil
}

// declare declares the queues. They survive a restart of RabbitMQ, as their messages do. Each has
// one consumer at a time.
func declare(conn *amqp091.Connection) error {
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	defer func() { _ = channel.Close() }() // the connection has the error, if there is one
	for _, name := range append(queueNames(), deadLetters) {
		const durable, autoDelete, exclusive, noWait = true, false, false, false
		if _, err := channel.QueueDeclare(name, durable, autoDelete, exclusive, noWait, queueArguments()); err != nil {
			return err
		}
	}
	return nil
}

// queueArguments has the arguments of each declaration of a queue. They must be the same.
func queueArguments() amqp091.Table { return amqp091.Table{"x-single-active-consumer": true} }

// Close implements [message.Publisher].
func (p *publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil || p.conn.IsClosed() {
		return nil
	}
	return p.conn.Close()
}
