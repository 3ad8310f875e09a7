package tgsqs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/tghook/tghook"
)

// Config names the queues of SQS.
type Config struct {
	// URL is the queue of the updates, such as
	// https://sqs.us-east-2.amazonaws.com/123456789012/updates.fifo. It must be a FIFO queue
	// that nothing else uses. It is required.
	//
	// Each bot needs its own queue. For several bots, write {bot} in place of the bot's id:
	// https://sqs.us-east-2.amazonaws.com/123456789012/updates-{bot}.fifo
	URL string
	// DeadLetterURL is the queue of the dead letters: another FIFO queue, in which {bot} means
	// the same. It is required, except in a process that only publishes.
	DeadLetterURL string
}

// Queue is a [tghook.Queue] and a [tghook.Letters] on SQS. Every method may be called
// concurrently.
type Queue struct {
	client  *sqs.Client
	updates queue
	dead    queue
	looking chan struct{} // has a value while a call looks at the dead letters
}

var (
	_ tghook.Queue   = (*Queue)(nil)
	_ tghook.Letters = (*Queue)(nil)
)

// queue is a queue of SQS for each bot.
type queue struct {
	url   string // {bot} stands for the id of the bot
	name  string // for errors: the URL without the account
	field string // of Config
}

// of returns the queue of a bot.
func (q queue) of(bot int64) queue {
	id := strconv.FormatInt(bot, 10)
	return queue{strings.ReplaceAll(q.url, botPlace, id), strings.ReplaceAll(q.name, botPlace, id), q.field}
}

const botPlace = "{bot}"

// New returns a Queue that uses client. It sends nothing.
func New(client *sqs.Client, cfg Config) (*Queue, error) {
	if client == nil {
		return nil, &tghook.ConfigError{Field: "tgsqs.New", Problem: "the client is nil; give it one, such as sqs.NewFromConfig(cfg) with the cfg of config.LoadDefaultConfig"}
	}
	updates, err := parseURL("tgsqs.Config.URL", cfg.URL)
	if cfg.DeadLetterURL == "" {
		if err != nil {
			return nil, err
		}
		return &Queue{client: client, updates: updates, looking: make(chan struct{}, 1)}, nil
	}
	dead, deadErr := parseURL("tgsqs.Config.DeadLetterURL", cfg.DeadLetterURL)
	if deadErr == nil && cfg.DeadLetterURL == cfg.URL {
		deadErr = &tghook.ConfigError{Field: "tgsqs.Config.DeadLetterURL", Problem: "it is also Config.URL; dead letters need another queue"}
	}
	if err := errors.Join(err, deadErr); err != nil {
		return nil, err
	}
	return &Queue{client: client, updates: updates, dead: dead, looking: make(chan struct{}, 1)}, nil
}

func parseURL(field, text string) (queue, error) {
	u, err := url.Parse(strings.ReplaceAll(text, botPlace, "1"))
	switch {
	case text == "":
		return queue{}, &tghook.ConfigError{Field: field, Problem: "it is empty; set it to the URL of a FIFO queue of SQS"}
	case err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") == "":
		return queue{}, &tghook.ConfigError{Field: field, Problem: "it is not the URL of a queue, such as https://sqs.us-east-2.amazonaws.com/123456789012/updates.fifo"}
	case !strings.HasSuffix(u.Path, ".fifo"):
		return queue{}, &tghook.ConfigError{Field: field, Problem: fmt.Sprintf("the queue %s is not a FIFO queue, because its name does not end with .fifo; only a FIFO queue keeps the order", path.Base(u.Path))}
	}
	return queue{url: text, name: path.Base(text) + " at " + u.Host, field: field}, nil
}

// Take implements [tghook.Queue]. It returns at most 10 updates. SQS decides which lanes come
// first. When ctx ends, Take returns within two seconds. It waits for the answer of SQS, because
// the answer may have updates. It makes them visible again.
func (q *Queue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	if q.dead.url == "" {
		return nil, &tghook.ConfigError{Field: "tgsqs.Config.DeadLetterURL", Problem: "it is empty; set it to the URL of a FIFO queue of SQS for the updates that are given up"}
	}
	from := q.updates.of(bot)
	for ctx.Err() == nil {
		wait := longestWait
		if end, ok := ctx.Deadline(); ok {
			wait = min(wait, time.Until(end))
		}
		messages, err := q.receive(ctx, from, limit, lease, wait)
		if ctx.Err() != nil {
			q.giveBack(ctx, from, messages)
			break
		}
		if err != nil {
			return nil, from.failed("taking updates", "ReceiveMessage", err)
		}
		taken, err := q.read(ctx, arrival{from, bot, lease}, messages)
		if err != nil || len(taken) > 0 {
			return taken, err
		}
	}
	return nil, nil
}

