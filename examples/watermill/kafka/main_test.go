package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/watermill"
	"github.com/tghook/tghook/examples/watermill/internal/trial"
	"github.com/tghook/tghook/internal/test/memstore"
)

// open starts a Kafka in memory. It returns a publisher, and the Handler on it. refuse sees each
// request to produce, and says whether brokers are out of sync.
func open(t *testing.T, refuse func(*kmsg.ProduceRequest) bool) (*kfake.Cluster, *kafka.Publisher, tghook.Handler) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(8, topic), kfake.SeedTopics(1, deadLetters))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		produce := r.(*kmsg.ProduceRequest)
		eraseEpoch(produce)
		if refuse == nil || !refuse(produce) {
			return nil, nil, false
		}
		return refusal(produce), nil, true
	})
	publisher, err := newPublisher(cluster.ListenAddrs())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, publisher.Close()) })
	receiver, err := watermill.NewPublisher(publisher, func(string) string { return topic }, tghook.DispatchConfig{Bot: trial.Bot})
	require.NoError(t, err)
	return cluster, publisher, receiver
}

// eraseEpoch sets the epoch of the partition's leader to -1 in each batch. A producer does not
// know it. The fake refuses the 0 of this client, and Kafka does not read it.
func eraseEpoch(r *kmsg.ProduceRequest) {
	for _, of := range r.Topics {
		for _, p := range of.Partitions {
			copy(p.Records[12:16], []byte{0xff, 0xff, 0xff, 0xff})
		}
	}
}

// refusal says that too few brokers have the produced messages.
func refusal(r *kmsg.ProduceRequest) kmsg.Response {
	response := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, of := range r.Topics {
		answer := kmsg.NewProduceResponseTopic()
		answer.Topic = of.Topic
		for _, p := range of.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, kerr.NotEnoughReplicas.Code
			answer.Partitions = append(answer.Partitions, partition)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

func worker(t *testing.T, cluster *kfake.Cluster, publisher *kafka.Publisher, h tghook.Handler, store tghook.Store) (stop func()) {
	t.Helper()
	return trial.Start(t, func(ctx context.Context) error {
		return work(ctx, cluster.ListenAddrs(), publisher, h, tghook.DispatchConfig{Bot: trial.Bot, Store: store})
	})
}

// Workers come and go, some attempts fail, and partitions move. The Store keeps what Kafka
// delivers again from being handled again.
func TestUpdatesAreHandledOnceAndInOrder(t *testing.T) {
	t.Parallel()
	cluster, publisher, receiver := open(t, nil)
	journal, store := &trial.Journal{}, memstore.New()
	wait := trial.Deliver(t, receiver)
	stop := worker(t, cluster, publisher, journal, store)
	journal.Wait(t, trial.Chats*trial.Each/4)
	worker(t, cluster, publisher, journal, store)
	journal.Wait(t, trial.Chats*trial.Each/2)
	stop()
	wait()
	journal.Wait(t, trial.Chats*trial.Each)
	journal.Check(t)
}

// An update is acknowledged when all brokers that are in sync have it, and not before.
func TestTheReceiverWaitsForTheBrokers(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	var asked atomic.Int32
	away.Store(true)
	cluster, _, receiver := open(t, func(r *kmsg.ProduceRequest) bool {
		assert.EqualValues(t, -1, r.Acks, "acks=all")
		asked.Add(1)
		return away.Load()
	})
	_, err := receiver.HandleUpdate(t.Context(), trial.Update(t, 1, 1))
	require.Error(t, err)
	assert.Positive(t, asked.Load())
	away.Store(false)
	// The fake does not accept the next epoch of a producer whose request has failed, as Kafka
	// does. So another producer continues.
	publisher, err := newPublisher(cluster.ListenAddrs())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, publisher.Close()) })
	receiver, err = watermill.NewPublisher(publisher, func(string) string { return topic }, tghook.DispatchConfig{Bot: trial.Bot})
	require.NoError(t, err)
	_, err = receiver.HandleUpdate(t.Context(), trial.Update(t, 1, 1))
	require.NoError(t, err)
}

// receive returns the next value of a channel.
func receive[T any](t *testing.T, ch <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-ch:
	case <-time.After(time.Minute):
		require.Fail(t, "nothing came within a minute")
	}
	return value
}

// An update that is given up goes to another topic, and the updates behind it are handled.
func TestADeadLetterIsPublished(t *testing.T) {
	t.Parallel()
	cluster, publisher, receiver := open(t, nil)
	_, err := receiver.HandleUpdate(t.Context(), trial.Update(t, 1, 1))
	require.NoError(t, err)
	_, err = receiver.HandleUpdate(t.Context(), trial.Update(t, 2, 1))
	require.NoError(t, err)
	handled := make(chan int64, 1)
	worker(t, cluster, publisher, tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID == 1 {
			return tghook.NoReply, tghook.Drop(errors.New("never"))
		}
		handled <- u.ID
		return tghook.NoReply, nil
	}), nil)
	assert.EqualValues(t, 2, receive(t, handled))

	cfg := kafka.DefaultSaramaSubscriberConfig()
	cfg.Consumer.Offsets.Initial = -2 // from the first one on
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: cluster.ListenAddrs(), Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: cfg,
	}, logger())
	require.NoError(t, err)
	letters, err := subscriber.Subscribe(t.Context(), deadLetters)
	require.NoError(t, err)
	letter := receive(t, letters)
	letter.Ack()
	assert.Equal(t, string(trial.Update(t, 1, 1).Raw), string(letter.Payload))
	assert.Contains(t, letter.Metadata.Get("why"), "never")
	require.NoError(t, subscriber.Close())
}
