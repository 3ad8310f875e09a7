package tgsqs_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqs"
	"github.com/tghook/tghook/internal/test/fakesqs"
)

// BenchmarkQueue compares tgsqs with bare calls of the client, on the fake in the same
// process: it measures the code of this package, and says nothing about SQS. A round has 200
// updates of 50 chats, and four parts:
//
//   - bare publish: SendMessageBatch with one message, by eight callers;
//   - publish: the handler of NewPublisher, by eight callers;
//   - bare consume: ReceiveMessage in a loop, and DeleteMessage for its messages at once;
//   - consume: Consume with an empty handler.
//
// It reports how fast a part of ours is for one of the bare client, which is 1.
func BenchmarkQueue(b *testing.B) {
	server := fakesqs.New(b)
	client := newClient(server.URL, nil)
	cfg := tgsqs.Config{URL: server.Queue("updates.fifo", nil), DeadLetterURL: server.Queue("dead.fifo", nil)}
	q := newQueue(b, server.URL, cfg)
	publisher, err := tghook.NewPublisher(q, tghook.DispatchConfig{Bot: bot})
	require.NoError(b, err)
	f := &factory{b: b, client: client, url: cfg.URL, queue: q}
	var took [4]time.Duration
	b.ResetTimer()
	for range b.N {
		took[0] += f.publish(f.send)
		took[2] += f.consumeBare()
		took[1] += f.publish(func(ctx context.Context, u tghook.QueuedUpdate) error {
			parsed, err := tghook.ParseUpdate(u.Raw)
			if err == nil {
				_, err = publisher.HandleUpdate(ctx, parsed)
			}
			return err
		})
		took[3] += f.consume()
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "publish/bare")
	b.ReportMetric(float64(took[2])/float64(took[3]), "consume/bare")
	b.ReportMetric(0, "ns/op") // of a round: it says nothing
}

type factory struct {
	b      *testing.B
	client *sqs.Client
	url    string
	queue  *tgsqs.Queue
	last   int64 // id that was used
}

const perRound = 200

// publish publishes the updates of a round.
func (f *factory) publish(one func(context.Context, tghook.QueuedUpdate) error) time.Duration {
	began := time.Now()
	var callers sync.WaitGroup
	for c := range int64(8) {
		callers.Go(func() {
			for i := c; i < perRound; i += 8 {
				u := update(f.last+i+1, "chat:"+strconv.FormatInt(i%50+1, 10))
				u.Raw = fmt.Appendf(nil, `{"update_id":%d,"message":{"chat":{"id":%d}}}`, u.Key.ID, i%50+1)
				if err := one(f.b.Context(), u); err != nil {
					f.b.Error(err)
				}
			}
		})
	}
	callers.Wait()
	f.last += perRound
	return time.Since(began)
}

func (f *factory) send(ctx context.Context, u tghook.QueuedUpdate) error {
	_, err := f.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &f.url, Entries: []types.SendMessageBatchRequestEntry{{
		Id: aws.String("0"), MessageBody: aws.String(string(u.Raw)), MessageGroupId: &u.Lane, MessageDeduplicationId: aws.String(strconv.FormatInt(u.Key.ID, 10)),
	}}})
	return err
}

func (f *factory) consumeBare() time.Duration {
	began := time.Now()
	for left := perRound; left > 0; {
		out, err := f.client.ReceiveMessage(f.b.Context(), &sqs.ReceiveMessageInput{QueueUrl: &f.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 2})
		require.NoError(f.b, err)
		var deletes sync.WaitGroup
		for _, m := range out.Messages {
			deletes.Go(func() {
				if _, err := f.client.DeleteMessage(f.b.Context(), &sqs.DeleteMessageInput{QueueUrl: &f.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
					f.b.Error(err)
				}
			})
		}
		deletes.Wait()
		left -= len(out.Messages)
	}
	return time.Since(began)
}

func (f *factory) consume() time.Duration {
	ctx, cancel := context.WithCancel(f.b.Context())
	began := time.Now()
	var took time.Duration
	var mu sync.Mutex
	ends := 0
	err := tghook.Consume(ctx, f.queue, tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, nil
	}), tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: bot, Observe: func(context.Context, tghook.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		if ends++; ends == perRound {
			took = time.Since(began)
			cancel()
		}
	}}})
	require.NoError(f.b, err)
	return took
}