const (
	// longestWait is how long one request waits for messages, and so Take after the end of ctx.
	longestWait = 2 * time.Second
	// overtime is how much longer the answer may take after the end of the context.
	overtime = 2 * time.Second
)

// receive waits for messages for a time, even if ctx ends earlier.
func (q *Queue) receive(ctx context.Context, from queue, limit int, lease, wait time.Duration) ([]types.Message, error) {
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(longestWait+overtime, cancel) })()
	out, err := q.client.ReceiveMessage(call, &sqs.ReceiveMessageInput{
		QueueUrl:            &from.url,
		MaxNumberOfMessages: int32(min(max(limit, 1), maxBatch)),
		WaitTimeSeconds:     seconds(wait),
		VisibilityTimeout:   seconds(lease),
		// If an answer is lost, the client asks for the same messages again.
		ReceiveRequestAttemptId: aws.String(rand.Text()),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameMessageDeduplicationId,
			types.MessageSystemAttributeNameMessageGroupId,
			types.MessageSystemAttributeNameSequenceNumber,
			types.MessageSystemAttributeNameSentTimestamp,
			types.MessageSystemAttributeNameApproximateReceiveCount,
		},
		MessageAttributeNames: []string{laneAttribute, rawAttribute, whyAttribute, publishedAttribute},
	})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// giveBack makes messages visible again whose caller has gone.
func (q *Queue) giveBack(ctx context.Context, from queue, messages []types.Message) {
	handles := make([]string, len(messages))
	for i := range messages {
		handles[i] = aws.ToString(messages[i].ReceiptHandle)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), overtime)
	defer cancel()
	_, _ = q.hide(ctx, from, handles, 0) // otherwise the leases run out
}

// arrival is what a call of Take was asked for.
type arrival struct {
	queue queue
	bot   int64
	lease time.Duration
}

// read reads updates from messages. It buries messages that are not updates. If a message is of
// another bot, read makes the others visible again and returns an error.
func (q *Queue) read(ctx context.Context, a arrival, messages []types.Message) ([]tghook.QueuedUpdate, error) {
	updates := make([]tghook.QueuedUpdate, 0, len(messages))
	turns := map[string]*turn{}
	var errs []error
	for i := range messages {
		m := &messages[i]
		group := systemAttribute(m, types.MessageSystemAttributeNameMessageGroupId)
		if turns[group] == nil {
			turns[group] = new(turn)
		}
		u := readUpdate(m)
		u.Receipt = turns[group].receipt(a, m)
		if received, err := strconv.Atoi(systemAttribute(m, types.MessageSystemAttributeNameApproximateReceiveCount)); err == nil {
			u.Attempts = max(received-1, 0)
		}
		if u.Key == (tghook.Key{}) { // somebody else has sent it
			u.Key.Bot = a.bot
			parsed, err := tghook.ParseUpdate(u.Raw)
			if parsed == nil {
				errs = append(errs, q.Bury(ctx, u, fmt.Sprintf("the message is no update: %v", err)))
				continue
			}
			u.Key.ID = parsed.ID
		}
		if u.Key.Bot != a.bot {
			errs = append(errs, fmt.Errorf("tgsqs: taking updates: %s: %s is in it, and the consumer is for bot %d; give each bot its own queue", a.queue.name, words(u.Key), a.bot))
			continue
		}
		updates = append(updates, u)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, q.Return(ctx, updates))
	}
	return updates, nil
}

// Renew implements [tghook.Queue]. A lease that has run out no longer holds, even if nobody else
// has taken the update. SQS ends every lease 12 hours after Take.
func (q *Queue) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	if err := q.hideUpdates(ctx, "renewing leases", updates, seconds(lease)); err != nil {
		return nil, err
	}
	var gone []tghook.Key
	for i := range updates {
		if !holds(&updates[i]) {
			gone = append(gone, updates[i].Key)
		}
	}
	return gone, nil
}

// Done implements [tghook.Queue].
func (q *Queue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	what := "ending " + words(u.Key)
	if !holds(&u) {
		return lost(what)
	}
	r, err := receiptOf(&u)
	if err != nil {
		return err
	}
	return q.remove(ctx, what, r)
}

// remove deletes the message of an update.
func (q *Queue) remove(ctx context.Context, what string, r receipt) error {
	_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &r.queue.url, ReceiptHandle: &r.handle})
	switch {
	case err == nil:
		return nil
	case isLost(err):
		r.turn.lose(r.place)
		return lost(what)
	default:
		return r.queue.failed(what, "DeleteMessage", err)
	}
}

