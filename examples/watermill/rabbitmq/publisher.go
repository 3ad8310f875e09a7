package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

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
	url  string
	lock chan struct{} // has an element while somebody uses conn
	conn *connection   // nil if there is none yet
}

const (
	// patience is how long RabbitMQ may take to connect or to close a connection.
	patience = 5 * time.Second
	// publishTime is how long it may take for a message. It is longer than the time of
	// [tghook.NewPublisher], so that one slow message does not end the connection of all others.
	publishTime = 10 * time.Second
)

// newPublisher returns a publisher that is connected.
func newPublisher(url string) (*publisher, error) {
	p := &publisher{url: url, lock: make(chan struct{}, 1)}
	_, err := p.connection(context.Background())
	return p, err
}

// Publish implements [message.Publisher]. It succeeds when RabbitMQ has confirmed the messages and
// has put each into its queue. It returns when the context of a message ends. Such a message is
// in its queue only if it was sent before that.
func (p *publisher) Publish(queue string, messages ...*message.Message) error {
	for _, m := range messages {
		published := make(chan error, 1)
		go func() { published <- p.publish(m.Context(), queue, m) }()
		select {
		case err := <-published:
			if err != nil {
				return err
			}
		case <-m.Context().Done():
			return m.Context().Err()
		}
	}
	return nil
}

// publish publishes a message. It may return later than ctx ends, because amqp091-go knows no
// contexts.
func (p *publisher) publish(ctx context.Context, queue string, m *message.Message) error {
	content, err := amqp.DefaultMarshaler{}.Marshal(m)
	if err != nil {
		return err
	}
	conn, err := p.connection(ctx)
	if err != nil {
		return err
	}
	defer conn.cutAfter(publishTime).Stop()
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	defer func() { _ = channel.Close() }() // what RabbitMQ has confirmed stays in its queue
	if err := channel.Confirm(false); err != nil {
		return err
	}
	// RabbitMQ returns a message before it confirms it.
	returned := channel.NotifyReturn(make(chan amqp091.Return, 1))
	if err := ctx.Err(); err != nil { // a newer message may be in the queue by now
		return err
	}
	const mandatory, immediate = true, false
	confirmation, err := channel.PublishWithDeferredConfirm("", queue, mandatory, immediate, content)
	if err != nil {
		return err
	}
	acknowledged, err := confirmation.WaitContext(ctx)
	if err != nil {
		return err
	}
	if !acknowledged {
		return fmt.Errorf("RabbitMQ did not take a message for the queue %s", queue)
	}
	select {
	case _, ok := <-returned:
		if ok { // else the connection was lost after the confirmation
			return errors.Join(fmt.Errorf("RabbitMQ has no queue %s; the next connection declares it", queue), conn.Close())
		}
	default:
	}
	return nil
}

// connection returns the connection. If there is none, it connects and declares the queues.
func (p *publisher) connection(ctx context.Context) (*connection, error) {
	select {
	case p.lock <- struct{}{}:
		defer func() { <-p.lock }()
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.conn != nil && !p.conn.IsClosed() {
		return p.conn, nil
	}
	conn, err := connect(p.url)
	if err != nil {
		return nil, err
	}
	p.conn = conn
	return conn, nil
}

// Close implements [message.Publisher].
func (p *publisher) Close() error {
	p.lock <- struct{}{}
	defer func() { <-p.lock }()
	if p.conn == nil || p.conn.IsClosed() {
		return nil
	}
	defer p.conn.cutAfter(patience).Stop()
	return p.conn.Close()
}

// connection is a connection that can be cut. All calls of it and of its channels return then.
// Without that they could wait for ever: when RabbitMQ lacks memory it reads nothing from a
// publisher, but it sends heartbeats.
type connection struct {
	*amqp091.Connection

	socket net.Conn
}

// connect connects and declares the queues. It takes no longer than patience, whatever the
// context of a message: the next message uses the connection too.
func connect(url string) (*connection, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel() // cuts a connection that is not kept
	c := &connection{}
	var keep func() bool
	dial := func(network, addr string) (net.Conn, error) {
		socket, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		c.socket = socket
		keep = context.AfterFunc(ctx, func() { _ = socket.Close() })
		return socket, nil
	}
	var err error
	c.Connection, err = amqp091.DialConfig(url, amqp091.Config{Locale: "en_US", Dial: dial}) // else as amqp091.Dial
	if err == nil {
		err = declare(c.Connection)
	}
	if ctx.Err() != nil { // amqp091-go would blame the password
		return nil, fmt.Errorf("RabbitMQ has not answered within %v: %w", patience, ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	keep()
	return c, nil
}

// cutAfter cuts the connection after d, unless the timer is stopped. CloseDeadline would wait
// longer than its deadline, because each heartbeat of RabbitMQ moves the deadline.
func (c *connection) cutAfter(d time.Duration) *time.Timer {
	return time.AfterFunc(d, func() { _ = c.socket.Close() })
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