// Fail implements [tghook.Queue]. SQS has no place for a note, and counts only how often it
// hands an update out. So Fail only checks that the lease holds, by renewing it.
func (q *Queue) Fail(ctx context.Context, u tghook.QueuedUpdate, _ []byte) error {
	r, err := receiptOf(&u)
	if err != nil {
		return err
	}
	return q.confirm(ctx, "counting a failure of "+words(u.Key), &u, r.lease)
}

// confirm renews the lease of an update, and returns an error if it does not hold.
func (q *Queue) confirm(ctx context.Context, what string, u *tghook.QueuedUpdate, lease time.Duration) error {
	gone, err := q.Renew(ctx, []tghook.QueuedUpdate{*u}, lease)
	if err == nil && len(gone) > 0 {
		err = lost(what)
	}
	return err
}

// burial is how long Bury may take after it has renewed the lease.
const burial = 30 * time.Second

// Bury implements [tghook.Queue]. It sends the update to the queue of the dead letters, and
// then deletes it. If the program is killed between these, the update is in both.
func (q *Queue) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	what := "burying " + words(u.Key)
	r, err := receiptOf(&u)
	if err != nil {
		return err
	}
	if r.turn.isBuried(r.place) {
		return q.remove(ctx, what, r)
	}
	if err := q.confirm(ctx, what, &u, burial); err != nil {
		return err
	}
	m := newLetter(&u, why, r.sequence)
	if err := q.sendBatch(ctx, q.dead.of(u.Key.Bot), what, []*message{&m}); err != nil {
		return err
	}
	r.turn.bury(r.place)
	return q.remove(ctx, what, r)
}

// Return implements [tghook.Queue]. SQS counts that it has handed the updates out.
func (q *Queue) Return(ctx context.Context, updates []tghook.QueuedUpdate) error {
	return q.hideUpdates(ctx, "giving updates back", updates, 0)
}

// hideUpdates hides updates for some seconds from now on. It notes those whose leases do not
// hold.
func (q *Queue) hideUpdates(ctx context.Context, what string, updates []tghook.QueuedUpdate, timeout int32) error {
	receipts := map[queue][]receipt{}
	for i := range updates {
		r, err := receiptOf(&updates[i])
		if err != nil {
			return err
		}
		receipts[r.queue] = append(receipts[r.queue], r)
	}
	var errs []error
	for in, some := range receipts {
		handles := make([]string, len(some))
		for i := range some {
			handles[i] = some[i].handle
		}
		refusals, err := q.hide(ctx, in, handles, timeout)
		if err != nil {
			errs = append(errs, in.failed(what, "ChangeMessageVisibility", err))
		}
		for i, err := range refusals {
			if isLost(err) {
				some[i].turn.lose(some[i].place)
			} else {
				errs = append(errs, in.failed(what, "ChangeMessageVisibility", err))
			}
		}
	}
	return errors.Join(errs...)
}

// abreast is how many batches are sent concurrently.
const abreast = 8

// hide hides messages for some seconds from now on. It returns the errors of those that SQS
// refuses, by their places.
func (q *Queue) hide(ctx context.Context, in queue, handles []string, timeout int32) (map[int]error, error) {
	var mu sync.Mutex
	refusals := map[int]error{}
	var errs []error
	var batches sync.WaitGroup
	places := make(chan struct{}, abreast)
	for from := 0; from < len(handles); from += maxBatch {
		places <- struct{}{}
		batches.Go(func() {
			defer func() { <-places }()
			batch := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &in.url}
			for i := from; i < min(from+maxBatch, len(handles)); i++ {
				batch.Entries = append(batch.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
					Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &handles[i], VisibilityTimeout: timeout,
				})
			}
			out, err := q.client.ChangeMessageVisibilityBatch(ctx, batch)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			for i := range out.Failed {
				if place, err := strconv.Atoi(aws.ToString(out.Failed[i].Id)); err == nil && place >= from && place < from+len(batch.Entries) {
					refusals[place] = refused(&out.Failed[i])
				}
			}
		})
	}
	batches.Wait()
	return refusals, errors.Join(errs...)
}

// words names an update in an error.
func words(k tghook.Key) string { return fmt.Sprintf("update %d of bot %d", k.ID, k.Bot) }

// seconds rounds up to what SQS accepts: whole seconds, from 1 to 12 hours.
func seconds(d time.Duration) int32 {
	return int32(min(max(math.Ceil(d.Seconds()), 1), (12 * time.Hour).Seconds()))
}
